#include "client/doctor/policy_check.h"

#include <gtest/gtest.h>

#include "client/doctor/fake_host.h"
#include "client/doctor/finding_matchers.h"

namespace ddskey::doctor {
namespace {

constexpr char kPath[] = "/etc/ddskeyd/policy.textproto";
constexpr char kTalkers[] =
    R"(rule { name: "talk" effect: ALLOW caller { user: "talker" } key: "talker" operation: HANDSHAKE })";

v1::Key KeyNamed(const std::string& name, const std::string& purpose = "handshake") {
  v1::Key key;
  key.set_name(name);
  key.set_purpose(purpose);
  key.set_state("active");
  key.mutable_certificate()->set_subject("CN=" + name);
  return key;
}

FakeHost With(const std::string& policy) {
  FakeHost host;
  host.Add(kPath, FileKind::kRegular, 0644, policy);
  host.AddUser("talker", 1001);
  host.AddUser("listener", 1002);
  host.groups["robots"] = 2000;
  return host;
}

Findings Of(const FakeHost& host, const std::vector<v1::Key>& keys = {KeyNamed("talker")}) {
  Findings findings;
  CheckPolicy(host, kPath, keys, findings);
  return findings;
}

TEST(PolicyCheckTest, FindsNothingWrongWithAGoodPolicy) {
  Findings findings;
  const PolicyOnDisk policy = CheckPolicy(With(kTalkers), kPath, {KeyNamed("talker")}, findings);
  EXPECT_THAT(findings, AllAreOk());
  ASSERT_EQ(policy.users.size(), 1);
  EXPECT_EQ(policy.users[0].name, "talker");
  EXPECT_TRUE(MayHandshake(*policy.policy, policy.users[0], KeyNamed("talker")));
  EXPECT_FALSE(MayHandshake(*policy.policy, policy.users[0], KeyNamed("other")));
}

TEST(PolicyCheckTest, WarnsWhenThereIsNone) {
  EXPECT_THAT(Of(FakeHost()), Has(Level::kWarning, "policy.file", "ddskeyctl setup"));
}

TEST(PolicyCheckTest, S14FindsAFileThatOthersMayWrite) {
  FakeHost host = With(kTalkers);
  host.files[kPath].facts.mode = 0660;
  EXPECT_THAT(Of(host), Has(Level::kProblem, "policy.mode", "chmod go-w /etc/ddskeyd/policy.textproto"));
}

TEST(PolicyCheckTest, NamesMistakesByTheirLine) {
  const Findings findings = Of(With("\nrule { name: \"x\" nonsense: 1 }"));
  ASSERT_THAT(findings, Has(Level::kProblem, "policy.parse", "systemctl reload ddskeyd"));
}

TEST(PolicyCheckTest, FindsUsersAndGroupsThatDoNotExist) {
  const Findings findings = Of(With(R"(
    rule { name: "a" effect: ALLOW caller { user: "ghost" } key: "talker" operation: HANDSHAKE }
    rule { name: "b" effect: ALLOW caller { group: "ghosts" } key: "talker" operation: HANDSHAKE })"));
  EXPECT_THAT(findings, Has(Level::kProblem, "policy.user", "adduser --system --group ghost"));
  EXPECT_THAT(findings, Has(Level::kProblem, "policy.group", "groupadd ghosts"));
}

TEST(PolicyCheckTest, WarnsOfANumberThatIsNobodys) {
  EXPECT_THAT(Of(With(R"(rule { name: "a" effect: ALLOW caller { uid: 4711 } key: "talker" operation: HANDSHAKE })")),
              Has(Level::kWarning, "policy.uid"));
}

TEST(PolicyCheckTest, WarnsOfAPolicyThatGrantsNothing) {
  const Findings findings =
      Of(With(R"(rule { name: "a" effect: ALLOW caller { uid: 0 } key: "*" operation: KEY_LIST })"));
  EXPECT_THAT(findings, Has(Level::kWarning, "policy.nothing", "operation: HANDSHAKE"));
  EXPECT_THAT(findings, Has(Level::kWarning, "policy.unused-key", "key: \"talker\""));
}

TEST(PolicyCheckTest, FindsRulesThatGrantEverything) {
  EXPECT_THAT(Of(With(R"(rule { name: "a" effect: ALLOW caller { group: "robots" } key: "*" operation: HANDSHAKE })")),
              Has(Level::kProblem, "policy.everybody"));
  EXPECT_THAT(Of(With(R"(rule { name: "a" effect: ALLOW caller { user: "talker" } key: "*" operation: SIGN_DIGEST })")),
              Has(Level::kWarning, "policy.every-key"));
}

TEST(PolicyCheckTest, WarnsOfRulesThatAreNeverReached) {
  const Findings findings = Of(With(std::string(kTalkers) + R"(
    rule { name: "no" effect: DENY caller { user: "talker" } key: "*" operation: HANDSHAKE })"));
  EXPECT_THAT(findings, Has(Level::kWarning, "policy.rule"));
  EXPECT_THAT(findings, Has(Level::kWarning, "policy.unused-key"));
}

TEST(PolicyCheckTest, WarnsOfKeysThatNobodyMayUseAndOfRulesAboutNoKey) {
  const Findings findings = Of(With(kTalkers), {KeyNamed("tokens", "digest")});
  EXPECT_THAT(findings, Has(Level::kWarning, "policy.unused-key", "operation: SIGN_DIGEST"));
  EXPECT_THAT(findings, Has(Level::kWarning, "policy.no-such-key", "ddskeyctl identity create talker"));
}

TEST(PolicyCheckTest, TakesAGroupsGrantOfOneKeyAsOne) {
  EXPECT_THAT(
      Of(With(R"(rule { name: "a" effect: ALLOW caller { group: "robots" } key: "talker" operation: HANDSHAKE })")),
      AllAreOk());
}

TEST(PolicyCheckTest, KnowsThatAnIdentityMayBeHeldToOtherPeers) {
  Findings findings;
  const FakeHost host = With(R"(rule { name: "talk" effect: ALLOW caller { user: "talker" } key: "talker"
                                       operation: HANDSHAKE peer { subject: "CN=listener" } })");
  const PolicyOnDisk policy = CheckPolicy(host, kPath, {KeyNamed("talker")}, findings);
  ASSERT_NE(policy.policy, nullptr);
  EXPECT_FALSE(MayHandshake(*policy.policy, policy.users[0], KeyNamed("talker"))) << "not with itself";
}

}  // namespace
}  // namespace ddskey::doctor
