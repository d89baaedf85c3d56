// Authorisation values that somebody gives while a backend runs, as a real TPM sees them.
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <tss2/tss2_tpm2_types.h>

#include <algorithm>
#include <future>
#include <memory>
#include <string>

#include "daemon/backend/tpm2/tpm_fixture.h"
#include "proto/contract/auth_kind.h"
#include "test/support/process.h"
#include "test/support/status_matchers.h"

namespace ddskey::tpm {
namespace {

using test::StatusIs;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;

constexpr auto kPrecondition = absl::StatusCode::kFailedPrecondition;

class TpmUnlockTest : public TpmFixture {
 protected:
  absl::Status Unlock(AuthKind kind, const std::string& value,
                      std::chrono::nanoseconds time = std::chrono::minutes(1)) {
    auto promise = std::make_shared<std::promise<absl::Status>>();
    backend_->SubmitUnlock(kind, std::make_shared<const SecretBytes>(Secret(value)), In(time),
                           [promise](const absl::Status& status) { promise->set_value(status); });
    return promise->get_future().get();
  }
  bool WasSeen(const std::string& octets) const {
    const auto traffic = tap_->traffic();
    return std::any_of(traffic.begin(), traffic.end(),
                       [&](const std::string& message) { return message.find(octets) != std::string::npos; });
  }
};

TEST_F(TpmUnlockTest, S12TheOwnersValueIsTriedOnceAndWaitedForAgain) {
  ASSERT_EQ(Tool({"tpm2_changeauth", "-c", "o", "owner password"}), 0);
  Make("", std::chrono::milliseconds(20));
  EXPECT_THAT(Create(), StatusIs(kPrecondition, HasSubstr("ddskeyctl backend unlock")));
  EXPECT_THAT(backend_->Health().waits_for, ElementsAre(AuthKind::kOwner));
  EXPECT_FALSE(backend_->Health().healthy);

  const int before = tap_->count(TPM2_CC_CreatePrimary);
  EXPECT_THAT(Unlock(AuthKind::kOwner, "a guess"), StatusIs(kPrecondition, HasSubstr("forgotten and not tried again")));
  EXPECT_EQ(tap_->count(TPM2_CC_CreatePrimary), before + 1);
  for (int i = 0; i < 5; ++i) EXPECT_THAT(Create(), StatusIs(kPrecondition));
  EXPECT_EQ(tap_->count(TPM2_CC_CreatePrimary), before + 1) << "neither the value nor an empty one is tried again";
  EXPECT_THAT(backend_->Health().waits_for, ElementsAre(AuthKind::kOwner));

  ASSERT_OK(Unlock(AuthKind::kOwner, "owner password"));
  EXPECT_EQ(tap_->count(TPM2_CC_CreatePrimary), before + 2);
  ASSERT_OK_AND_ASSIGN(const SealedKey key, Create());
  EXPECT_OK(Sign(key));
  EXPECT_THAT(backend_->Health().waits_for, IsEmpty());
  EXPECT_TRUE(test::WaitFor([&] { return backend_->Health().healthy; })) << backend_->Health().problem;
  EXPECT_FALSE(WasSeen("a guess"));
  EXPECT_FALSE(WasSeen("owner password"));
  EXPECT_THAT(Unlock(AuthKind::kOwner, "another"), StatusIs(kPrecondition, HasSubstr("does not wait")));
  // It is there when the TPM was reset.
  tpm_.PowerCycle();
  EXPECT_OK(Sign(key));
}

TEST_F(TpmUnlockTest, S12TheValueOfTheStorageRootIsTriedOnceAndWaitedForAgain) {
  ASSERT_TRUE(MakeStorageRoot(kStorageAttributes, {"-p", "root password"}));
  adjust_ = [](TpmBackend::Options& options) { options.parent_auth.storage_root = Secret("root password"); };
  Make(dir_.File("secret"));
  ASSERT_OK_AND_ASSIGN(const SealedKey key, Create());
  adjust_ = nullptr;
  Make(dir_.File("secret"));
  EXPECT_THAT(Sign(key), StatusIs(kPrecondition, HasSubstr("ddskeyctl backend unlock")));
  EXPECT_THAT(backend_->Health().waits_for, ElementsAre(AuthKind::kParent));

  const int before = tap_->count(TPM2_CC_Create);
  EXPECT_THAT(Unlock(AuthKind::kParent, "a guess"), StatusIs(kPrecondition, HasSubstr("not tried again")));
  EXPECT_EQ(tap_->count(TPM2_CC_Create), before + 1);
  const int loads = tap_->count(TPM2_CC_Load);
  for (int i = 0; i < 5; ++i) EXPECT_THAT(Sign(key), StatusIs(kPrecondition));
  EXPECT_EQ(tap_->count(TPM2_CC_Load), loads);
  ASSERT_OK(Unlock(AuthKind::kParent, "root password"));
  EXPECT_EQ(tap_->count(TPM2_CC_Create), before + 2);
  EXPECT_OK(Sign(key));
  EXPECT_TRUE(backend_->Health().healthy) << backend_->Health().problem;
  tpm_.PowerCycle();
  EXPECT_OK(Sign(key));
  EXPECT_FALSE(WasSeen("root password"));
  EXPECT_FALSE(WasSeen("a guess"));
  std::string shown;
  ASSERT_EQ(test::Run({"tpm2_getcap", "-T", tpm_.tcti(), "properties-variable"}, &shown), 0);
  EXPECT_THAT(shown, HasSubstr("TPM2_PT_LOCKOUT_COUNTER: 0x0"));
}

TEST_F(TpmUnlockTest, AWrongValueForARootThatNeedsNoneChangesNothing) {
  ASSERT_TRUE(MakeStorageRoot());
  Make();
  ASSERT_OK_AND_ASSIGN(const SealedKey key, Create());
  EXPECT_THAT(Unlock(AuthKind::kParent, "a guess"), StatusIs(kPrecondition));
  EXPECT_OK(Sign(key));
  EXPECT_OK(Create());
  EXPECT_TRUE(backend_->Health().healthy) << backend_->Health().problem;
  EXPECT_THAT(Unlock(AuthKind::kOwner, "a guess"), StatusIs(kPrecondition, HasSubstr("does not wait")));
  EXPECT_EQ(tap_->count(TPM2_CC_CreatePrimary), 0);
}

TEST_F(TpmUnlockTest, AValueGivenWhileTheTpmIsAwayWaitsForIt) {
  ASSERT_EQ(Tool({"tpm2_changeauth", "-c", "o", "owner password"}), 0);
  Make();
  ASSERT_THAT(Create(), StatusIs(kPrecondition));
  tpm_.Kill();
  EXPECT_FALSE(Unlock(AuthKind::kOwner, "owner password", std::chrono::milliseconds(300)).ok());
  auto waits = std::async(std::launch::async, [this] { return Unlock(AuthKind::kOwner, "owner password"); });
  tpm_.Restart();
  EXPECT_OK(waits.get());
  EXPECT_OK(Create());
}

TEST_F(TpmUnlockTest, S12TheSecretOfKeysIsComparedWithoutTheTpm) {
  const std::string secret(40, 's');
  ASSERT_TRUE(dir_.Write("secret", secret + "\n") == dir_.File("secret"));
  ASSERT_EQ(test::Run({"chmod", "600", dir_.File("secret")}), 0);
  Make(dir_.File("secret"));
  ASSERT_OK_AND_ASSIGN(const SealedKey key, Create());
  adjust_ = [&key](TpmBackend::Options& options) { options.blobs = {key.blob}; };
  Make();
  EXPECT_THAT(backend_->Health().waits_for, ElementsAre(AuthKind::kKeys));
  EXPECT_THAT(Sign(key), StatusIs(kPrecondition, HasSubstr("ddskeyctl backend unlock")));
  EXPECT_THAT(Create(), StatusIs(kPrecondition)) << "it would have less protection than the others";
  const auto tries = [&] { return tap_->count(TPM2_CC_Load) + tap_->count(TPM2_CC_Create); };
  const int before = tries();
  EXPECT_THAT(Unlock(AuthKind::kKeys, std::string(40, 'x')), StatusIs(kPrecondition, HasSubstr("not the value")));
  EXPECT_THAT(Unlock(AuthKind::kKeys, "short"), StatusIs(absl::StatusCode::kInvalidArgument));
  EXPECT_EQ(tries(), before);
  // Typed: without the newline that the credential has.
  ASSERT_OK(Unlock(AuthKind::kKeys, secret));
  EXPECT_OK(Sign(key));
  EXPECT_OK(Create());
  EXPECT_THAT(backend_->protection(), HasSubstr("a value that an administrator gave"));
  EXPECT_TRUE(test::WaitFor([&] { return backend_->Health().healthy; })) << backend_->Health().problem;
  EXPECT_THAT(Unlock(AuthKind::kKeys, secret), StatusIs(kPrecondition, HasSubstr("already")));
}

TEST_F(TpmUnlockTest, ABackendWithoutAnythingToUnlockSaysSo) {
  Make();
  ASSERT_OK(Create());
  EXPECT_THAT(backend_->Health().waits_for, IsEmpty());
  EXPECT_THAT(Unlock(AuthKind::kOwner, "x"), StatusIs(kPrecondition, HasSubstr("does not wait")));
  EXPECT_THAT(Unlock(AuthKind::kParent, "x"), StatusIs(kPrecondition, HasSubstr("no storage root key")));
  EXPECT_THAT(Unlock(AuthKind::kKeys, std::string(32, 'x')), StatusIs(kPrecondition, HasSubstr("does not wait")))
      << "else keys to come would be locked with a value of the caller's";
  EXPECT_THAT(Unlock(AuthKind::kOwner, std::string(65, 'x')), StatusIs(absl::StatusCode::kInvalidArgument));
}

}  // namespace
}  // namespace ddskey::tpm
