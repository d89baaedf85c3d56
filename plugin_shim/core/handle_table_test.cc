#include "plugin_shim/core/handle_table.h"

#include <gtest/gtest.h>

#include <set>

namespace ddskey {
namespace {

TEST(HandleTableTest, FindsWhatWasAdded) {
  HandleTable<int> table;
  const int64_t one = table.Add(std::make_shared<int>(1));
  const int64_t two = table.Add(std::make_shared<int>(2));
  EXPECT_EQ(*table.Find(one), 1);
  EXPECT_EQ(*table.Find(two), 2);
  EXPECT_GT(one, 0);
}

TEST(HandleTableTest, RefusesStaleHandles) {
  HandleTable<int> table;
  const int64_t handle = table.Add(std::make_shared<int>(1));
  EXPECT_EQ(*table.Remove(handle), 1);
  EXPECT_EQ(table.Find(handle), nullptr);
  EXPECT_EQ(table.Remove(handle), nullptr);
  table.Add(std::make_shared<int>(2));
  EXPECT_EQ(table.Find(handle), nullptr);
}

TEST(HandleTableTest, RefusesForeignHandles) {
  HandleTable<int> numbers;
  HandleTable<char> letters;
  const int64_t letter = letters.Add(std::make_shared<char>('a'));
  numbers.Add(std::make_shared<int>(1));
  EXPECT_EQ(numbers.Find(letter), nullptr);
  for (const int64_t made_up : {int64_t{0}, int64_t{1}, int64_t{-1}, letter + 1'000'000, INT64_MAX, INT64_MIN}) {
    EXPECT_EQ(letters.Find(made_up), nullptr) << made_up;
  }
}

TEST(HandleTableTest, NeverGivesAHandleOutTwice) {
  HandleTable<int> table;
  std::set<int64_t> seen;
  for (int i = 0; i < 1'000; ++i) {
    const int64_t handle = table.Add(std::make_shared<int>(i));
    EXPECT_TRUE(seen.insert(handle).second);
    table.Remove(handle);
  }
  EXPECT_EQ(table.size(), 0u);
}

}  // namespace
}  // namespace ddskey
