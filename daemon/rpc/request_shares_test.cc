#include "daemon/rpc/request_shares.h"

#include <gtest/gtest.h>

namespace ddskey {
namespace {

constexpr ProcessId kFirst = {.pid = 10, .start_time = 1};
constexpr ProcessId kSecond = {.pid = 11, .start_time = 2};
constexpr ProcessId kThird = {.pid = 12, .start_time = 3};

TEST(RequestSharesTest, S17BoundsEachProcessAndEachUser) {
  RequestShares shares({.per_process = 100, .per_uid = 150});
  EXPECT_EQ(shares.Change(1000, kFirst, 0, 100), "");
  EXPECT_EQ(shares.Change(1000, kFirst, 0, 1), "this process") << "on another connection";
  EXPECT_EQ(shares.Change(1000, kSecond, 0, 49), "");
  EXPECT_EQ(shares.Change(1000, kSecond, 49, 50), "this user");
  EXPECT_EQ(shares.Change(1001, kThird, 0, 100), "") << "another user has a share of its own";
}

TEST(RequestSharesTest, S17WhatIsGivenBackIsNeverRefusedAndLeavesNothingBehind) {
  RequestShares shares({.per_process = 10, .per_uid = 10});
  EXPECT_EQ(shares.Change(1000, kFirst, 0, 50), "this process");
  EXPECT_EQ(shares.Change(1000, kFirst, 50, 40), "") << "still over, but less than before";
  EXPECT_EQ(shares.Change(1000, kFirst, 40, 0), "");
  EXPECT_EQ(shares.callers(), 0u);
  EXPECT_EQ(shares.Change(1000, kFirst, 0, 10), "");
}

TEST(RequestSharesTest, S17AllUsersTogetherHaveABound) {
  RequestShares shares({.per_process = 100, .per_uid = 100, .total = 150});
  EXPECT_EQ(shares.Change(1, {1, 1}, 0, 100), "");
  EXPECT_EQ(shares.Change(2, {2, 1}, 0, 50), "");
  EXPECT_EQ(shares.Change(3, {3, 1}, 0, 1), "all users");
  EXPECT_EQ(shares.Change(3, {3, 1}, 1, 0), "");
  EXPECT_EQ(shares.Change(1, {1, 1}, 100, 0), "");
  EXPECT_EQ(shares.Change(3, {3, 1}, 0, 100), "");
}

}  // namespace
}  // namespace ddskey
