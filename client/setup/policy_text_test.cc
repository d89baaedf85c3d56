#include "client/setup/policy_text.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>

#include "test/support/status_matchers.h"

namespace ddskey::setup {
namespace {

using ::ddskey::test::StatusIs;
using ::testing::AllOf;
using ::testing::HasSubstr;
using ::testing::Not;
using ::testing::StartsWith;

// Users by number need no accounts.
const Right kTalker = {.identity = "talker", .uid = 4711, .user = "", .action = Action::kHandshake};

constexpr char kAdministration[] =
    "rule { name: \"boss\" effect: ALLOW caller { uid: 0 } key: \"*\"\n"
    "       operation: [KEY_CREATE, KEY_LIST, CSR_CREATE, CERTIFICATE_INSTALL, STATUS] }  # ours";

TEST(PolicyTextTest, BeginsAPolicyWithAdministrationByRoot) {
  const auto extended = ExtendPolicy("", "policy.textproto", {kTalker});
  ASSERT_TRUE(extended.ok()) << extended.status();
  EXPECT_EQ(extended->rule_count, 2U);
  EXPECT_EQ(extended->text, extended->added);
  EXPECT_THAT(extended->text, AllOf(HasSubstr("name: \"administration\""), HasSubstr("CERTIFICATE_INSTALL"),
                                    HasSubstr("caller { uid: 4711 }"), HasSubstr("key: \"talker\""),
                                    HasSubstr("operation: HANDSHAKE"), Not(HasSubstr("KEY_EXPORT"))));
}

TEST(PolicyTextTest, AddsNothingTwice) {
  const auto first = ExtendPolicy("", "policy.textproto", {kTalker});
  const auto second = ExtendPolicy(first->text, "policy.textproto", {kTalker});
  EXPECT_EQ(second->added, "");
  EXPECT_EQ(second->text, first->text);
  EXPECT_EQ(second->rule_count, 2U);
}

TEST(PolicyTextTest, KeepsWhatIsThereToTheLetter) {
  const auto extended = ExtendPolicy(kAdministration, "policy.textproto", {kTalker});
  ASSERT_TRUE(extended.ok()) << extended.status();
  EXPECT_THAT(extended->text, StartsWith(kAdministration));
  EXPECT_THAT(extended->added, AllOf(HasSubstr("\"talker\""), Not(HasSubstr("administration"))));
}

TEST(PolicyTextTest, FindsANameThatNoRuleHas) {
  const std::string there = std::string(kAdministration) +
                            "\nrule { name: \"talker\" effect: ALLOW caller { uid: 1 } key: \"talker\" operation: "
                            "HANDSHAKE }";
  const auto extended = ExtendPolicy(there, "policy.textproto", {kTalker});
  ASSERT_TRUE(extended.ok()) << extended.status();
  EXPECT_THAT(extended->added, HasSubstr("name: \"talker.2\""));
}

TEST(PolicyTextTest, NamesAccountsByNameAndTheirRightsByPurpose) {
  const auto extended = ExtendPolicy("", "policy.textproto",
                                     {{.identity = "lidar", .uid = 0, .user = "root", .action = Action::kSignDigest}});
  ASSERT_TRUE(extended.ok()) << extended.status();
  EXPECT_THAT(extended->added, AllOf(HasSubstr("caller { user: \"root\" }"), HasSubstr("operation: SIGN_DIGEST")));
}

TEST(PolicyTextTest, PutsNoNameOfAnAccountIntoTheTextThatCouldEndAString) {
  Right odd = kTalker;
  odd.user = "a\" }";
  const auto extended = ExtendPolicy("", "policy.textproto", {odd});
  ASSERT_TRUE(extended.ok()) << extended.status();
  EXPECT_THAT(extended->added, HasSubstr("caller { uid: 4711 }"));
}

TEST(PolicyTextTest, DoesNotGoAgainstARuleThatDenies) {
  const std::string there = std::string(kAdministration) +
                            "\nrule { name: \"never\" effect: DENY caller { uid: 4711 } key: \"*\" operation: "
                            "HANDSHAKE }";
  EXPECT_THAT(ExtendPolicy(there, "policy.textproto", {kTalker}).status(),
              StatusIs(absl::StatusCode::kFailedPrecondition, HasSubstr("never")));
}

TEST(PolicyTextTest, RefusesTheUserWhoStandsForUnknownOnes) {
  Right nobody = kTalker;
  nobody.uid = 65534;
  EXPECT_THAT(ExtendPolicy("", "policy.textproto", {nobody}).status(),
              StatusIs(absl::StatusCode::kFailedPrecondition, HasSubstr("talker")));
}

TEST(PolicyTextTest, DoesNotTouchAPolicyWithMistakes) {
  EXPECT_THAT(ExtendPolicy("rule { name: \"x\" }", "policy.textproto", {}).status(),
              StatusIs(absl::StatusCode::kInvalidArgument, HasSubstr("policy.textproto:1:1")));
}

}  // namespace
}  // namespace ddskey::setup
