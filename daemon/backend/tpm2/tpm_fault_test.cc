// What happens when the TPM is killed, reset, stopped or not there.

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <tss2/tss2_tpm2_types.h>

#include <chrono>
#include <functional>
#include <string>
#include <utility>
#include <vector>

#include "daemon/backend/tpm2/tpm_fixture.h"
#include "test/support/process.h"
#include "test/support/status_matchers.h"

namespace ddskey::tpm {
namespace {

using std::chrono::milliseconds;
using std::chrono::seconds;
using test::StatusIs;
using test::WaitFor;
using ::testing::AnyOf;
using ::testing::HasSubstr;

using TpmFaultTest = TpmFixture;

auto IsAway() { return AnyOf(StatusIs(absl::StatusCode::kUnavailable), StatusIs(absl::StatusCode::kDeadlineExceeded)); }

std::chrono::steady_clock::duration TimeOf(const std::function<void()>& action) {
  const auto began = std::chrono::steady_clock::now();
  action();
  return std::chrono::steady_clock::now() - began;
}

TEST_F(TpmFaultTest, WorkWaitsForATpmThatWasKilledAndComesBack) {
  Make();
  ASSERT_OK_AND_ASSIGN(const SealedKey key, Create());
  ASSERT_OK(Sign(key));
  tpm_.Kill();
  std::vector<SignFuture> signatures;
  for (int i = 0; i < 10; ++i) signatures.push_back(Submit(key, i));
  ASSERT_TRUE(WaitFor([&] { return !backend_->Health().healthy; }));
  EXPECT_THAT(backend_->Health().problem, HasSubstr("check that the TPM"));
  tpm_.Restart();
  for (SignFuture& signature : signatures) EXPECT_OK(signature.get());
  EXPECT_TRUE(backend_->Health().healthy) << backend_->Health().problem;
}

TEST_F(TpmFaultTest, WorkWhoseTimeIsOverWhileTheTpmIsAwayIsUnavailable) {
  Make();
  ASSERT_OK_AND_ASSIGN(const SealedKey key, Create());
  tpm_.Kill();
  EXPECT_THAT(Sign(key, 0, milliseconds(100)), IsAway());
  EXPECT_THAT(Create(KeyAlgorithm::kEcP256, milliseconds(100)), IsAway());
  tpm_.Restart();
  EXPECT_OK(Sign(key));
}

TEST_F(TpmFaultTest, ATpmThatWasRestartedUnnoticedLosesNothing) {
  Make();
  ASSERT_OK_AND_ASSIGN(const SealedKey key, Create());
  ASSERT_OK_AND_ASSIGN(const SealedKey other, Create());
  ASSERT_OK(Sign(other));
  ASSERT_OK(Sign(key));
  tpm_.Restart();
  // Something else may lie where our key lay.
  ASSERT_EQ(Tool({"tpm2_createprimary", "-C", "o", "-G", "ecc256:ecdsa", "-a",
                  "fixedtpm|fixedparent|sensitivedataorigin|userwithauth|sign", "-c", dir_.File("x")}),
            0);
  EXPECT_OK(Sign(key));
  EXPECT_OK(Sign(other));
}

TEST_F(TpmFaultTest, StartsATpmThatWasPowerCycled) {
  Make();
  ASSERT_OK_AND_ASSIGN(const SealedKey key, Create());
  ASSERT_OK(Sign(key));
  tpm_.PowerCycle();
  EXPECT_OK(Sign(key));
  EXPECT_EQ(tap_->count(TPM2_CC_Startup), 1);
  tpm_.PowerCycle();
  EXPECT_OK(Create());
  EXPECT_EQ(tap_->count(TPM2_CC_Startup), 2);
}

TEST_F(TpmFaultTest, WorkWaitsForATpmWithoutPower) {
  Make();
  ASSERT_OK_AND_ASSIGN(const SealedKey key, Create());
  tpm_.PowerOff();
  SignFuture signature = Submit(key);
  ASSERT_TRUE(WaitFor([&] { return !backend_->Health().healthy; }));
  EXPECT_THAT(backend_->Health().problem, HasSubstr("power"));
  EXPECT_THAT(Sign(key, 0, milliseconds(100)), IsAway());
  tpm_.PowerOn();
  EXPECT_OK(signature.get());
}

TEST_F(TpmFaultTest, AStoppedTpmDelaysNobodyBeyondTheDeadlineAndIsSpokenOf) {
  Make();
  ASSERT_OK_AND_ASSIGN(const SealedKey key, Create());
  ASSERT_OK(Sign(key));
  tpm_.Stop();
  SignFuture patient = Submit(key, 7);
  std::vector<SignFuture> hasty;
  const auto time = TimeOf([&] {
    for (int i = 0; i < 5; ++i) hasty.push_back(Submit(key, i, milliseconds(200)));
    for (SignFuture& signature : hasty) {
      EXPECT_THAT(signature.get(), StatusIs(absl::StatusCode::kDeadlineExceeded));
    }
  });
  EXPECT_LT(time, seconds(2));
  ASSERT_TRUE(WaitFor([&] { return !backend_->Health().healthy; }));
  EXPECT_THAT(backend_->Health().problem, HasSubstr("not answered"));
  EXPECT_THAT(Sign(key, 0, milliseconds(50)), StatusIs(absl::StatusCode::kDeadlineExceeded, HasSubstr("not answered")));
  tpm_.Continue();
  EXPECT_OK(patient.get());
  EXPECT_OK(Sign(key));
  EXPECT_TRUE(WaitFor([&] { return backend_->Health().healthy; }));
}

TEST_F(TpmFaultTest, WorkInTheHandsOfAStoppedTpmExpiresToo) {
  Make();
  ASSERT_OK_AND_ASSIGN(const SealedKey key, Create());
  tpm_.Stop();
  EXPECT_LT(
      TimeOf([&] { EXPECT_THAT(Sign(key, 0, milliseconds(100)), StatusIs(absl::StatusCode::kDeadlineExceeded)); }),
      seconds(2));
  tpm_.Continue();
  EXPECT_OK(Sign(key));
}

TEST_F(TpmFaultTest, ShutdownDoesNotWaitForAStoppedTpm) {
  Make();
  ASSERT_OK_AND_ASSIGN(const SealedKey key, Create());
  tpm_.Stop();
  std::vector<SignFuture> signatures;
  for (int i = 0; i < 10; ++i) signatures.push_back(Submit(key, i));
  EXPECT_LT(TimeOf([&] { backend_.reset(); }), seconds(5));
  for (SignFuture& signature : signatures) EXPECT_THAT(signature.get(), StatusIs(absl::StatusCode::kCancelled));
  tpm_.Continue();
  Make();
  EXPECT_OK(Sign(key));
}

TEST_F(TpmFaultTest, ShutdownDoesNotWaitForATpmThatIsAway) {
  Make();
  ASSERT_OK_AND_ASSIGN(const SealedKey key, Create());
  tpm_.Kill();
  SignFuture signature = Submit(key);
  ASSERT_TRUE(WaitFor([&] { return !backend_->Health().healthy; }));
  EXPECT_LT(TimeOf([&] { backend_.reset(); }), seconds(2));
  EXPECT_THAT(signature.get(), AnyOf(IsAway(), StatusIs(absl::StatusCode::kCancelled)));
}

TEST_F(TpmFaultTest, ATpmThatIsAbsentAtTheStartIsFoundWhenItComes) {
  tpm_.Kill();
  Make();
  ASSERT_TRUE(WaitFor([&] { return backend_->Health().problem.find("connecting") != std::string::npos; }))
      << backend_->Health().problem;
  EXPECT_FALSE(backend_->Health().healthy);
  EXPECT_THAT(Create(KeyAlgorithm::kEcP256, milliseconds(50)), IsAway());
  tpm_.Restart();
  EXPECT_TRUE(WaitFor([&] { return backend_->Health().healthy; })) << backend_->Health().problem;
  EXPECT_OK(Create());
}

TEST_F(TpmFaultTest, AnIdleTpmThatGoesAwayIsNoticedAndFoundAgain) {
  Make("", milliseconds(20));
  ASSERT_TRUE(WaitFor([&] { return backend_->Health().healthy; }));
  tpm_.Kill();
  EXPECT_TRUE(WaitFor([&] { return !backend_->Health().healthy; }));
  tpm_.Restart();
  EXPECT_TRUE(WaitFor([&] { return backend_->Health().healthy; })) << backend_->Health().problem;
}

}  // namespace
}  // namespace ddskey::tpm
