#include "daemon/backend/tpm2/lockout.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "test/support/status_matchers.h"

namespace ddskey::tpm {
namespace {

using test::StatusIs;
using ::testing::HasSubstr;

TPML_TAGGED_TPM_PROPERTY Properties(uint32_t permanent, uint32_t failures, uint32_t most, uint32_t interval) {
  return {.count = 5,
          .tpmProperty = {{TPM2_PT_PERMANENT, permanent},
                          {TPM2_PT_STARTUP_CLEAR, 0xffffffff},
                          {TPM2_PT_LOCKOUT_COUNTER, failures},
                          {TPM2_PT_MAX_AUTH_FAIL, most},
                          {TPM2_PT_LOCKOUT_INTERVAL, interval}}};
}

TEST(LockoutTest, ReadsWhatTheTpmSays) {
  const Lockout lockout = LockoutFrom(Properties(TPMA_PERMANENT_INLOCKOUT | TPMA_PERMANENT_OWNERAUTHSET, 3, 32, 7200));
  EXPECT_TRUE(lockout.locked);
  EXPECT_EQ(lockout.failures, 3U);
  EXPECT_EQ(lockout.most_failures, 32U);
  EXPECT_EQ(lockout.interval, 7200U);
  EXPECT_FALSE(LockoutFrom(Properties(TPMA_PERMANENT_OWNERAUTHSET, 0, 32, 7200)).locked);
}

TEST(LockoutTest, S12SaysHowLongATpmIsLockedAndWhatGoesOn) {
  EXPECT_EQ(Describe(Lockout{false, 0, 32, 7200}), "");
  EXPECT_THAT(Describe(Lockout{false, 4, 32, 7200}), HasSubstr("4 wrong passwords of other programs and locks at 32"));
  EXPECT_THAT(Describe(Lockout{true, 32, 32, 7200}), HasSubstr("for 7200 s at most; keys that this daemon made go on"));
  EXPECT_THAT(Describe(Lockout{true, 32, 32, 0}), HasSubstr("until somebody clears it"));
}

TEST(LockoutTest, S12StopsBeforeTheTpmDoes) {
  EXPECT_OK(MayGuess(Lockout{false, 0, 32, 7200}));
  EXPECT_OK(MayGuess(Lockout{false, 30, 32, 7200}));
  EXPECT_THAT(MayGuess(Lockout{false, 31, 32, 7200}),
              StatusIs(absl::StatusCode::kResourceExhausted, HasSubstr("for 7200 s at most")));
  EXPECT_THAT(
      MayGuess(Lockout{true, 3, 3, 600}),
      StatusIs(absl::StatusCode::kResourceExhausted, HasSubstr("is locked against password guessing, for 600 s")));
  EXPECT_THAT(MayGuess(Lockout{true, 3, 3, 0}),
              StatusIs(absl::StatusCode::kResourceExhausted, HasSubstr("tpm2_dictionarylockout -c")));
  EXPECT_FALSE(MayGuess(Lockout{false, 0, 1, 10}).ok()) << "the first failure would lock it";
}

}  // namespace
}  // namespace ddskey::tpm
