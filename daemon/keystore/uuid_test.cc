#include "daemon/keystore/uuid.h"

#include <gtest/gtest.h>

#include <set>
#include <string>

#include "test/support/status_matchers.h"

namespace ddskey {
namespace {

using ::testing::MatchesRegex;

TEST(UuidTest, HasTheFormOfARandomUuid) {
  for (int i = 0; i < 100; ++i) {
    ASSERT_OK_AND_ASSIGN(const std::string uuid, NewUuid());
    const std::string hex = "[0-9a-f]";
    EXPECT_THAT(uuid, MatchesRegex("[0-9a-f]+-[0-9a-f]+-4[0-9a-f]+-[89ab][0-9a-f]+-[0-9a-f]+"));
    EXPECT_EQ(uuid.size(), 36U);
    for (const size_t dash : {8U, 13U, 18U, 23U}) EXPECT_EQ(uuid[dash], '-');
  }
}

TEST(UuidTest, IsNeverTheSameTwice) {
  std::set<std::string> seen;
  for (int i = 0; i < 1000; ++i) {
    ASSERT_OK_AND_ASSIGN(const std::string uuid, NewUuid());
    EXPECT_TRUE(seen.insert(uuid).second);
  }
}

}  // namespace
}  // namespace ddskey
