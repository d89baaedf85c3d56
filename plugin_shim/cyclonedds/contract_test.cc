// What Cyclone DDS's core relies on, whatever it is given.

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cstdint>
#include <cstring>

#include "test/support/fake_daemon_fixture.h"
#include "test/support/plugin_session.h"

namespace ddskey::test {
namespace {

using ::testing::HasSubstr;

class ContractTest : public FakeDaemonFixture {
 protected:
  void SetUp() override {
    local_ = Create(OptionsOf("talker", 0x10));
    memcpy(&higher_, Guid{0xff}.data(), sizeof(higher_));
    identity_.SetClass("DDS:Auth:PKI-DH:1.0");
  }

  dds_security_authentication* plugin() { return host_->plugin(); }

  DDS_Security_ValidationResult_t ValidateRemote(int64_t local, const Token* received = nullptr) {
    return plugin()->validate_remote_identity(plugin(), &remote_, announced_.get(),
                                              received == nullptr ? nullptr : received->get(), local, identity_.get(),
                                              &higher_, nullptr);
  }

  std::unique_ptr<PluginParticipant> local_;
  DDS_Security_GUID_t higher_ = {};
  Token identity_;
  Token announced_;
  int64_t remote_ = 0;
};

TEST_F(ContractTest, ValidateRemoteIdentityAsksNobodyAndAlwaysGivesAHandle) {
  service_.Stop();
  EXPECT_EQ(ValidateRemote(local_->handle()), DDS_SECURITY_VALIDATION_PENDING_HANDSHAKE_REQUEST);
  const int64_t first = remote_;
  EXPECT_NE(first, 0);
  EXPECT_EQ(announced_.class_id(), "DDS:Auth:PKI-DH:1.0+AuthReq");
  EXPECT_EQ(announced_.Transmitted().Binary("future_challenge").value_or("").size(), 32u);
  remote_ = 0;
  EXPECT_EQ(ValidateRemote(local_->handle()), DDS_SECURITY_VALIDATION_PENDING_HANDSHAKE_REQUEST);
  EXPECT_EQ(remote_, first);
}

TEST_F(ContractTest, ValidateRemoteIdentityKeepsItsChallengeForAPair) {
  ValidateRemote(local_->handle());
  const auto challenge = announced_.Binary("future_challenge");
  ValidateRemote(local_->handle());
  EXPECT_EQ(announced_.Binary("future_challenge"), challenge);
}

TEST_F(ContractTest, ValidateRemoteIdentityAnnouncesNothingToWhoHasAnnounced) {
  Token received;
  received.SetClass("DDS:Auth:PKI-DH:1.0+AuthReq");
  received.SetBinary("future_challenge", std::string(32, 'f'));
  ValidateRemote(local_->handle(), &received);
  // The core measures this string without looking whether it is one.
  ASSERT_NE(announced_.get()->class_id, nullptr);
  EXPECT_STREQ(announced_.get()->class_id, "");
}

TEST_F(ContractTest, ValidateRemoteIdentityDoesNotFailOverBadTokensAndUnknownIdentities) {
  Token bad;
  EXPECT_EQ(ValidateRemote(local_->handle(), &bad), DDS_SECURITY_VALIDATION_PENDING_HANDSHAKE_REQUEST);
  bad.SetClass("junk");
  bad.SetBinary("future_challenge", "short");
  EXPECT_EQ(ValidateRemote(local_->handle(), &bad), DDS_SECURITY_VALIDATION_PENDING_HANDSHAKE_REQUEST);
  identity_.Clear();
  EXPECT_EQ(ValidateRemote(local_->handle()), DDS_SECURITY_VALIDATION_PENDING_HANDSHAKE_REQUEST);
  remote_ = 0;
  announced_.Clear();
  EXPECT_EQ(ValidateRemote(local_->handle() + 1), DDS_SECURITY_VALIDATION_PENDING_HANDSHAKE_MESSAGE);
  EXPECT_NE(remote_, 0);
  EXPECT_NE(announced_.get()->class_id, nullptr);
}

TEST_F(ContractTest, APeerOfAnotherClassIsRefusedWhenTheHandshakeBegins) {
  identity_.SetClass("DDS:Auth:PSK:1.0");
  ValidateRemote(local_->handle());
  int64_t handshake = 0;
  Token message;
  DDS_Security_OctetSeq data = {};
  PluginError error;
  EXPECT_EQ(plugin()->begin_handshake_request(plugin(), &handshake, message.get(), local_->handle(), remote_, &data,
                                              error.get()),
            DDS_SECURITY_VALIDATION_FAILED);
  EXPECT_THAT(error.message(), HasSubstr("DDS:Auth:PKI-DH:1.0"));
}

TEST_F(ContractTest, APeerWhoseIdentityTokenHasAClassAndNoPropertiesIsTaken) {
  // Connext sends none; class ids differ in the minor version.
  for (const char* class_id : {"DDS:Auth:PKI-DH:1.0", "DDS:Auth:PKI-DH:1.2"}) {
    identity_.Clear();
    identity_.SetClass(class_id);
    remote_ = 0;
    ValidateRemote(local_->handle());
    int64_t handshake = 0;
    Token message;
    DDS_Security_OctetSeq data = {};
    PluginError error;
    EXPECT_EQ(plugin()->begin_handshake_request(plugin(), &handshake, message.get(), local_->handle(), remote_, &data,
                                                error.get()),
              DDS_SECURITY_VALIDATION_PENDING_HANDSHAKE_MESSAGE)
        << class_id << ": " << error.message();
  }
}

TEST_F(ContractTest, StaleAndForeignHandlesAreRefusedEverywhere) {
  ValidateRemote(local_->handle());
  const auto other_domain = PluginHost::Load(kShimPlugin);
  std::string error;
  const auto foreigner = PluginParticipant::Create(*other_domain, OptionsOf("talker", 0x11), &error);
  ASSERT_NE(foreigner, nullptr) << error;
  int64_t stale = 0;
  {
    const auto brief = Create(OptionsOf("brief", 0x12));
    stale = brief->handle();
  }
  for (const int64_t bad : {stale, foreigner->handle(), int64_t{0}, int64_t{1}, int64_t{-1}, INT64_MAX, INT64_MIN,
                            static_cast<int64_t>(reinterpret_cast<intptr_t>(this))}) {
    Token token;
    Token credential;
    credential.SetClass("DDS:Access:PermissionsCredential");
    credential.AddProperty("dds.perm.cert", "x");
    int64_t handshake = 0;
    DDS_Security_OctetSeq data = {};
    EXPECT_FALSE(plugin()->get_identity_token(plugin(), token.get(), bad, nullptr)) << bad;
    EXPECT_FALSE(plugin()->get_identity_status_token(plugin(), token.get(), bad, nullptr));
    EXPECT_FALSE(plugin()->set_permissions_credential_and_token(plugin(), bad, credential.get(), token.get(), nullptr));
    EXPECT_EQ(plugin()->begin_handshake_request(plugin(), &handshake, token.get(), bad, remote_, &data, nullptr),
              DDS_SECURITY_VALIDATION_FAILED);
    EXPECT_EQ(
        plugin()->begin_handshake_request(plugin(), &handshake, token.get(), local_->handle(), bad, &data, nullptr),
        DDS_SECURITY_VALIDATION_FAILED);
    EXPECT_EQ(plugin()->begin_handshake_reply(plugin(), &handshake, token.get(), credential.get(), bad,
                                              local_->handle(), &data, nullptr),
              DDS_SECURITY_VALIDATION_FAILED);
    EXPECT_EQ(plugin()->process_handshake(plugin(), token.get(), credential.get(), bad, nullptr),
              DDS_SECURITY_VALIDATION_FAILED);
    EXPECT_EQ(plugin()->get_shared_secret(plugin(), bad, nullptr), 0);
    EXPECT_FALSE(plugin()->get_authenticated_peer_credential_token(plugin(), token.get(), bad, nullptr));
    EXPECT_FALSE(plugin()->return_handshake_handle(plugin(), bad, nullptr));
    EXPECT_FALSE(plugin()->return_identity_handle(plugin(), bad, nullptr));
    EXPECT_FALSE(plugin()->return_sharedsecret_handle(plugin(), bad, nullptr));
  }
  // A local identity is no remote one and no handshake.
  EXPECT_EQ(plugin()->get_shared_secret(plugin(), local_->handle(), nullptr), 0);
  EXPECT_FALSE(plugin()->return_handshake_handle(plugin(), remote_, nullptr));
}

TEST_F(ContractTest, HandlesOfIdentitiesMayBeReturnedInEitherOrder) {
  for (const bool local_first : {true, false}) {
    auto local = Create(OptionsOf("a", 0x20));
    ValidateRemote(local->handle());
    int64_t handshake = 0;
    Token message;
    DDS_Security_OctetSeq data = {};
    ASSERT_EQ(plugin()->begin_handshake_request(plugin(), &handshake, message.get(), local->handle(), remote_, &data,
                                                nullptr),
              DDS_SECURITY_VALIDATION_PENDING_HANDSHAKE_MESSAGE);
    if (local_first) local.reset();
    EXPECT_TRUE(plugin()->return_identity_handle(plugin(), remote_, nullptr));
    Token out;
    EXPECT_EQ(plugin()->process_handshake(plugin(), out.get(), message.get(), handshake, nullptr),
              DDS_SECURITY_VALIDATION_FAILED);
  }
}

TEST_F(ContractTest, TheHandshakesOfOneParticipantSurviveTheEndOfAnother) {
  auto other = Create(OptionsOf("other", 0x21));
  ValidateRemote(other->handle());
  ValidateRemote(local_->handle());
  other.reset();
  int64_t handshake = 0;
  Token message;
  DDS_Security_OctetSeq data = {};
  EXPECT_EQ(
      plugin()->begin_handshake_request(plugin(), &handshake, message.get(), local_->handle(), remote_, &data, nullptr),
      DDS_SECURITY_VALIDATION_PENDING_HANDSHAKE_MESSAGE);
}

TEST_F(ContractTest, TokensAreCheckedBeforeTheyAreBelieved) {
  Token token;
  Token credential;
  EXPECT_FALSE(plugin()->set_permissions_credential_and_token(plugin(), local_->handle(), credential.get(), token.get(),
                                                              nullptr));
  credential.SetClass("DDS:Access:PermissionsCredential");
  EXPECT_FALSE(plugin()->set_permissions_credential_and_token(plugin(), local_->handle(), credential.get(), token.get(),
                                                              nullptr));
  credential.AddProperty("dds.other", "x");
  EXPECT_FALSE(plugin()->set_permissions_credential_and_token(plugin(), local_->handle(), credential.get(), token.get(),
                                                              nullptr));
}

TEST_F(ContractTest, ASuccessLeavesNoException) {
  PluginError error;
  Token token;
  EXPECT_TRUE(plugin()->get_identity_token(plugin(), token.get(), local_->handle(), error.get()));
  EXPECT_TRUE(plugin()->return_identity_token(plugin(), token.get(), error.get()));
  EXPECT_TRUE(plugin()->set_listener(plugin(), nullptr, error.get()));
  EXPECT_EQ(error.code(), 0);
  EXPECT_EQ(error.message(), "");
}

}  // namespace
}  // namespace ddskey::test
