#include "policy/policy.h"

#include <gtest/gtest.h>

#include <memory>
#include <string>
#include <vector>

#include "test/support/status_matchers.h"

namespace ddskey {
namespace {

using ::testing::HasSubstr;

constexpr Action kEveryAction[] = {Action::kHandshake,
                                   Action::kOwnTrust,
                                   Action::kProcessKey,
                                   Action::kSignParticipantData,
                                   Action::kSignDigest,
                                   Action::kSignPkcs1,
                                   Action::kOcspInstall,
                                   Action::kKeyCreate,
                                   Action::kKeyList,
                                   Action::kKeyDelete,
                                   Action::kCsrCreate,
                                   Action::kCertificateInstall,
                                   Action::kStatus,
                                   Action::kTrustChange,
                                   Action::kIdentityRenew,
                                   Action::kIdentityState,
                                   Action::kStoreCheck,
                                   Action::kBackup,
                                   Action::kRestore,
                                   Action::kKeyImport,
                                   Action::kKeyExport,
                                   Action::kAttest,
                                   Action::kCredentialActivate,
                                   Action::kPcrApprove,
                                   Action::kBackendUnlock};

std::shared_ptr<const Policy> MakePolicy(const std::string& text) {
  auto policy = Policy::Parse(text, "policy.textproto", {});
  EXPECT_TRUE(policy.ok()) << policy.status();
  return policy.ok() ? *policy : nullptr;
}

Subject Process(uid_t uid, gid_t gid = 100, std::vector<gid_t> groups = {}) {
  return {.uid = uid, .gid = gid, .groups = std::move(groups), .pid = 1234, .start_time = 1};
}

const PeerIdentity kListener = {.subject = "CN=listener,O=Lab", .issuer = "CN=identity CA,O=Lab", .serial = "ab12"};

TEST(PolicyTest, RefusesWhatNoRuleAllows) {
  const auto policy = MakePolicy(
      R"(rule { name: "lidar" effect: ALLOW caller { uid: 1000 } key: "lidar" operation: [ HANDSHAKE, KEY_LIST ] })");
  for (const Action action : kEveryAction) {
    const bool named = action == Action::kHandshake || action == Action::kKeyList;
    EXPECT_EQ(policy->Evaluate(Process(1000), action, "lidar").allowed, named) << ActionName(action);
    EXPECT_FALSE(policy->Evaluate(Process(1001), action, "lidar").allowed) << ActionName(action);
    EXPECT_FALSE(policy->Evaluate(Process(0), action, "lidar").allowed) << ActionName(action);
    EXPECT_FALSE(policy->Evaluate(Process(1000), action, "brake").allowed) << ActionName(action);
    EXPECT_FALSE(policy->Evaluate(Process(1000), action, "lidar2").allowed) << ActionName(action);
  }
}

TEST(PolicyTest, SigningParticipantDataIsAGrantOfItsOwn) {
  const auto policy = MakePolicy(
      R"(rule { name: "h" effect: ALLOW caller { uid: 1 } key: "*" operation: [ HANDSHAKE, OWN_TRUST ] }
         rule { name: "s" effect: ALLOW caller { uid: 2 } key: "lidar" operation: SIGN_PARTICIPANT_DATA })");
  EXPECT_FALSE(policy->Evaluate(Process(1), Action::kSignParticipantData, "lidar").allowed);
  EXPECT_TRUE(policy->Evaluate(Process(2), Action::kSignParticipantData, "lidar").allowed);
  EXPECT_FALSE(policy->Evaluate(Process(2), Action::kSignParticipantData, "brake").allowed);
  EXPECT_FALSE(policy->Evaluate(Process(2), Action::kHandshake, "lidar").allowed);
}

TEST(PolicyTest, AnEmptyPolicyAllowsNothing) {
  const auto policy = MakePolicy("# nothing\n");
  for (const Action action : kEveryAction) {
    EXPECT_FALSE(policy->Evaluate(Process(0, 0), action, "lidar").allowed) << ActionName(action);
  }
  EXPECT_EQ(policy->rule_count(), 0U);
}

TEST(PolicyTest, WithoutAFileTheSuperuserAdministersAndNobodyUsesAKey) {
  const auto policy = Policy::SuperuserOnly();
  for (const Action action : kEveryAction) {
    const bool uses_key = action == Action::kHandshake || action == Action::kOwnTrust ||
                          action == Action::kProcessKey || action == Action::kSignParticipantData ||
                          action == Action::kSignDigest || action == Action::kSignPkcs1;
    EXPECT_EQ(policy->Evaluate(Process(0, 0), action, "lidar").allowed, !uses_key) << ActionName(action);
    EXPECT_FALSE(policy->Evaluate(Process(1000), action, "lidar").allowed) << ActionName(action);
  }
  EXPECT_TRUE(policy->Evaluate(Process(0, 0), Action::kKeyList, "").allowed);
}

TEST(PolicyTest, ADenyBeatsAnAllowInEitherOrder) {
  const std::string allow = R"(rule { name: "all" effect: ALLOW caller { gid: 100 } key: "*" operation: HANDSHAKE })";
  const std::string deny = R"(rule { name: "not" effect: DENY caller { uid: 7 } key: "brake*" operation: HANDSHAKE })";
  for (const std::string& text : {allow + deny, deny + allow}) {
    const auto policy = MakePolicy(text);
    EXPECT_FALSE(policy->Evaluate(Process(7), Action::kHandshake, "brake.left").allowed);
    EXPECT_TRUE(policy->Evaluate(Process(7), Action::kHandshake, "lidar").allowed);
    EXPECT_TRUE(policy->Evaluate(Process(8), Action::kHandshake, "brake.left").allowed);
  }
}

TEST(PolicyTest, NamesTheRuleThatDecided) {
  const auto policy = MakePolicy(R"(
    rule { name: "robots" effect: ALLOW caller { gid: 100 } key: "*" operation: HANDSHAKE }
    rule { name: "more" effect: ALLOW caller { gid: 100 } key: "*" operation: HANDSHAKE }
    rule { name: "not the brakes" effect: DENY caller { uid: 7 } key: "brake*" operation: HANDSHAKE })");
  const Decision allowed = policy->Evaluate(Process(7), Action::kHandshake, "lidar");
  EXPECT_EQ(allowed.rule, "robots");
  EXPECT_EQ(allowed.reason, "rule \"robots\" allows HANDSHAKE");
  const Decision denied = policy->Evaluate(Process(7), Action::kHandshake, "brake");
  EXPECT_EQ(denied.rule, "not the brakes");
  EXPECT_EQ(denied.reason, "rule \"not the brakes\" denies HANDSHAKE");
  const Decision refused = policy->Evaluate(Process(7), Action::kKeyDelete, "brake\n");
  EXPECT_EQ(refused.rule, "");
  EXPECT_EQ(refused.reason, "no rule allows KEY_DELETE with the key \"brake\\n\" to uid 7");
}

TEST(PolicyTest, AllFieldsOfACallerAndAnyCallerOfARuleMustFit) {
  const auto policy = MakePolicy(R"(rule { name: "r" effect: ALLOW key: "*" operation: HANDSHAKE
    caller { uid: 1 gid: 10 } caller { uid: 2 } caller { gid: 30 } })");
  const auto allows = [&policy](const Subject& subject) {
    return policy->Evaluate(subject, Action::kHandshake, "k").allowed;
  };
  EXPECT_TRUE(allows(Process(1, 10)));
  EXPECT_TRUE(allows(Process(1, 99, {8, 10})));
  EXPECT_FALSE(allows(Process(1, 99)));
  EXPECT_FALSE(allows(Process(9, 10)));
  EXPECT_TRUE(allows(Process(2, 99)));
  EXPECT_TRUE(allows(Process(9, 30)));
  EXPECT_TRUE(allows(Process(9, 99, {30})));
  EXPECT_FALSE(allows(Process(9, 99, {31})));
}

TEST(PolicyTest, S10PidZeroAndOverflowIdsMatchNoRule) {
  const auto policy = MakePolicy(R"(rule { name: "r" effect: ALLOW key: "*" operation: [ HANDSHAKE, STATUS ]
    caller { uid: 65534 } caller { gid: 65534 } caller { uid: 4294967295 } caller { uid: 0 } caller { gid: 100 } })");
  const auto allows = [&policy](const Subject& subject) {
    return policy->Evaluate(subject, Action::kHandshake, "k").allowed ||
           policy->Evaluate(subject, Action::kStatus, "").allowed;
  };
  EXPECT_TRUE(allows(Process(0)));
  Subject without_pid = Process(0);
  without_pid.pid = 0;
  EXPECT_FALSE(allows(without_pid));
  EXPECT_FALSE(allows(Process(65534)));
  EXPECT_FALSE(allows(Process(static_cast<uid_t>(-1))));
  EXPECT_FALSE(allows(Process(0, 65534)));
  EXPECT_FALSE(allows(Process(0, static_cast<gid_t>(-1))));
  EXPECT_FALSE(allows(Subject()));
  // A supplementary group that cannot be named is no reason to refuse the others, and fits no rule itself.
  EXPECT_TRUE(allows(Process(7, 100, {65534})));
  EXPECT_FALSE(allows(Process(7, 101, {65534})));
}

