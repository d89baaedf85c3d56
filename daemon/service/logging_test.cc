#include "daemon/service/logging.h"

#include <gtest/gtest.h>
#include <spdlog/spdlog.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cstdlib>
#include <string>

#include "test/support/status_matchers.h"

namespace ddskey {
namespace {

using test::IsOkAndHolds;
using test::StatusIs;

TEST(LoggingTest, ReadsTheTargetsOfTheConfiguration) {
  EXPECT_THAT(ParseLogTarget("stderr"), IsOkAndHolds(LogTarget::kStderr));
  EXPECT_THAT(ParseLogTarget("journal"), IsOkAndHolds(LogTarget::kJournal));
  EXPECT_THAT(ParseLogTarget("syslog"), StatusIs(absl::StatusCode::kInvalidArgument));
}

TEST(LoggingTest, ChoosesTheJournalOnlyIfStderrIsConnectedToIt) {
  unsetenv("JOURNAL_STREAM");
  EXPECT_THAT(ParseLogTarget(""), IsOkAndHolds(LogTarget::kStderr));
  setenv("JOURNAL_STREAM", "1:2", 1);
  EXPECT_THAT(ParseLogTarget("auto"), IsOkAndHolds(LogTarget::kStderr));
  struct stat there = {};
  ASSERT_EQ(fstat(STDERR_FILENO, &there), 0);
  setenv("JOURNAL_STREAM", (std::to_string(there.st_dev) + ":" + std::to_string(there.st_ino)).c_str(), 1);
  EXPECT_THAT(ParseLogTarget("auto"), IsOkAndHolds(LogTarget::kJournal));
  unsetenv("JOURNAL_STREAM");
}

TEST(LoggingTest, WritesLinesFromTheLevelOnToStderr) {
  ::testing::internal::CaptureStderr();
  ASSERT_OK(SetUpLogging(LogTarget::kStderr, "warning"));
  spdlog::info("too quiet");
  spdlog::warn("loud enough");
  const std::string output = ::testing::internal::GetCapturedStderr();
  EXPECT_EQ(output.find("too quiet"), std::string::npos);
  EXPECT_NE(output.find(" warning loud enough\n"), std::string::npos) << output;
}

TEST(LoggingTest, RefusesAnUnknownLevel) {
  EXPECT_THAT(SetUpLogging(LogTarget::kStderr, "loud"), StatusIs(absl::StatusCode::kInvalidArgument));
}

}  // namespace
}  // namespace ddskey
