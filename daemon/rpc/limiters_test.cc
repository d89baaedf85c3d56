#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <chrono>
#include <optional>
#include <vector>

#include "daemon/rpc/call_limiter.h"
#include "daemon/rpc/limits.h"
#include "daemon/rpc/rate_limiter.h"
#include "daemon/rpc/usage_limiter.h"
#include "test/support/status_matchers.h"

namespace ddskey {
namespace {

using std::chrono::milliseconds;
using test::StatusIs;
using ::testing::HasSubstr;
using enum absl::StatusCode;

Subject Caller(uid_t uid, pid_t pid, uint64_t start_time = 1) {
  return {.uid = uid, .gid = 1, .groups = {}, .pid = pid, .start_time = start_time};
}

TEST(LimitsTest, TakeTheDefaultWhereNothingIsConfigured) {
  v1::Limits configured;
  configured.set_calls_per_process(3);
  const Limits limits = LimitsFrom(configured);
  EXPECT_EQ(limits.calls_per_process, 3u);
  EXPECT_EQ(limits.connections, 4096u);
  EXPECT_EQ(limits.handshake_burst, 400u);
}

TEST(UsageLimiterTest, S17BoundsEachProcessWithinAUser) {
  UsageLimiter limiter("calls", {.total = 100, .per_uid = 50, .per_process = 2});
  std::vector<UsageLimiter::Permit> permits;
  for (int i = 0; i < 2; ++i) {
    ASSERT_OK_AND_ASSIGN(permits.emplace_back(), limiter.Take(Caller(1, 10)));
  }
  EXPECT_THAT(limiter.Take(Caller(1, 10)),
              StatusIs(kResourceExhausted, "too many calls of this process; the limit is 2"));
  EXPECT_OK(limiter.Take(Caller(1, 11)));
  // A later process with the same pid is another one.
  EXPECT_OK(limiter.Take(Caller(1, 10, 2)));
}

TEST(UsageLimiterTest, S17BoundsEachUserAndAllTogether) {
  UsageLimiter limiter("calls", {.total = 3, .per_uid = 2, .per_process = 1});
  std::vector<UsageLimiter::Permit> permits;
  for (pid_t pid = 10; pid < 12; ++pid) {
    ASSERT_OK_AND_ASSIGN(permits.emplace_back(), limiter.Take(Caller(1, pid)));
  }
  EXPECT_THAT(limiter.Take(Caller(1, 12)), StatusIs(kResourceExhausted, HasSubstr("of this user; the limit is 2")));
  EXPECT_TRUE(limiter.IsFull(1));
  EXPECT_FALSE(limiter.IsFull(2));
  ASSERT_OK_AND_ASSIGN(permits.emplace_back(), limiter.Take(Caller(2, 20)));
  EXPECT_THAT(limiter.Take(Caller(3, 30)), StatusIs(kResourceExhausted, HasSubstr("of all callers; the limit is 3")));
  EXPECT_TRUE(limiter.IsFull(3));
}

TEST(UsageLimiterTest, GivesBackWhatAPermitHeld) {
  UsageLimiter limiter("calls", {.total = 1, .per_uid = 1, .per_process = 1});
  {
    ASSERT_OK_AND_ASSIGN(UsageLimiter::Permit first, limiter.Take(Caller(1, 10)));
    const UsageLimiter::Permit moved = std::move(first);
    EXPECT_EQ(limiter.in_use(), 1u);
    EXPECT_FALSE(limiter.Take(Caller(1, 10)).ok());
  }
  EXPECT_EQ(limiter.in_use(), 0u);
  EXPECT_OK(limiter.Take(Caller(1, 10)));
}

TEST(UsageLimiterTest, APermitMayOutliveItsLimiter) {
  std::optional<UsageLimiter> limiter(std::in_place, "calls", UsageLimiter::Bounds{});
  ASSERT_OK_AND_ASSIGN(const UsageLimiter::Permit permit, limiter->Take(Caller(1, 10)));
  limiter.reset();
}

class RateLimiterTest : public ::testing::Test {
 protected:
  RateLimiter Make(const RateLimiter::Bounds& bounds) {
    return RateLimiter("handshakes", bounds, [this] { return now_; });
  }