TEST(PolicyTest, AnAllowWithPeersCountsBeforeThePeerIsKnownAndADenyDoesNot) {
  const auto policy = MakePolicy(R"(
    rule { name: "lab" effect: ALLOW caller { uid: 1 } key: "*" operation: HANDSHAKE peer { subject: "*,O=Lab" } }
    rule { name: "not" effect: DENY caller { uid: 1 } key: "*" operation: HANDSHAKE peer { serial: "AB:12" } })");
  PeerIdentity other = kListener;
  other.serial = "ab13";
  EXPECT_TRUE(policy->Evaluate(Process(1), Action::kHandshake, "k").allowed);
  EXPECT_TRUE(policy->Evaluate(Process(1), Action::kHandshake, "k", other).allowed);
  EXPECT_FALSE(policy->Evaluate(Process(1), Action::kHandshake, "k", kListener).allowed);
  other.subject = "CN=listener,O=Elsewhere";
  EXPECT_FALSE(policy->Evaluate(Process(1), Action::kHandshake, "k", other).allowed);
}

TEST(PolicyTest, AllFieldsOfAPeerAndAnyPeerOfARuleMustFit) {
  const auto policy = MakePolicy(R"(rule { name: "r" effect: ALLOW caller { uid: 1 } key: "*" operation: HANDSHAKE
    peer { subject: "CN=listener,*" issuer: "CN=identity CA,O=Lab" } peer { issuer: "CN=other*" serial: "00ff" } })");
  const auto allows = [&policy](const std::string& subject, const std::string& issuer, const std::string& serial) {
    const PeerIdentity peer = {.subject = subject, .issuer = issuer, .serial = serial};
    return policy->Evaluate(Process(1), Action::kHandshake, "k", peer).allowed;
  };
  EXPECT_TRUE(allows("CN=listener,O=Lab", "CN=identity CA,O=Lab", "1"));
  EXPECT_FALSE(allows("CN=talker,O=Lab", "CN=identity CA,O=Lab", "1"));
  EXPECT_FALSE(allows("CN=listener,O=Lab", "CN=identity CA,O=Lab 2", "1"));
  EXPECT_TRUE(allows("CN=x", "CN=other CA", "ff"));
  EXPECT_FALSE(allows("CN=x", "CN=other CA", "fe"));
}

