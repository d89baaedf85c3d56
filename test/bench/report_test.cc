#include "test/bench/report.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "test/bench/statistics.h"

namespace ddskey::bench {
namespace {

using ::testing::DoubleNear;
using ::testing::HasSubstr;

TEST(StatisticsTest, TakesTheMiddleValueOrTheMeanOfTwo) {
  EXPECT_EQ(Median({3}), 3);
  EXPECT_EQ(Median({9, 1, 2}), 2);
  EXPECT_EQ(Median({4, 1, 2, 9}), 3);
}

TEST(StatisticsTest, TellsHowFarApartRoundsWere) {
  EXPECT_EQ(Spread({5, 5, 5}), 0);
  EXPECT_THAT(Spread({8, 9, 10, 11, 12}), DoubleNear(0.1, 1e-9));
}

TEST(ReportTest, ComparesRoundByRoundAndNotMedianByMedian) {
  // Each round's machine was twice as slow as the one before; the ratio does not notice.
  const Line line = Paired("x", {1.1, 2.2, 4.4}, {1, 2, 4}, "s", 1.2);
  EXPECT_EQ(line.result, "1.10");
  EXPECT_TRUE(line.reached);
  EXPECT_FALSE(Paired("x", {1.3}, {1}, "s", 1.2).reached);
}

TEST(ReportTest, KnowsRatesThatMustBeAtLeastSoHigh) {
  EXPECT_TRUE(Paired("x", {95}, {100}, "/s", 0.9, true).reached);
  EXPECT_FALSE(Paired("x", {80}, {100}, "/s", 0.9, true).reached);
}

TEST(ReportTest, TellsDifferences) {
  const Line line = Difference("x", {300, 310, 500}, {100, 100, 100}, "us", 200);
  EXPECT_EQ(line.result, "+210 us");
  EXPECT_FALSE(line.reached);
  EXPECT_EQ(Difference("x", {1}, {3}, "", 1).result, "-2.00");
}

TEST(ReportTest, AlignsColumnsByCharactersAndSaysWhatWasReached) {
  const std::string table = Table({Single("memory", {20, 21, 22}, "MB", 25), Note("more", {1}, "")});
  EXPECT_THAT(table, HasSubstr("| memory | 21.0 MB ±2 % |           | 21.0 MB | <= 25 MB | yes     |\n"));
  EXPECT_THAT(table, HasSubstr("| more   | 1.00         |           |         |          |         |\n"));
}

}  // namespace
}  // namespace ddskey::bench
