#include <dlfcn.h>
#include <gtest/gtest.h>

#include "test/support/fake_daemon_fixture.h"

namespace ddskey::test {
namespace {

constexpr auto kFailed = DDS_SECURITY_VALIDATION_FAILED;

class NullArgumentTest : public FakeDaemonFixture {
 protected:
  void SetUp() override { local_ = Create(OptionsOf("talker", 0x01)); }

  dds_security_authentication* p() { return host_->plugin(); }
  int64_t local() { return local_->handle(); }

  std::unique_ptr<PluginParticipant> local_;
  int64_t handle_ = 0;
  DDS_Security_GUID_t guid_ = {};
  DDS_Security_Qos qos_ = {};
  DDS_Security_OctetSeq data_ = {};
  Token token_;
  Token other_;
  PluginError error_;
};

TEST_F(NullArgumentTest, IdentityOperationsRefuseThem) {
  auto* const f = p()->validate_local_identity;
  auto* const ex = error_.get();
  EXPECT_EQ(f(nullptr, &handle_, &guid_, 0, &qos_, &guid_, ex), kFailed);
  EXPECT_NE(error_.message(), "");
  EXPECT_EQ(f(p(), nullptr, &guid_, 0, &qos_, &guid_, nullptr), kFailed);
  EXPECT_EQ(f(p(), &handle_, nullptr, 0, &qos_, &guid_, nullptr), kFailed);
  EXPECT_EQ(f(p(), &handle_, &guid_, 0, nullptr, &guid_, nullptr), kFailed);
  EXPECT_EQ(f(p(), &handle_, &guid_, 0, &qos_, nullptr, nullptr), kFailed);
  EXPECT_EQ(f(p(), &handle_, &guid_, 0, &qos_, &guid_, nullptr), kFailed);

  EXPECT_FALSE(p()->get_identity_token(nullptr, token_.get(), local(), nullptr));
  EXPECT_FALSE(p()->get_identity_token(p(), nullptr, local(), nullptr));
  EXPECT_FALSE(p()->get_identity_status_token(nullptr, token_.get(), local(), nullptr));
  EXPECT_FALSE(p()->get_identity_status_token(p(), nullptr, local(), nullptr));
  EXPECT_FALSE(p()->set_permissions_credential_and_token(nullptr, local(), token_.get(), token_.get(), nullptr));
  EXPECT_FALSE(p()->set_permissions_credential_and_token(p(), local(), nullptr, token_.get(), nullptr));
  EXPECT_FALSE(p()->set_permissions_credential_and_token(p(), local(), token_.get(), nullptr, nullptr));
}

TEST_F(NullArgumentTest, PropertiesWithoutNameValueOrBufferAreNoProperties) {
  DDS_Security_Property_t properties[] = {{nullptr, nullptr, false},
                                          {const_cast<char*>("dds.sec.auth.private_key"), nullptr, false},
                                          {nullptr, const_cast<char*>("x"), false}};
  qos_.property.value = {3, 3, properties};
  EXPECT_EQ(p()->validate_local_identity(p(), &handle_, &guid_, 0, &qos_, &guid_, nullptr), kFailed);
  qos_.property.value = {3, 3, nullptr};
  EXPECT_EQ(p()->validate_local_identity(p(), &handle_, &guid_, 0, &qos_, &guid_, nullptr), kFailed);
}

TEST_F(NullArgumentTest, ValidateRemoteIdentityRefusesThemAndStillWritesItsResults) {
  auto* const f = p()->validate_remote_identity;
  EXPECT_EQ(f(nullptr, &handle_, token_.get(), nullptr, local(), other_.get(), &guid_, nullptr), kFailed);
  EXPECT_EQ(f(p(), nullptr, token_.get(), nullptr, local(), other_.get(), &guid_, nullptr), kFailed);
  EXPECT_EQ(f(p(), &handle_, nullptr, nullptr, local(), other_.get(), &guid_, nullptr), kFailed);
  handle_ = -1;
  token_.Clear();
  EXPECT_EQ(f(p(), &handle_, token_.get(), nullptr, local(), nullptr, &guid_, nullptr), kFailed);
  EXPECT_EQ(handle_, 0);
  EXPECT_NE(token_.get()->class_id, nullptr);
  EXPECT_EQ(f(p(), &handle_, token_.get(), nullptr, local(), other_.get(), nullptr, nullptr), kFailed);
}

TEST_F(NullArgumentTest, HandshakeOperationsRefuseThem) {
  auto* const request = p()->begin_handshake_request;
  EXPECT_EQ(request(nullptr, &handle_, token_.get(), local(), 1, &data_, nullptr), kFailed);
  EXPECT_EQ(request(p(), nullptr, token_.get(), local(), 1, &data_, nullptr), kFailed);
  EXPECT_EQ(request(p(), &handle_, nullptr, local(), 1, &data_, nullptr), kFailed);
  EXPECT_EQ(request(p(), &handle_, token_.get(), local(), 1, nullptr, nullptr), kFailed);
  auto* const reply = p()->begin_handshake_reply;
  EXPECT_EQ(reply(nullptr, &handle_, token_.get(), other_.get(), 1, local(), &data_, nullptr), kFailed);
  EXPECT_EQ(reply(p(), nullptr, token_.get(), other_.get(), 1, local(), &data_, nullptr), kFailed);
  EXPECT_EQ(reply(p(), &handle_, nullptr, other_.get(), 1, local(), &data_, nullptr), kFailed);
  EXPECT_EQ(reply(p(), &handle_, token_.get(), nullptr, 1, local(), &data_, nullptr), kFailed);
  EXPECT_EQ(reply(p(), &handle_, token_.get(), other_.get(), 1, local(), nullptr, nullptr), kFailed);
  auto* const process = p()->process_handshake;
  EXPECT_EQ(process(nullptr, token_.get(), other_.get(), 1, nullptr), kFailed);
  EXPECT_EQ(process(p(), nullptr, other_.get(), 1, nullptr), kFailed);
  EXPECT_EQ(process(p(), token_.get(), nullptr, 1, nullptr), kFailed);
  EXPECT_EQ(p()->get_shared_secret(nullptr, 1, nullptr), 0);
  EXPECT_FALSE(p()->get_authenticated_peer_credential_token(nullptr, token_.get(), 1, nullptr));
  EXPECT_FALSE(p()->get_authenticated_peer_credential_token(p(), nullptr, 1, nullptr));
}

TEST_F(NullArgumentTest, ReturningThemIsRefused) {
  EXPECT_FALSE(p()->set_listener(nullptr, nullptr, nullptr));
  EXPECT_FALSE(p()->return_identity_token(nullptr, token_.get(), nullptr));
  EXPECT_FALSE(p()->return_identity_token(p(), nullptr, nullptr));
  EXPECT_FALSE(p()->return_identity_status_token(nullptr, token_.get(), nullptr));
  EXPECT_FALSE(p()->return_identity_status_token(p(), nullptr, nullptr));
  EXPECT_FALSE(p()->return_authenticated_peer_credential_token(nullptr, token_.get(), nullptr));
  EXPECT_FALSE(p()->return_authenticated_peer_credential_token(p(), nullptr, nullptr));
  EXPECT_FALSE(p()->return_handshake_handle(nullptr, 1, nullptr));
  EXPECT_FALSE(p()->return_identity_handle(nullptr, local(), nullptr));
  EXPECT_FALSE(p()->return_sharedsecret_handle(nullptr, 1, nullptr));
}

TEST_F(NullArgumentTest, InitAndFinalizeRefuseThem) {
  void* const library = dlopen("plugin_shim/cyclonedds/libddskey_cyclonedds.so", RTLD_NOW);
  ASSERT_NE(library, nullptr) << dlerror();
  const auto init = reinterpret_cast<int32_t (*)(const char*, void**, void*)>(dlsym(library, "init_authentication"));
  const auto finalize = reinterpret_cast<int32_t (*)(void*)>(dlsym(library, "finalize_authentication"));
  EXPECT_NE(init(nullptr, nullptr, nullptr), 0);
  void* context = nullptr;
  ASSERT_EQ(init(nullptr, &context, nullptr), 0);
  EXPECT_NE(context, nullptr);
  EXPECT_EQ(finalize(context), 0);
  EXPECT_EQ(finalize(nullptr), 0);
  dlclose(library);
}

}  // namespace
}  // namespace ddskey::test
