#include "daemon/trust/revocation_list.h"

#include <gtest/gtest.h>

#include <string>

#include "test/support/pki.h"
#include "test/support/status_matchers.h"

namespace ddskey {
namespace {

using test::StatusIs;
using test::TestCa;
using ::testing::HasSubstr;

constexpr auto kInvalid = absl::StatusCode::kInvalidArgument;
constexpr auto kStays = absl::StatusCode::kFailedPrecondition;

class RevocationListTest : public testing::Test {
 protected:
  // `number` is DER of an INTEGER, hexadecimal; none if empty.
  RevocationList List(const std::string& number, absl::Duration age = absl::Hours(1)) const {
    std::vector<std::pair<std::string, std::string>> extensions;
    if (!number.empty()) extensions.emplace_back("2.5.29.20", "DER:" + number);
    const auto lists =
        RevocationList::ParsePem(ca_.Crl({}, absl::Now() - age, absl::Now() + absl::Hours(1), extensions));
    EXPECT_TRUE(lists.ok()) << lists.status();
    return lists->front();
  }

  const TestCa ca_ = TestCa::Root("root");
};

TEST_F(RevocationListTest, TellsWhatItHolds) {
  const std::string revoked = ca_.Issue(test::TestKey::Generate().public_key());
  const std::string pem = ca_.Crl({revoked});
  ASSERT_OK_AND_ASSIGN(const auto lists, RevocationList::ParsePem(pem + ca_.Crl({})));
  ASSERT_EQ(lists.size(), 2U);
  EXPECT_EQ(lists[0].issuer(), "CN=root,O=Lab");
  EXPECT_EQ(lists[0].size(), 1U);
  EXPECT_EQ(lists[1].size(), 0U);
  EXPECT_LT(lists[0].this_update(), lists[0].next_update());
  EXPECT_EQ(lists[0].digest().size(), 32U);
  ASSERT_OK_AND_ASSIGN(const auto again, RevocationList::ParsePem(lists[0].pem()));
  EXPECT_EQ(again.front().digest(), lists[0].digest());
}

TEST_F(RevocationListTest, ReadsTheNumber) {
  EXPECT_EQ(List("").number(), "");
  EXPECT_EQ(List("020100").number(), "0");
  EXPECT_EQ(List("02020100").number(), "100");
  EXPECT_EQ(List("020200ff").number(), "ff");
}

TEST_F(RevocationListTest, RefusesNumbersOutOfBounds) {
  const auto parse = [this](const std::string& number) {
    return RevocationList::ParsePem(
        ca_.Crl({}, absl::Now() - absl::Hours(1), absl::Now() + absl::Hours(1), {{"2.5.29.20", "DER:" + number}}));
  };
  EXPECT_THAT(parse("0201ff"), StatusIs(kInvalid, HasSubstr("out of bounds")));
  EXPECT_THAT(parse("0215" + std::string(42, '1')), StatusIs(kInvalid, HasSubstr("out of bounds")));
  EXPECT_THAT(parse("0500"), StatusIs(kInvalid, HasSubstr("cannot be read")));
}

TEST_F(RevocationListTest, S13KeepsItsLimits) {
  EXPECT_THAT(RevocationList::ParsePem(std::string(RevocationList::kLargestDocument + 1, ' ')), StatusIs(kInvalid));
  EXPECT_THAT(RevocationList::ParsePem(""), StatusIs(kInvalid, HasSubstr("no revocation list")));
  EXPECT_THAT(RevocationList::ParsePem(ca_.certificate()), StatusIs(kInvalid, HasSubstr("CERTIFICATE")));
}

TEST_F(RevocationListTest, S8ANewerListTakesThePlaceOfAnOlder) {
  EXPECT_OK(List("020102").CheckSupersedes(List("020101")));
  EXPECT_OK(List("02020100").CheckSupersedes(List("020200ff")));
  EXPECT_OK(List("020101").CheckSupersedes(List("")));
  EXPECT_OK(List("", absl::Hours(1)).CheckSupersedes(List("", absl::Hours(2))));
}

TEST_F(RevocationListTest, S8AnOlderListNeverTakesThePlaceOfANewer) {
  EXPECT_THAT(List("020101").CheckSupersedes(List("020102")), StatusIs(kStays, HasSubstr("lower than 0x2")));
  EXPECT_THAT(List("020200ff").CheckSupersedes(List("02020100")), StatusIs(kStays, HasSubstr("lower than 0x100")));
  EXPECT_THAT(List("").CheckSupersedes(List("020101")), StatusIs(kStays, HasSubstr("no number")));
  EXPECT_THAT(List("020103", absl::Hours(2)).CheckSupersedes(List("020102", absl::Hours(1))),
              StatusIs(kStays, HasSubstr("older (thisUpdate)")));
}

TEST_F(RevocationListTest, ReadsOneListInDerAsWell) {
  ASSERT_OK_AND_ASSIGN(const auto lists, RevocationList::Parse(ca_.Crl({})));
  const std::string der = lists[0].der();
  ASSERT_OK_AND_ASSIGN(const auto again, RevocationList::Parse(der));
  ASSERT_EQ(again.size(), 1U);
  EXPECT_EQ(again[0].digest(), lists[0].digest());
  EXPECT_THAT(RevocationList::Parse(der.substr(0, der.size() - 1)), StatusIs(kInvalid));
  EXPECT_THAT(RevocationList::Parse(der + "0"), StatusIs(kInvalid));
  EXPECT_THAT(RevocationList::Parse(""), StatusIs(kInvalid));
  EXPECT_THAT(RevocationList::Parse("0"), StatusIs(kInvalid));
}

TEST_F(RevocationListTest, TellsWhoseItIsByNameAndSignature) {
  ASSERT_OK_AND_ASSIGN(const auto mine, Certificate::ParsePem(ca_.certificate()));
  ASSERT_OK_AND_ASSIGN(const auto others, Certificate::ParsePem(TestCa::Root("root").certificate()));
  ASSERT_OK_AND_ASSIGN(const auto strangers, Certificate::ParsePem(TestCa::Root("stranger").certificate()));
  const RevocationList list = List("020101");
  EXPECT_OK(list.CheckIssuedBy(mine));
  EXPECT_OK(list.CheckIssuedBy({others.front(), mine.front()})) << "two CAs of one name";
  EXPECT_THAT(list.CheckIssuedBy(others), StatusIs(kInvalid, HasSubstr("does not verify")));
  EXPECT_THAT(list.CheckIssuedBy(strangers), StatusIs(absl::StatusCode::kNotFound));
}

TEST_F(RevocationListTest, TellsWhichKeyOfItsIssuerSignedIt) {
  EXPECT_EQ(List("020101").authority_key(), "");
  // A SEQUENCE of one key identifier, [0].
  ASSERT_OK_AND_ASSIGN(const auto lists, RevocationList::ParsePem(ca_.Crl({}, absl::Now(), absl::Now() + absl::Hours(1),
                                                                          {{"2.5.29.35", "DER:3006800401020304"}})));
  EXPECT_EQ(lists[0].authority_key(), "\x01\x02\x03\x04");
}

}  // namespace
}  // namespace ddskey
