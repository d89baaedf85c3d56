#include "client/ca/index.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "test/support/status_matchers.h"

namespace ddskey::ca {
namespace {

using ::ddskey::test::IsOk;
using ::ddskey::test::StatusIs;
using ::testing::HasSubstr;
using ::testing::Not;

constexpr char kText[] =
    "V\t301231120000Z\t\t4A00\tunknown\t/O=Lab/CN=alice\n"
    "R\t301231120000Z\t260101000000Z,keyCompromise\t4B\tunknown\t/O=Lab/CN=bob\n"
    "R\t20601231120000Z\t260101000000Z\t4C\tunknown\t/O=Lab/CN=\\xC3\\xA9\n";

Issued Entry(const std::string& serial) {
  Issued issued;
  issued.serial = serial;
  issued.subject = "/CN=x";
  return issued;
}

TEST(IndexTest, ReadsAndWritesTheFormatOfOpenssl) {
  ASSERT_OK_AND_ASSIGN(const Index index, Index::Parse(kText));
  EXPECT_EQ(index.Format(), kText);
  ASSERT_EQ(index.entries().size(), 3U);
  EXPECT_EQ(index.entries()[1].reason, "keyCompromise");
  EXPECT_FALSE(index.entries()[0].revoked.has_value());
  EXPECT_EQ(absl::ToUnixSeconds(index.entries()[2].not_after), 2871720000);
}

TEST(IndexTest, KnowsANumberHoweverItIsWritten) {
  ASSERT_OK_AND_ASSIGN(const Index index, Index::Parse(kText));
  for (const std::string serial : {"4A00", "4a00", "004a00", "4a:00"}) EXPECT_NE(index.Find(serial), nullptr) << serial;
  for (const std::string serial : {"", "4A", "4A0", "4A0000", "/"}) EXPECT_EQ(index.Find(serial), nullptr) << serial;
}

TEST(IndexTest, NeverIssuesANumberTwice) {
  ASSERT_OK_AND_ASSIGN(Index index, Index::Parse(kText));
  EXPECT_THAT(index.Add(Entry("04b")), StatusIs(absl::StatusCode::kAlreadyExists));
  EXPECT_OK(index.Add(Entry("4D")));
}

TEST(IndexTest, RevokesOnce) {
  ASSERT_OK_AND_ASSIGN(Index index, Index::Parse(kText));
  const absl::Time now = absl::FromUnixSeconds(1'800'000'000);
  ASSERT_OK(index.Revoke("4a00", now, "superseded"));
  EXPECT_THAT(index.Format(), HasSubstr("R\t301231120000Z\t270115080000Z,superseded\t4A00\t"));
  EXPECT_THAT(index.Revoke("4a00", now, ""), StatusIs(absl::StatusCode::kFailedPrecondition));
  EXPECT_THAT(index.Revoke("99", now, ""), StatusIs(absl::StatusCode::kNotFound));
}

TEST(IndexTest, NamesTheLineThatIsDamaged) {
  for (const std::string line :
       {"x", "V\t301231120000Z\t\t4A\tunknown", "V\t301231120000Z\t260101000000Z\t4A\tunknown\t/CN=a",
        "R\t301231120000Z\t\t4A\tunknown\t/CN=a", "V\tyesterday\t\t4A\tunknown\t/CN=a",
        "V\t301231120000Z\t\t4X\tunknown\t/CN=a", "V\t301231120000Z\t\t\tunknown\t/CN=a",
        "R\t301231120000Z\t260101000000Z,because\t4A\tunknown\t/CN=a", "V\t301231120000Z\t\t04B\tunknown\t/CN=again"}) {
    const auto index = Index::Parse(kText + line + "\n");
    EXPECT_THAT(index, StatusIs(absl::StatusCode::kDataLoss, HasSubstr("line 4"))) << line;
  }
  EXPECT_THAT(Index::Parse(""), IsOk());
  EXPECT_THAT(Index::Parse("V"), Not(IsOk()));
}

}  // namespace
}  // namespace ddskey::ca
