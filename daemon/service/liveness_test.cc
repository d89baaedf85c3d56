#include "daemon/service/liveness.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <spdlog/sinks/ostream_sink.h>
#include <spdlog/spdlog.h>

#include <memory>
#include <sstream>
#include <string>

namespace ddskey {
namespace {

using std::chrono::seconds;
using ::testing::HasSubstr;
using ::testing::Not;

// LivenessTest has a daemon of two parts, and what is logged.
class LivenessTest : public ::testing::Test {
 protected:
  LivenessTest() : previous_(spdlog::default_logger()) {
    spdlog::set_default_logger(
        std::make_shared<spdlog::logger>("test", std::make_shared<spdlog::sinks::ostream_sink_mt>(log_)));
    liveness_.Watch("the door", [this] { return door_; });
    liveness_.Watch("the kitchen", [this] { return kitchen_; });
  }
  ~LivenessTest() override { spdlog::set_default_logger(previous_); }

  std::ostringstream log_;
  const std::shared_ptr<spdlog::logger> previous_;
  Liveness::Duration door_ = {};
  Liveness::Duration kitchen_ = {};
  Liveness liveness_{seconds(10)};
};

TEST_F(LivenessTest, IsAliveWhileNoPartHangsForLong) {
  EXPECT_TRUE(Liveness(seconds(1)).IsAlive()) << "nothing is watched";
  EXPECT_TRUE(liveness_.IsAlive());
  door_ = kitchen_ = seconds(9);
  EXPECT_TRUE(liveness_.IsAlive());
  EXPECT_EQ(log_.str(), "");
}

TEST_F(LivenessTest, OnePartThatHangsIsEnoughAndIsNamedOnce) {
  kitchen_ = seconds(10);
  EXPECT_FALSE(liveness_.IsAlive());
  EXPECT_THAT(log_.str(), HasSubstr("the kitchen has hung for 10 s"));
  EXPECT_THAT(log_.str(), Not(HasSubstr("the door")));
  kitchen_ = seconds(15);
  EXPECT_FALSE(liveness_.IsAlive());
  EXPECT_THAT(log_.str(), Not(HasSubstr("15 s")));
}

TEST_F(LivenessTest, APartThatGoesOnIsAliveAgain) {
  door_ = seconds(11);
  EXPECT_FALSE(liveness_.IsAlive());
  door_ = {};
  EXPECT_TRUE(liveness_.IsAlive());
  EXPECT_THAT(log_.str(), HasSubstr("the door goes on"));
}

}  // namespace
}  // namespace ddskey
