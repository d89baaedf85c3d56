#include "daemon/service/periodic_task.h"

#include <gtest/gtest.h>

#include <atomic>
#include <optional>

#include "test/support/process.h"

namespace ddskey {
namespace {

using std::chrono::milliseconds;

TEST(PeriodicTaskTest, DoesItsRoundsUntilItIsDestroyed) {
  std::atomic<int> rounds = 0;
  {
    const PeriodicTask task(milliseconds(0), [&] {
      ++rounds;
      return milliseconds(1);
    });
    EXPECT_TRUE(test::WaitFor([&] { return rounds >= 3; }));
  }
  // It would be a use after its end if the thread went on.
  const int done = rounds;
  EXPECT_EQ(rounds, done);
}

TEST(PeriodicTaskTest, EndsAtOnceWhileItWaits) {
  const auto begin = std::chrono::steady_clock::now();
  std::optional<PeriodicTask> task;
  std::atomic<bool> done = false;
  task.emplace(milliseconds(0), [&] {
    done = true;
    return milliseconds(3'600'000);
  });
  EXPECT_TRUE(test::WaitFor([&] { return done.load(); }));
  task.reset();
  EXPECT_LT(std::chrono::steady_clock::now() - begin, std::chrono::seconds(60));
}

}  // namespace
}  // namespace ddskey
