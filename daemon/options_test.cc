#include "daemon/options.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "test/support/status_matchers.h"

namespace ddskey {
namespace {

using ::ddskey::test::StatusIs;
using ::testing::HasSubstr;

TEST(OptionsTest, ReadsWhatTheHelpNames) {
  ASSERT_OK_AND_ASSIGN(const Options options, ParseOptions({"--config", "/a", "--check"}));
  EXPECT_EQ(options.config, "/a");
  EXPECT_TRUE(options.check);
  ASSERT_OK_AND_ASSIGN(const Options joined, ParseOptions({"--config=/b"}));
  EXPECT_EQ(joined.config, "/b");
  ASSERT_OK_AND_ASSIGN(const Options inventory, ParseOptions({"--inventory", "/k.db"}));
  EXPECT_EQ(inventory.inventory, "/k.db");
  for (const char* option : {"--config", "--check", "--inventory", "--version", "--help"}) {
    EXPECT_THAT(Usage(), HasSubstr(option));
  }
}

TEST(OptionsTest, RefusesWhatItDoesNotKnow) {
  for (const char* argument : {"--conifg", "start", "-c", "--check=yes", "--config", "--inventory", ""}) {
    EXPECT_THAT(ParseOptions({argument}), StatusIs(absl::StatusCode::kInvalidArgument)) << argument;
  }
}

}  // namespace
}  // namespace ddskey
