#include "daemon/rpc/heartbeat.h"

#include <gtest/gtest.h>

#include <chrono>

#include "test/support/process.h"

namespace ddskey {
namespace {

using std::chrono::milliseconds;

TEST(HeartbeatTest, IsSilentFromItsLastBeatOn) {
  Heartbeat heartbeat;
  EXPECT_TRUE(test::WaitFor([&] { return heartbeat.silence() > milliseconds(5); }));
  const auto before = Heartbeat::Clock::now();
  heartbeat.Beat();
  const auto silence = heartbeat.silence();
  EXPECT_LE(silence, Heartbeat::Clock::now() - before);
}

TEST(HeartbeatTest, ALoopWithNothingToDoTurnsAllTheSame) {
  EXPECT_EQ(Heartbeat::Bounded(-1), Heartbeat::kLongestWait.count());
  EXPECT_EQ(Heartbeat::Bounded(1'000'000), Heartbeat::kLongestWait.count());
  EXPECT_EQ(Heartbeat::Bounded(0), 0);
  EXPECT_EQ(Heartbeat::Bounded(7), 7);
}

}  // namespace
}  // namespace ddskey
