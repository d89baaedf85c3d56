// Pkcs11Backend on a module that hangs, crashes, lies and loses its token, in the real helper.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <chrono>
#include <future>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "daemon/backend/pkcs11/helper_token.h"
#include "daemon/backend/pkcs11/misbehaving_fixture.h"
#include "daemon/backend/pkcs11/pkcs11_backend.h"
#include "test/support/process.h"
#include "test/support/status_matchers.h"

namespace ddskey::pkcs11 {
namespace {

using test::StatusIs;
using test::WaitFor;
using ::testing::ElementsAre;
using ::testing::HasSubstr;

const std::string kDigest(32, 'd');

class BackendFaultsTest : public ::testing::Test {
 protected:
  using SignFuture = std::future<absl::StatusOr<Signature>>;

  void Make(const std::string& pin = kPin) {
    backend_.reset();
    Pkcs11Backend::Options options;
    options.pin = MakePin(pin);
    options.probe_interval = std::chrono::milliseconds(50);
    backend_ = *Pkcs11Backend::Create(*HelperToken::Create(hsm_.options()), std::move(options));
  }
  static WorkOptions Patiently() { return {std::chrono::steady_clock::now() + std::chrono::minutes(1)}; }
  absl::StatusOr<SealedKey> Create() {
    std::promise<absl::StatusOr<SealedKey>> made;
    backend_->SubmitCreate(KeyAlgorithm::kEcP256, KeyPurpose::kHandshake, Patiently(),
                           [&](absl::StatusOr<SealedKey> key) { made.set_value(std::move(key)); });
    return made.get_future().get();
  }
  SignFuture Submit(const SealedKey& key) {
    auto done = std::make_shared<std::promise<absl::StatusOr<Signature>>>();
    backend_->SubmitSign(key, SignatureScheme::kEcdsaSha256, kDigest, Patiently(),
                         [done](absl::StatusOr<Signature> signature) { done->set_value(std::move(signature)); });
    return done->get_future();
  }

  const MisbehavingHsm hsm_;
  std::unique_ptr<Pkcs11Backend> backend_;
};

TEST_F(BackendFaultsTest, S15WorkSurvivesAModuleThatHangsCrashesOrLiesOnce) {
  Make();
  ASSERT_OK_AND_ASSIGN(const SealedKey key, Create());
  for (const char* fault : {"sign:segv!", "sign:abort!", "sign:exit!", "sign:garbage!", "sign:odd!", "sign:hang!"}) {
    hsm_.Tell(fault);
    std::vector<SignFuture> signatures;
    for (int i = 0; i < 10; ++i) signatures.push_back(Submit(key));
    for (SignFuture& signature : signatures) EXPECT_OK(signature.get()) << fault;
  }
  EXPECT_TRUE(WaitFor([&] { return backend_->Health().healthy; })) << backend_->Health().problem;
}

TEST_F(BackendFaultsTest, S15AModuleThatGoesOnLyingOrCrashingIsFoundOut) {
  Make();
  ASSERT_OK_AND_ASSIGN(const SealedKey key, Create());
  hsm_.Tell("sign:garbage");
  EXPECT_THAT(Submit(key).get(), StatusIs(absl::StatusCode::kInternal, HasSubstr("wrong signatures")));
  EXPECT_THAT(backend_->Health().problem, HasSubstr("wrong signatures"));
  hsm_.Tell("sign:exit");
  EXPECT_THAT(Submit(key).get(), StatusIs(absl::StatusCode::kUnavailable));
  hsm_.Tell("");
  EXPECT_OK(Submit(key).get());
}

TEST_F(BackendFaultsTest, S12ATokenThatIsRemovedAndReturnedIsLoggedInOnceMore) {
  Make();
  ASSERT_OK_AND_ASSIGN(const SealedKey key, Create());
  EXPECT_EQ(hsm_.Logged("login"), 1);
  hsm_.Tell("token:away");
  EXPECT_TRUE(WaitFor([&] { return !backend_->Health().healthy; })) << "nobody asked for a signature";
  std::vector<SignFuture> signatures;
  for (int i = 0; i < 10; ++i) signatures.push_back(Submit(key));
  hsm_.Tell("");
  for (SignFuture& signature : signatures) EXPECT_OK(signature.get());
  EXPECT_EQ(hsm_.Logged("login"), 2);
}

TEST_F(BackendFaultsTest, S12AWrongPinReachesTheModuleOnce) {
  Make("4321");
  EXPECT_TRUE(WaitFor([&] { return !backend_->Health().waits_for.empty(); }));
  for (int i = 0; i < 20; ++i) EXPECT_THAT(Create(), StatusIs(absl::StatusCode::kFailedPrecondition));
  hsm_.Tell("token:away");
  hsm_.Tell("");
  EXPECT_THAT(Create(), StatusIs(absl::StatusCode::kFailedPrecondition));
  EXPECT_EQ(hsm_.Logged("login"), 1);
}

TEST_F(BackendFaultsTest, KeepsNoKeyThatCanBeReadFromTheToken) {
  Make();
  hsm_.Tell("attribute:extractable");
  EXPECT_THAT(Create(), StatusIs(absl::StatusCode::kFailedPrecondition, HasSubstr("it was removed")));
  hsm_.Tell("");
  EXPECT_OK(Create());
}

}  // namespace
}  // namespace ddskey::pkcs11
