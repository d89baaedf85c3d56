#include "client/ca/nonces.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <set>
#include <string>
#include <vector>

#include "test/support/status_matchers.h"

namespace ddskey::ca {
namespace {

using test::StatusIs;
using ::testing::HasSubstr;

const absl::Time kNow = absl::FromUnixSeconds(1'800'000'000);

Nonces Again(const Nonces& nonces) { return *Nonces::Parse(nonces.Format()); }

TEST(NoncesTest, S11AreOf32OctetsAndNeverTheSame) {
  Nonces nonces;
  std::set<std::string> seen;
  for (int i = 0; i < 50; ++i) {
    ASSERT_OK_AND_ASSIGN(const std::string nonce, nonces.Issue(kNow));
    EXPECT_EQ(nonce.size(), 32U);
    EXPECT_TRUE(seen.insert(nonce).second);
  }
}

TEST(NoncesTest, S11AreGoodOnceAlsoAfterTheyWereRead) {
  Nonces nonces;
  ASSERT_OK_AND_ASSIGN(const std::string nonce, nonces.Issue(kNow));
  Nonces read = Again(nonces);
  EXPECT_OK(read.Check(nonce, kNow));
  EXPECT_OK(read.Use(nonce, kNow + absl::Minutes(59)));
  EXPECT_THAT(read.Use(nonce, kNow), StatusIs(absl::StatusCode::kFailedPrecondition, HasSubstr("used already")));
  EXPECT_THAT(Again(read).Check(nonce, kNow),
              StatusIs(absl::StatusCode::kFailedPrecondition, HasSubstr("used already")));
}

TEST(NoncesTest, S11AreGoodForAnHour) {
  Nonces nonces;
  ASSERT_OK_AND_ASSIGN(const std::string nonce, nonces.Issue(kNow));
  EXPECT_OK(nonces.Check(nonce, kNow + absl::Hours(1)));
  EXPECT_OK(nonces.Check(nonce, kNow - absl::Minutes(4)));
  for (const absl::Time time : {kNow + absl::Hours(1) + absl::Seconds(1), kNow - absl::Hours(1)}) {
    EXPECT_THAT(nonces.Use(nonce, time), StatusIs(absl::StatusCode::kFailedPrecondition, HasSubstr("hour")));
  }
  ASSERT_OK(nonces.Issue(kNow + absl::Hours(25)));
  EXPECT_THAT(nonces.Check(nonce, kNow), StatusIs(absl::StatusCode::kFailedPrecondition, HasSubstr("did not issue")));
}

TEST(NoncesTest, S11OfOthersAreNone) {
  EXPECT_THAT(Nonces().Check(std::string(32, 'x'), kNow),
              StatusIs(absl::StatusCode::kFailedPrecondition, HasSubstr("did not issue")));
}

TEST(NoncesTest, NamesTheLineThatIsDamaged) {
  const std::string good = std::string(64, 'a') + "\t2026-11-22T12:00:00Z\n";
  EXPECT_OK(Nonces::Parse(good));
  for (const std::string& line :
       std::vector<std::string>{"aa\t2026-11-22T12:00:00Z\n", "x", "\t\t\n", std::string(64, 'a') + "\t2026\n",
                                std::string(64, 'g') + "\t2026-11-22T12:00:00Z\n",
                                std::string(64, 'a') + "\t2026-11-22T12:00:00Z\tmaybe\n"}) {
    EXPECT_THAT(Nonces::Parse(good + line), StatusIs(absl::StatusCode::kDataLoss, HasSubstr("line 2"))) << line;
  }
}

}  // namespace
}  // namespace ddskey::ca