TEST(PolicyTest, S8PeersOfTheCallersOwnTrustSatisfyNoAllowAndEveryDeny) {
  const std::string peers = R"(rule { name: "lab" effect: ALLOW caller { uid: 1 } key: "*" operation: HANDSHAKE
    peer { subject: "*" } })";
  const std::string anyone = R"(rule { name: "any" effect: ALLOW caller { uid: 1 } key: "*" operation: HANDSHAKE })";
  const std::string deny = R"(rule { name: "not" effect: DENY caller { uid: 1 } key: "*" operation: HANDSHAKE
    peer { subject: "CN=nobody" } })";
  const auto allows = [](const std::string& text, bool trusted, const std::optional<PeerIdentity>& peer) {
    return MakePolicy(text)->Evaluate(Process(1), Action::kHandshake, "k", peer, trusted).allowed;
  };
  for (const std::optional<PeerIdentity>& peer : {std::optional<PeerIdentity>(), std::optional(kListener)}) {
    EXPECT_TRUE(allows(peers, true, peer));
    EXPECT_FALSE(allows(peers, false, peer));
    EXPECT_TRUE(allows(anyone, false, peer));
    EXPECT_TRUE(allows(anyone + deny, true, peer));
    EXPECT_FALSE(allows(anyone + deny, false, peer));
  }
}

TEST(PolicyTest, AnEmptyKeyStandsForAllKeys) {
  const std::string some = R"(rule { name: "some" effect: ALLOW caller { uid: 1 } key: "a*" operation: KEY_LIST })";
  const std::string all = R"(rule { name: "all" effect: ALLOW caller { uid: 1 } key: "*" operation: KEY_LIST })";
  const std::string deny = R"(rule { name: "not" effect: DENY caller { uid: 1 } key: "b" operation: KEY_LIST })";
  const auto allows = [](const std::string& text, const char* key) {
    return MakePolicy(text)->Evaluate(Process(1), Action::kKeyList, key).allowed;
  };
  EXPECT_FALSE(allows(some, ""));
  EXPECT_TRUE(allows(some, "a1"));
  EXPECT_TRUE(allows(all, ""));
  EXPECT_FALSE(allows(all + deny, ""));
  EXPECT_TRUE(allows(all + deny, "c"));
}

TEST(PolicyTest, OperationsWithoutAKeyDoNotLookAtIt) {
  const auto policy =
      MakePolicy(R"(rule { name: "r" effect: ALLOW caller { uid: 1 } operation: [ STATUS, PROCESS_KEY ] })");
  EXPECT_TRUE(policy->Evaluate(Process(1), Action::kStatus, "").allowed);
  EXPECT_TRUE(policy->Evaluate(Process(1), Action::kProcessKey, "file").allowed);
  EXPECT_FALSE(policy->Evaluate(Process(1), Action::kKeyList, "").allowed);
}

}  // namespace
}  // namespace ddskey
