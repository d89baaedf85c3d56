#include "plugin_shim/core/wait_budget.h"

#include <gtest/gtest.h>

namespace ddskey {
namespace {

using std::chrono::milliseconds;
using std::chrono::seconds;

constexpr WaitBudget::Clock::time_point kStart = WaitBudget::Clock::time_point() + std::chrono::hours(1);

TEST(WaitBudgetTest, S4AllowsHalfASecondInACall) {
  WaitBudget budget;
  EXPECT_EQ(budget.Left(kStart), milliseconds(500));
  budget.Spend(kStart, kStart + milliseconds(500));
  EXPECT_EQ(budget.Left(kStart + milliseconds(500)), milliseconds(500));
}

TEST(WaitBudgetTest, S4AllowsHalfOfAnyFiveSeconds) {
  WaitBudget budget;
  auto now = kStart;
  WaitBudget::Clock::duration waited{};
  // A host that calls again as soon as it may.
  for (int i = 0; i < 1'000; ++i) {
    const auto left = budget.Left(now);
    budget.Spend(now, now + left);
    waited += left;
    now += left + milliseconds(10);
  }
  EXPECT_LE(waited, (now - kStart) / 2 + WaitBudget::kInAWindow);
  EXPECT_GE(waited, (now - kStart) / 3);
}

TEST(WaitBudgetTest, S4GivesNothingWhenTheWindowIsUsedUpAndAllOfItLater) {
  WaitBudget budget;
  for (int i = 0; i < 5; ++i) budget.Spend(kStart + i * milliseconds(500), kStart + (i + 1) * milliseconds(500));
  EXPECT_EQ(budget.Left(kStart + milliseconds(2'500)), milliseconds(0));
  EXPECT_EQ(budget.Left(kStart + milliseconds(5'000)), milliseconds(0));
  EXPECT_EQ(budget.Left(kStart + milliseconds(5'200)), milliseconds(200));
  EXPECT_EQ(budget.Left(kStart + seconds(10)), milliseconds(500));
}

}  // namespace
}  // namespace ddskey
