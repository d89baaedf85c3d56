#include "daemon/backend/tpm2/root_trust.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>

#include "test/support/status_matchers.h"

namespace ddskey::tpm {
namespace {

using test::StatusIs;
using ::testing::AllOf;
using ::testing::HasSubstr;

TPM2B_NAME Name(uint8_t first) {
  TPM2B_NAME name = {};
  name.size = 34;
  name.name[1] = TPM2_ALG_SHA256;
  name.name[2] = first;
  return name;
}

RootTrust Trust(const std::string& configured = "") { return *RootTrust::Parse(configured); }

TEST(RootTrustTest, TheFirstKeyMayHaveAnyParentAndTheNextOnesTheSame) {
  RootTrust trust = Trust();
  EXPECT_FALSE(trust.Believes(Name(1)));
  EXPECT_TRUE(trust.AllowsNewKeys(Name(1)));
  EXPECT_TRUE(trust.AllowsNewKeys(Name(2)));
  trust.Know(Name(1));
  EXPECT_TRUE(trust.Believes(Name(1)));
  EXPECT_TRUE(trust.AllowsNewKeys(Name(1)));
  EXPECT_FALSE(trust.Believes(Name(2)));
  EXPECT_FALSE(trust.AllowsNewKeys(Name(2)));
}

TEST(RootTrustTest, UnderAConfiguredNameNoOtherParentGetsNewKeysButKeysThatAreThereGoOnWorking) {
  RootTrust trust = Trust(Hex(Name(1)));
  trust.Know(Name(2));
  EXPECT_TRUE(trust.AllowsNewKeys(Name(1)));
  EXPECT_FALSE(trust.AllowsNewKeys(Name(2)));
  EXPECT_TRUE(trust.Believes(Name(2)));
  EXPECT_FALSE(trust.Believes(Name(3)));
}

TEST(RootTrustTest, SaysWhyAKeyIsTrustedAndWhatToDoIfNot) {
  RootTrust trust = Trust();
  EXPECT_THAT(trust.Describe(Name(1)), AllOf(HasSubstr(Hex(Name(1))), HasSubstr("when the first key is made")));
  trust.Know(Name(1));
  EXPECT_THAT(trust.Describe(Name(1)), HasSubstr("that of keys in the key store"));
  EXPECT_THAT(trust.Describe(Name(2)), HasSubstr("not known"));
  EXPECT_THAT(trust.Refusal(Name(2)),
              StatusIs(absl::StatusCode::kFailedPrecondition, AllOf(HasSubstr(Hex(Name(2))), HasSubstr("keys in"))));
  EXPECT_THAT(Trust(Hex(Name(1))).Refusal(Name(2)),
              StatusIs(absl::StatusCode::kFailedPrecondition, HasSubstr("the configured one")));
  EXPECT_THAT(Trust(Hex(Name(1))).Describe(Name(1)), HasSubstr("as configured"));
}

TEST(RootTrustTest, TakesNamesInEitherCaseAndNothingElse) {
  EXPECT_TRUE(Trust("000B" + std::string(64, 'A')).Believes([] {
    TPM2B_NAME name = Name(0xaa);
    std::fill_n(name.name + 2, 32, 0xaa);
    return name;
  }()));
  for (const std::string& wrong :
       {"000b" + std::string(63, 'a'), "000b" + std::string(62, 'a'), "000b" + std::string(66, 'a'),
        "0004" + std::string(40, 'a'), "000b" + std::string(64, 'g'), std::string("00"), std::string(400, '0')}) {
    EXPECT_THAT(RootTrust::Parse(wrong), StatusIs(absl::StatusCode::kInvalidArgument)) << wrong;
  }
  EXPECT_OK(RootTrust::Parse("000c" + std::string(96, 'a')));
  EXPECT_OK(RootTrust::Parse("000d" + std::string(128, 'a')));
}

}  // namespace
}  // namespace ddskey::tpm
