#include "daemon/custodian/warning_memory.h"

#include <gtest/gtest.h>

namespace ddskey {
namespace {

const absl::Time kNow = absl::FromUnixSeconds(1'000'000);

TEST(WarningMemoryTest, SaysAThingOnceADay) {
  WarningMemory memory;
  EXPECT_TRUE(memory.IsNew("talker", "digest", "warning", kNow));
  EXPECT_FALSE(memory.IsNew("talker", "digest", "warning", kNow));
  EXPECT_FALSE(memory.IsNew("talker", "digest", "warning", kNow + absl::Hours(23)));
  EXPECT_TRUE(memory.IsNew("talker", "digest", "warning", kNow + absl::Hours(24)));
}

TEST(WarningMemoryTest, TellsThingsApart) {
  WarningMemory memory;
  EXPECT_TRUE(memory.IsNew("talker", "digest", "warning", kNow));
  EXPECT_TRUE(memory.IsNew("listener", "digest", "warning", kNow));
  EXPECT_TRUE(memory.IsNew("talker", "another", "warning", kNow));
  EXPECT_TRUE(memory.IsNew("talker", "digest", "another", kNow));
  EXPECT_FALSE(memory.IsNew("talker", "digest", "warning", kNow));
}

TEST(WarningMemoryTest, S17BeginsAnewWhenItIsFull) {
  WarningMemory memory;
  for (int i = 0; i < 4096; ++i) EXPECT_TRUE(memory.IsNew("talker", std::to_string(i), "warning", kNow));
  EXPECT_FALSE(memory.IsNew("talker", "0", "warning", kNow));
  EXPECT_TRUE(memory.IsNew("talker", "one more", "warning", kNow));
  EXPECT_TRUE(memory.IsNew("talker", "0", "warning", kNow));
}

}  // namespace
}  // namespace ddskey