  RateLimiter::Clock::time_point now_ = RateLimiter::Clock::time_point(std::chrono::hours(1));
};

TEST_F(RateLimiterTest, S17AllowsABurstAndThenARate) {
  RateLimiter limiter = Make({.per_second = 10, .burst = 3});
  for (int i = 0; i < 3; ++i) ASSERT_OK(limiter.Take(Caller(1, 10)));
  EXPECT_THAT(
      limiter.Take(Caller(1, 10)),
      StatusIs(kResourceExhausted, "too many handshakes of this process; the limit is 10 a second, in bursts of 3"));
  now_ += milliseconds(100);
  EXPECT_OK(limiter.Take(Caller(1, 10)));
  EXPECT_FALSE(limiter.Take(Caller(1, 10)).ok());
  // A pause is worth no more than a burst.
  now_ += std::chrono::hours(1);
  for (int i = 0; i < 3; ++i) ASSERT_OK(limiter.Take(Caller(1, 10)));
  EXPECT_FALSE(limiter.Take(Caller(1, 10)).ok());
}

TEST_F(RateLimiterTest, S17HasABucketForEachProcess) {
  RateLimiter limiter = Make({.per_second = 1, .burst = 1});
  EXPECT_OK(limiter.Take(Caller(1, 10)));
  EXPECT_FALSE(limiter.Take(Caller(1, 10)).ok());
  EXPECT_OK(limiter.Take(Caller(1, 11)));
  EXPECT_OK(limiter.Take(Caller(1, 10, 2)));
}

TEST_F(RateLimiterTest, S17AProcessThatChangesItsUserKeepsItsBucket) {
  RateLimiter limiter = Make({.per_second = 1, .burst = 1});
  EXPECT_OK(limiter.Take(Caller(1, 10)));
  EXPECT_FALSE(limiter.Take(Caller(2, 10)).ok());
  EXPECT_FALSE(limiter.Take(Caller(1, 10)).ok());
  EXPECT_EQ(limiter.bucket_count(), 1u);
}

TEST_F(RateLimiterTest, S17RemembersABoundedNumberOfProcesses) {
  RateLimiter limiter = Make({.per_second = 1, .burst = 1, .buckets_per_uid = 10, .buckets = 25});
  for (uid_t uid = 1; uid <= 5; ++uid) {
    for (pid_t pid = 0; pid < 1000; ++pid) ASSERT_OK(limiter.Take(Caller(uid, 1000 * uid + pid)));
    EXPECT_LE(limiter.bucket_count(), 25u);
  }
}

TEST_F(RateLimiterTest, S17ACrowdOfOneUserDoesNotPushOutAnother) {
  RateLimiter limiter = Make({.per_second = 1, .burst = 1, .buckets_per_uid = 10, .buckets = 20});
  ASSERT_OK(limiter.Take(Caller(1, 1)));
  for (pid_t pid = 100; pid < 1000; ++pid) ASSERT_OK(limiter.Take(Caller(2, pid)));
  // Still remembered, so still empty.
  EXPECT_FALSE(limiter.Take(Caller(1, 1)).ok());
}

TEST_F(RateLimiterTest, S6OnePeerTakesNoMoreThanAQuarterOfAProcess) {
  RateLimiter limiter = Make({.per_second = 4, .burst = 12});
  for (int i = 0; i < 3; ++i) ASSERT_OK(limiter.TakeFor(Caller(1, 10), "flood"));
  for (int i = 0; i < 1000; ++i) {
    EXPECT_THAT(limiter.TakeFor(Caller(1, 10), "flood"), StatusIs(kResourceExhausted, HasSubstr("with one peer")));
  }
  EXPECT_OK(limiter.TakeFor(Caller(1, 10), "honest"));
  EXPECT_OK(limiter.TakeFor(Caller(1, 11), "flood"));
  for (int i = 0; i < 8; ++i) ASSERT_OK(limiter.Take(Caller(1, 10)));
  EXPECT_FALSE(limiter.TakeFor(Caller(1, 10), "another").ok()) << "all together have no more than before";
  now_ += std::chrono::seconds(1);
  EXPECT_OK(limiter.TakeFor(Caller(1, 10), "flood"));
  EXPECT_FALSE(limiter.TakeFor(Caller(1, 10), "flood").ok());
}

TEST_F(RateLimiterTest, S6ManyPeersAreRememberedForAWhile) {
  RateLimiter limiter = Make({.per_second = 1, .burst = 1000});
  for (int i = 0; i < 250; ++i) ASSERT_OK(limiter.TakeFor(Caller(1, 10), "flood"));
  for (size_t i = 1; i < RateLimiter::kPeers; ++i) ASSERT_OK(limiter.TakeFor(Caller(1, 10), std::to_string(i)));
  EXPECT_FALSE(limiter.TakeFor(Caller(1, 10), "flood").ok());
}

TEST(CallLimiterTest, S17BoundsCallsAndHandshakes) {
  CallLimiter limiter({.calls_per_uid = 10, .calls_per_process = 1, .handshakes_per_second = 1, .handshake_burst = 2});
  ASSERT_OK_AND_ASSIGN(const CallPermit permit, limiter.Admit(Caller(1, 10)));
  EXPECT_THAT(limiter.Admit(Caller(1, 10)), StatusIs(kResourceExhausted, HasSubstr("calls under way of this process")));
  EXPECT_OK(limiter.BeginHandshake(Caller(1, 10)));
  EXPECT_OK(limiter.BeginHandshake(Caller(1, 10)));
  EXPECT_THAT(limiter.BeginHandshake(Caller(1, 10)), StatusIs(kResourceExhausted, HasSubstr("handshakes")));
  EXPECT_EQ(limiter.refused_count(), 2u);
}

}  // namespace
}  // namespace ddskey
