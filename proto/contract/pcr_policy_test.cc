#include "proto/contract/pcr_policy.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>

#include "absl/strings/escaping.h"
#include "test/support/status_matchers.h"

namespace ddskey {
namespace {

using test::StatusIs;
using ::testing::HasSubstr;

constexpr auto kInvalid = absl::StatusCode::kInvalidArgument;

TEST(PcrPolicyTest, ReadsAndWritesSelections) {
  for (const char* text : {"sha256:0,2,7", "sha1:0+sha256:0,7", "sha384:17+sha512:22", "sha256:1"}) {
    ASSERT_OK_AND_ASSIGN(const PcrSelection selection, ParsePcrSelection(text));
    EXPECT_EQ(FormatPcrs(selection), text);
  }
  ASSERT_OK_AND_ASSIGN(const PcrSelection mixed, ParsePcrSelection("sha256:7,0+sha1:4"));
  EXPECT_EQ(FormatPcrs(mixed), "sha1:4+sha256:0,7");
}

TEST(PcrPolicyTest, RefusesWhatIsNoSelection) {
  for (const char* text : {"", "sha256", "sha256:", "sha256:24", "sha256:-1", "sha256:0,0", "sha256:0,,1", "md5:0",
                           "sha256:0+", "sha256:0 ,1", "SHA256:0", "sha256:0x1"}) {
    EXPECT_THAT(ParsePcrSelection(text), StatusIs(kInvalid, HasSubstr("sha256:0,2,7"))) << text;
  }
  EXPECT_THAT(ParsePcrSelection("sha1:0,1,2,3,4,5,6,7,8,9,10,11,12+sha256:0,1,2,3,4,5,6,7,8,9,10,11,12"),
              StatusIs(kInvalid, HasSubstr("more than 24")));
}

TEST(PcrPolicyTest, RefusesRegistersThatAnyProgramSetsBack) {
  for (const char* text : {"sha256:16", "sha256:0,23"}) {
    EXPECT_THAT(ParsePcrSelection(text), StatusIs(kInvalid, HasSubstr("protect nothing"))) << text;
  }
}

TEST(PcrPolicyTest, ReadsValuesAsTpm2PcrreadPrintsThem) {
  const std::string text = "  sha1:\n    0 : 0x" + std::string(40, '1') + "\n  sha256:\n    0 : 0x" +
                           std::string(64, 'a') + "\n    7 : 0x" + std::string(64, 'B') + "\n    9 : 0x00\n    16: 0x" +
                           std::string(64, '0') + "\n";
  ASSERT_OK_AND_ASSIGN(const PcrSelection selection, ParsePcrSelection("sha256:0,7"));
  ASSERT_OK_AND_ASSIGN(const PcrValues values, ParsePcrValues(text, selection));
  EXPECT_EQ(values.size(), 2U);
  EXPECT_EQ((values.at({PcrBank::kSha256, 0})), std::string(32, '\xaa'));
  EXPECT_EQ((values.at({PcrBank::kSha256, 7})), std::string(32, '\xbb'));
  EXPECT_EQ(SelectionOf(values), selection);

  ASSERT_OK_AND_ASSIGN(const PcrSelection more, ParsePcrSelection("sha256:0,8"));
  EXPECT_THAT(ParsePcrValues(text, more), StatusIs(kInvalid, HasSubstr("PCR 8 (sha256)")));
  ASSERT_OK_AND_ASSIGN(const PcrSelection cut, ParsePcrSelection("sha256:9"));
  EXPECT_THAT(ParsePcrValues(text, cut), StatusIs(kInvalid, HasSubstr("the value of PCR 9 (sha256)")));
  EXPECT_THAT(ParsePcrValues(text + "    7 : 0x" + std::string(64, 'c'), selection),
              StatusIs(kInvalid, HasSubstr("twice")));
  EXPECT_THAT(ParsePcrValues("", selection), StatusIs(kInvalid, HasSubstr("tpm2_pcrread sha256:0,7")));
}

// The value is what tpm2_createpolicy --policy-pcr -l sha256:0 prints for a register of zeros.
TEST(PcrPolicyTest, MakesTheDigestsThatTheTpmMakes) {
  const PcrValues zeros = {{{PcrBank::kSha256, 0}, std::string(32, '\0')}};
  EXPECT_EQ(absl::BytesToHexString(PcrDigest(zeros)),
            "66687aadf862bd776c8fc18b8e9f8e20089714856ee233b3902a591d0d5f2925");
  EXPECT_EQ(absl::BytesToHexString(MarshalledPcrs(SelectionOf(zeros))), "00000001000b03010000");
  EXPECT_EQ(absl::BytesToHexString(PcrPolicyDigest(zeros)),
            "093ceb41181d47808862d7946268ee6a17a10e3d1b79b32351bc56e4beaceff0");
}

TEST(PcrPolicyTest, ApprovalsAreForOneLabelAndOneSetOfValues) {
  const PcrValues zeros = {{{PcrBank::kSha256, 0}, std::string(32, '\0')}};
  const PcrValues ones = {{{PcrBank::kSha256, 0}, std::string(32, '\1')}};
  const PcrValues other = {{{PcrBank::kSha256, 1}, std::string(32, '\0')}};
  EXPECT_EQ(ToBeApproved(zeros, "lidar").size(), 64U);
  EXPECT_NE(ToBeApproved(zeros, "lidar"), ToBeApproved(zeros, "radar"));
  EXPECT_NE(ToBeApproved(zeros, "lidar"), ToBeApproved(ones, "lidar"));
  EXPECT_NE(ToBeApproved(zeros, "lidar"), ToBeApproved(other, "lidar"));
  EXPECT_TRUE(IsPcrLabel("fleet-7"));
  EXPECT_FALSE(IsPcrLabel(""));
  EXPECT_FALSE(IsPcrLabel("two words"));
}

}  // namespace
}  // namespace ddskey
