#include "client/waker.h"

#include <gtest/gtest.h>
#include <unistd.h>

#include <chrono>
#include <thread>

namespace ddskey {
namespace {

using std::chrono::hours;
using std::chrono::milliseconds;

TEST(WakerTest, EndsASleepFromAnotherThread) {
  Waker waker;
  std::thread sleeper([&waker] { waker.Sleep(Waker::Clock::now() + hours(1)); });
  waker.Wake();
  sleeper.join();
  EXPECT_TRUE(waker.woken());
}

TEST(WakerTest, LetsNobodySleepUntilItIsCleared) {
  Waker waker;
  waker.Wake();
  waker.Wake();
  waker.Sleep(Waker::Clock::now() + hours(1));
  waker.Clear();
  EXPECT_FALSE(waker.woken());
  const auto until = Waker::Clock::now() + milliseconds(20);
  waker.Sleep(until);
  EXPECT_GE(Waker::Clock::now(), until);
}

TEST(WakerTest, WakesThoughItsDescriptorsWereClosedOrTakenByOthers) {
  Waker waker;
  const int stolen = waker.descriptor();
  ASSERT_GT(stolen, STDERR_FILENO);
  ASSERT_EQ(close(stolen), 0);
  int other[2];
  ASSERT_EQ(pipe(other), 0);
  ASSERT_EQ(other[0], stolen) << "the lowest free number";
  EXPECT_LT(waker.descriptor(), 0);
  std::thread sleeper([&waker] { waker.Sleep(Waker::Clock::now() + hours(1)); });
  waker.Wake();
  sleeper.join();
  waker.Clear();
  EXPECT_EQ(close(other[0]), 0);
  EXPECT_EQ(close(other[1]), 0);
}

TEST(WakerTest, AWakeIsNeverLostBetweenTwoThreads) {
  Waker waker;
  constexpr int kTimes = 2000;
  std::atomic<int> slept = 0;
  std::thread sleeper([&] {
    for (int i = 0; i < kTimes; ++i) {
      waker.Sleep(Waker::Clock::now() + hours(1));
      waker.Clear();
      ++slept;
    }
  });
  for (int i = 0; i < kTimes; ++i) {
    waker.Wake();
    while (slept <= i) std::this_thread::yield();
  }
  sleeper.join();
  EXPECT_EQ(slept, kTimes);
}

}  // namespace
}  // namespace ddskey
