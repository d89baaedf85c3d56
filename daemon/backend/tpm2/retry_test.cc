#include "daemon/backend/tpm2/retry.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <tss2/tss2_esys.h>
#include <tss2/tss2_tpm2_types.h>

#include <chrono>
#include <utility>
#include <vector>

#include "test/support/status_matchers.h"

namespace ddskey::tpm {
namespace {

using test::StatusIs;

TEST(RetryTest, TheCodeDecidesHowTheTpmRecovers) {
  const std::pair<TSS2_RC, Recovery> expected[] = {
      {TPM2_RC_INITIALIZE, Recovery::kStartup},
      {TPM2_RC_OBJECT_MEMORY, Recovery::kEvict},
      {0xc0902, Recovery::kEvict},
      {0x18b, Recovery::kForget},
      {TPM2_RC_REFERENCE_H0, Recovery::kForget},
      {TPM2_RC_VALUE + TPM2_RC_1, Recovery::kForget},
      {TPM2_RC_REFERENCE_S0, Recovery::kNewSession},
      {TPM2_RC_NONCE + TPM2_RC_S + TPM2_RC_1, Recovery::kNewSession},
      {TPM2_RC_SESSION_MEMORY, Recovery::kEvict},
      {TPM2_RC_SESSION_HANDLES, Recovery::kEvict},
      {TSS2_ESYS_RC_RSP_AUTH_FAILED, Recovery::kNewSession},
      {TPM2_RC_BAD_AUTH + TPM2_RC_S + TPM2_RC_1, Recovery::kNone},
      {TPM2_RC_AUTH_FAIL + TPM2_RC_S + TPM2_RC_1, Recovery::kNone},
      {TPM2_RC_FAILURE, Recovery::kRepeat},
      {TPM2_RC_RETRY, Recovery::kRepeat},
      {0xa000a, Recovery::kReconnect},
      {0x70007, Recovery::kReconnect},
      {0x1df, Recovery::kNone},
      {TPM2_RC_LOCKOUT, Recovery::kNone},
      {TSS2_ESYS_RC_BAD_VALUE, Recovery::kNone},
  };
  for (const auto& [rc, recovery] : expected) {
    EXPECT_EQ(RecoveryFor(FromTss(rc, "testing")), recovery) << std::hex << rc;
  }
  EXPECT_EQ(RecoveryFor(absl::UnavailableError("not of tpm2-tss")), Recovery::kNone);
}

TEST(RetryTest, PausesGrowFromTwentyMillisecondsToHalfASecond) {
  Backoff backoff;
  std::vector<int64_t> pauses;
  for (int i = 0; i < 8; ++i) pauses.push_back(backoff.Next().count());
  EXPECT_THAT(pauses, ::testing::ElementsAre(20, 40, 80, 160, 320, 500, 500, 500));
}

// Script is an attempt that fails as told and then succeeds.
class RetryScript {
 public:
  explicit RetryScript(std::vector<TSS2_RC> failures) : failures_(std::move(failures)) {}

  absl::StatusOr<int> Run(std::chrono::milliseconds time) {
    const auto now = std::chrono::steady_clock::now();
    return Retry<int>(
        now + time,
        [this]() -> absl::StatusOr<int> {
          if (attempts < failures_.size()) return FromTss(failures_[attempts++], "testing");
          ++attempts;
          return 42;
        },
        [this](Recovery recovery, const absl::Status&) { recoveries.push_back(recovery); },
        [this](std::chrono::milliseconds pause) {
          slept += pause;
          return go_on;
        });
  }

  size_t attempts = 0;
  std::vector<Recovery> recoveries;
  std::chrono::milliseconds slept{0};
  bool go_on = true;

 private:
  const std::vector<TSS2_RC> failures_;
};

TEST(RetryTest, RecoversAndTriesAgain) {
  RetryScript script({TPM2_RC_INITIALIZE, TPM2_RC_OBJECT_MEMORY, 0xa000a, TPM2_RC_RETRY});
  EXPECT_THAT(script.Run(std::chrono::minutes(1)), test::IsOkAndHolds(42));
  EXPECT_THAT(script.recoveries,
              ::testing::ElementsAre(Recovery::kStartup, Recovery::kEvict, Recovery::kReconnect, Recovery::kRepeat));
}

TEST(RetryTest, TheFirstStartupOrEvictionCostsNoPause) {
  RetryScript script({TPM2_RC_INITIALIZE, TPM2_RC_OBJECT_MEMORY, 0x18b});
  EXPECT_OK(script.Run(std::chrono::minutes(1)));
  EXPECT_EQ(script.slept.count(), 0);
  RetryScript stubborn({TPM2_RC_OBJECT_MEMORY, TPM2_RC_OBJECT_MEMORY});
  EXPECT_OK(stubborn.Run(std::chrono::minutes(1)));
  EXPECT_EQ(stubborn.slept.count(), 20);
}

TEST(RetryTest, GivesUpAtOnceWhatRepeatingDoesNotHelp) {
  RetryScript script({0x1df});
  EXPECT_THAT(script.Run(std::chrono::minutes(1)), StatusIs(absl::StatusCode::kDataLoss));
  EXPECT_EQ(script.attempts, 1u);
}

TEST(RetryTest, GivesUpWhenTheNextAttemptWouldBeLate) {
  RetryScript script(std::vector<TSS2_RC>(100, 0xa000a));
  EXPECT_THAT(script.Run(std::chrono::milliseconds(10)), StatusIs(absl::StatusCode::kUnavailable));
  EXPECT_EQ(script.attempts, 1u);
}

TEST(RetryTest, EndsWhenToldWhilePausing) {
  RetryScript script(std::vector<TSS2_RC>(100, 0xa000a));
  script.go_on = false;
  EXPECT_THAT(script.Run(std::chrono::minutes(1)), StatusIs(absl::StatusCode::kUnavailable));
  EXPECT_EQ(script.attempts, 1u);
}

}  // namespace
}  // namespace ddskey::tpm
