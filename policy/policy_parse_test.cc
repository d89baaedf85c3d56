// Policy::Parse: which files are policies, and what is said about those that are not.

#include <gtest/gtest.h>

#include <algorithm>
#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "policy/policy.h"
#include "test/support/status_matchers.h"

namespace ddskey {
namespace {

using test::StatusIs;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;

constexpr auto kInvalid = absl::StatusCode::kInvalidArgument;

std::optional<uint32_t> Find(const std::string& name) {
  if (name == "robot") return 1000;
  if (name == "lidar") return 44;
  if (name == "nobody") return 65534;
  return std::nullopt;
}

absl::StatusOr<std::shared_ptr<const Policy>> Parse(const std::string& text) {
  return Policy::Parse(text, "p", {.uid_of = Find, .gid_of = Find});
}

// Mistakes returns the lines of the refusal of `text`.
std::vector<std::string> Mistakes(const std::string& text) {
  const auto policy = Parse(text);
  EXPECT_THAT(policy, StatusIs(kInvalid));
  return absl::StrSplit(std::string(policy.status().message()), '\n');
}

// Rule is a good rule with `change` in it.
std::string Rule(const std::string& change) {
  return "rule { name: \"r\" effect: ALLOW caller { uid: 1 } key: \"k\" operation: HANDSHAKE " + change + " }";
}

std::vector<std::string> Warnings(const std::string& text) {
  const auto policy = Parse(text);
  EXPECT_TRUE(policy.ok()) << policy.status();
  return (*policy)->warnings();
}

TEST(PolicyParseTest, ReadsEveryField) {
  ASSERT_OK_AND_ASSIGN(const auto policy, Parse(R"(
    # A comment.
    rule {
      name: "everything"
      effect: ALLOW
      caller { uid: 1000 user: "robot" gid: 44 group: "lidar" }
      caller: < group: "lidar" >
      key: "a" key: ["b*", 'c.*']
      operation: HANDSHAKE; operation: OWN_TRUST,
      peer { subject: "CN=*," "O=Lab" issuer: "*" serial: "0A:ff" }
    }
    rule { name: "admin" effect: DENY caller { user: "robot" } key: "*"
           operation: [KEY_CREATE, KEY_LIST, KEY_DELETE, CSR_CREATE, CERTIFICATE_INSTALL, STATUS, PROCESS_KEY] })"));
  EXPECT_EQ(policy->rule_count(), 2U);
  const Subject robot = {.uid = 1000, .gid = 44, .groups = {}, .pid = 1, .start_time = 0};
  const PeerIdentity peer = {.subject = "CN=x,O=Lab", .issuer = "i", .serial = "aff"};
  EXPECT_TRUE(policy->Evaluate(robot, Action::kHandshake, "b1", peer).allowed);
  EXPECT_TRUE(policy->Evaluate(robot, Action::kOwnTrust, "c.d").allowed);
  EXPECT_EQ(policy->Evaluate(robot, Action::kProcessKey, "").rule, "admin");
}

TEST(PolicyParseTest, NamesLineAndColumnOfEveryMistakeOfSyntax) {
  const std::string text =
      "rule {\n"
      "  name: \"a\"\n"
      "  effect: MAYBE\n"
      "  caller { uid: \"x\" }\n"
      "  kay: \"k\"\n"
      "\toperation HANDSHAKE\n"
      "}\n"
      "rule { name: \"b\" effect: ALLOW caller { uid: 1 } key: \"k\" operation: STATUS }\n"
      "rulle { }\n"
      "rule { name: \"c\" effect: DENY caller { user: \"ghost\" } operation: STATUS }\n";
  EXPECT_THAT(Mistakes(text),
              ElementsAre(HasSubstr("p:3:11: Unknown enumeration value of \"MAYBE\""), HasSubstr("p:4:17: "),
                          HasSubstr("p:5:6: Message type \"ddskey.v1.Rule\" has no field named \"kay\""),
                          HasSubstr("p:6:19: Expected \":\", found \"HANDSHAKE\""),
                          HasSubstr("p:9:7: Message type \"ddskey.v1.Policy\" has no field named \"rulle\""),
                          HasSubstr("p:10:1: rule \"c\": this system has no user named \"ghost\"")));
}

TEST(PolicyParseTest, FindsMistakesThatHideWhatFollows) {
  EXPECT_THAT(Mistakes(Rule("") + "\n}\n" + Rule("}")),
              ElementsAre(HasSubstr("p:2:1: "), HasSubstr("same name"), HasSubstr("p:3:82: ")));
  EXPECT_THAT(Mistakes("\x01" + Rule("")), ElementsAre(HasSubstr("p:1:1: ")));
  EXPECT_THAT(Mistakes(Rule("") + "\n \x01\n"), ElementsAre(HasSubstr("p:2:2: ")));
  EXPECT_THAT(Mistakes(Rule("name: \"open")), ElementsAre(HasSubstr("p:1:")));
  EXPECT_THAT(Mistakes("rule { name: \"a\"\n"), ElementsAre(HasSubstr("p:1:14: ")));
  EXPECT_THAT(Mistakes("rule"), ElementsAre(HasSubstr("p:1:1: ")));
  EXPECT_THAT(Mistakes(Rule("name: \"twice\"")), ElementsAre(HasSubstr("p:1:84: Non-repeated field \"name\"")));
}

TEST(PolicyParseTest, NamesEveryMistakeOfMeaningWithItsRule) {
  EXPECT_THAT(Mistakes("rule { }"),
              ElementsAre(HasSubstr("p:1:1: a rule without a name: name must have"), HasSubstr("effect must be"),
                          HasSubstr("caller is missing"), HasSubstr("operation is missing")));
  EXPECT_THAT(Mistakes("rule { name: \"n\" effect: ALLOW caller { } operation: HANDSHAKE }"),
              ElementsAre(HasSubstr("rule \"n\": a caller needs"), HasSubstr("rule \"n\": key is missing")));
  EXPECT_THAT(Mistakes(Rule("caller { user: \"ghost\" }")), ElementsAre(HasSubstr("no user named \"ghost\"")));
  EXPECT_THAT(Mistakes(Rule("caller { group: \"ghosts\" }")), ElementsAre(HasSubstr("no group named \"ghosts\"")));
  EXPECT_THAT(Mistakes(Rule("caller { user: \"robot\" uid: 5 }")), ElementsAre(HasSubstr("whose uid is 1000")));
  EXPECT_THAT(Mistakes(Rule("key: \"a/b\" key: \"\"")), ElementsAre(HasSubstr("\"a/b\""), HasSubstr("\"\"")));
  EXPECT_THAT(Mistakes(Rule("operation: 77 operation: OPERATION_UNSPECIFIED")),
              ElementsAre(HasSubstr("no operation 77"), HasSubstr("no operation 0")));
  EXPECT_THAT(Mistakes(Rule("peer { }")), ElementsAre(HasSubstr("a peer needs")));
  EXPECT_THAT(Mistakes(Rule("peer { serial: \"12g\" }")), ElementsAre(HasSubstr("\"12g\"")));
  EXPECT_THAT(Mistakes(Rule("peer { subject: \"a\\nb\" }")), ElementsAre(HasSubstr("subject")));
  EXPECT_THAT(Mistakes(Rule("peer { subject: \"*\" } operation: KEY_DELETE")), ElementsAre(HasSubstr("KEY_DELETE")));
  EXPECT_THAT(Mistakes(Rule("") + "\n" + Rule("")),
              ElementsAre(HasSubstr("p:2:1: rule \"r\": the rule in line 1 has the same name")));
}

TEST(PolicyParseTest, KeepsItsLimits) {
  std::string rules;
  for (int i = 0; i < 1024; ++i) {
    absl::StrAppend(&rules, "rule { name: \"", i, "\" effect: ALLOW caller { uid: 1 } operation: STATUS }\n");
  }
  EXPECT_OK(Parse(rules));
  EXPECT_THAT(Mistakes(rules + Rule("")), ElementsAre(HasSubstr("more than 1024")));
  EXPECT_THAT(Parse(std::string(1024 * 1024 + 1, '\n')), StatusIs(kInvalid, HasSubstr("1 MiB")));
}

TEST(PolicyParseTest, DealsWithAMebibyteOfMistakesAtOnce) {
  for (const std::string piece :
       {"x\n", "x ", "{ ", "rule {\n", "}\n", "\"\n", "rule { caller { caller {}}} ", "\x80"}) {
    std::string text;
    while (text.size() + piece.size() <= 1024 * 1024) text += piece;
    const std::vector<std::string> mistakes = Mistakes(text);
    EXPECT_LE(mistakes.size(), 100U) << piece;
    EXPECT_FALSE(mistakes.front().empty()) << piece;
  }
}

TEST(PolicyParseTest, WarnsAboutCallersThatCanNeverMatch) {
  EXPECT_THAT(Warnings(Rule("caller { user: \"nobody\" } caller { gid: 65534 }")),
              ElementsAre(HasSubstr("rule \"r\": 2 of 3 callers can never match")));
  EXPECT_THAT(Warnings(Rule("")), IsEmpty());
}

TEST(PolicyParseTest, WarnsAboutKeysThatMeanNothing) {
  EXPECT_THAT(Warnings("rule { name: \"r\" effect: ALLOW caller { uid: 1 } key: \"k\" operation: STATUS }"),
              ElementsAre(HasSubstr("keys mean nothing")));
}

TEST(PolicyParseTest, WarnsAboutOwnTrustWithPeers) {
  EXPECT_THAT(Warnings(Rule("operation: OWN_TRUST peer { subject: \"*\" }")), ElementsAre(HasSubstr("names peers")));
}

TEST(PolicyParseTest, WarnsAboutRulesThatAreDeniedEntirely) {
  const std::string allow =
      "rule { name: \"a\" effect: ALLOW caller { uid: 1 gid: 2 } key: \"k.*\" operation: HANDSHAKE }";
  const auto with_deny = [&allow](const std::string& deny) {
    return Warnings(allow + "rule { name: \"d\" effect: DENY " + deny + " }");
  };
  EXPECT_THAT(with_deny("caller { gid: 2 } key: \"k*\" operation: [ HANDSHAKE, STATUS ]"),
              ElementsAre(HasSubstr("rule \"a\": it never allows anything, because rule \"d\"")));
  EXPECT_THAT(with_deny("caller { gid: 3 } key: \"k*\" operation: HANDSHAKE"), IsEmpty());
  EXPECT_THAT(with_deny("caller { gid: 2 } key: \"k.x*\" operation: HANDSHAKE"), IsEmpty());
  EXPECT_THAT(with_deny("caller { gid: 2 } key: \"*\" operation: OWN_TRUST"), IsEmpty());
  EXPECT_THAT(with_deny("caller { gid: 2 } key: \"*\" operation: HANDSHAKE peer { subject: \"*\" }"), IsEmpty());
}

}  // namespace
}  // namespace ddskey
