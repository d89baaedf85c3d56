#include "client/setup/plan.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <map>
#include <string>
#include <vector>

#include "absl/strings/escaping.h"
#include "absl/strings/match.h"
#include "client/setup/documents.h"
#include "client/setup/policy_text.h"
#include "test/support/pki.h"
#include "test/support/status_matchers.h"

namespace ddskey::setup {
namespace {

using ::ddskey::test::IsOk;
using ::ddskey::test::StatusIs;
using ::ddskey::test::TestCa;
using ::ddskey::test::TestKey;
using ::testing::Contains;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::SizeIs;

constexpr auto kCannot = absl::StatusCode::kFailedPrecondition;
constexpr char kFolder[] = "/etc/ddskeyd";

std::string Pem(const TestKey& key) {
  return "-----BEGIN PUBLIC KEY-----\n" + absl::Base64Escape(key.public_key()) + "\n-----END PUBLIC KEY-----\n";
}

// PlanTest has a host without a TPM, on which steps are done to the Situation alone.
class PlanTest : public ::testing::Test {
 protected:
  PlanTest() {
    wishes_.identities = {{.name = "talker", .account = {.uid = 4711, .gid = 4711, .groups = {}, .name = ""}}};
    wishes_.organization = "Lab";
    wishes_.plugin = "/usr/lib/libddskey_cyclonedds.so";
    wishes_.drop_in = "/usr/lib/ddskey";
    situation_.identities.resize(1);
    situation_.identities[0].wanted = wishes_.identities[0];
  }

  IdentitySituation& talker() { return situation_.identities[0]; }

  absl::StatusOr<Plan> Planned() const {
    const Surroundings none = {.has_device = [](const std::string&) { return false; },
                               .has_broker = [] { return false; },
                               .variable = [](const std::string&) { return std::string(); }};
    return MakePlan(wishes_, situation_, kFolder, none, absl::Now());
  }

  // Store does what writing a file does.
  void Store(const std::string& name, const std::string& content) {
    const std::map<std::string, std::string*> files = {{kIdentityCaFile, &situation_.identity_ca},
                                                       {kPermissionsCaFile, &situation_.permissions_ca},
                                                       {kGovernanceFile, &situation_.governance},
                                                       {"requests/governance.xml", &situation_.governance_xml},
                                                       {"requests/talker.permissions.xml", &talker().permissions_xml}};
    const std::string folder = "applications/talker/";
    if (name == kConfigurationFile) {
      situation_.configuration = content;
    } else if (name == kPolicyFile) {
      situation_.policy = content;
    } else if (absl::StartsWith(name, folder)) {
      talker().files[name.substr(folder.size())] = content;
    } else {
      *files.at(name) = content;
    }
  }

  // Serve is a daemon with what is configured.
  void Serve() {
    situation_.daemon_answers = true;
    v1::GetStatusResponse daemon;
    v1::BackendStatus& backend = *daemon.add_backends();
    backend.set_name("software");
    backend.set_kind("software");
    backend.set_healthy(true);
    daemon.set_policy_file("/etc/ddskeyd/policy.textproto");
    const auto policy = ExtendPolicy(situation_.policy.value_or(""), kPolicyFile, {});
    daemon.set_policy_rules(static_cast<uint32_t>(policy->rule_count));
    situation_.daemon = daemon;
  }

  void Hold(const TestKey& key, const std::string& purpose = "handshake") {
    v1::Key held;
    held.set_name("talker");
    held.set_state("active");
    held.set_purpose(purpose);
    held.set_public_key_pem(Pem(key));
    talker().key = held;
  }
  void Certify(const TestCa& ca) {
    talker().certificate = ca.Issue(key_.public_key(), test::Named("talker"));
    talker().key->mutable_certificate()->set_subject("CN=talker,O=Lab");
  }

  // Do carries a step out.
  void Do(const Step& step) {
    switch (step.kind) {
      case StepKind::kWrite:
      case StepKind::kWriteKeepingOld:
        for (const File& file : step.files) Store(file.name, file.content);
        break;
      case StepKind::kRestart:
      case StepKind::kReload:
        Serve();
        break;
      case StepKind::kMakeAuthorities:
        situation_.made_identity_ca = identity_ca_.certificate();
        situation_.made_permissions_ca = permissions_ca_.certificate();
        break;
      case StepKind::kMakeKey:
        Hold(key_);
        break;
      case StepKind::kCertify:
        Certify(identity_ca_);
        break;
      case StepKind::kSign:
        Store(step.files.front().name, permissions_ca_.SignDocument(step.files.front().content));
        break;
      default:
        FAIL() << step.text;
    }
  }

  // Finish does all there is to do, and returns the kinds of the steps.
  std::vector<StepKind> Finish() {
    std::vector<StepKind> done;
    absl::StatusOr<Plan> plan = Planned();
    while (plan.ok() && !plan->steps.empty() && done.size() < 20) {
      done.push_back(plan->steps.front().kind);
      Do(plan->steps.front());
      plan = Planned();
    }
    EXPECT_THAT(plan, IsOk());
    return done;
  }

  const TestCa identity_ca_ = TestCa::Root("identity CA");
  const TestCa permissions_ca_ = TestCa::Root("permissions CA");
  const TestKey key_ = TestKey::Generate();
  Wishes wishes_;
  Situation situation_;
};

TEST_F(PlanTest, TakesAnEmptyHostToAnApplicationAndThenHasNothingToDo) {
  const auto at_first = Planned();
  ASSERT_THAT(at_first, IsOk());
  EXPECT_THAT(at_first->warnings, Contains(HasSubstr("there is no TPM")));
  EXPECT_THAT(Finish(), ElementsAre(StepKind::kWriteKeepingOld, StepKind::kWriteKeepingOld, StepKind::kRestart,
                                    StepKind::kMakeAuthorities, StepKind::kWrite, StepKind::kSign, StepKind::kMakeKey,
                                    StepKind::kCertify, StepKind::kSign, StepKind::kWrite));
  EXPECT_THAT(talker().files, SizeIs(7));
  EXPECT_THAT(talker().files["cyclonedds.xml"], HasSubstr("<PrivateKey>ddskey:talker</PrivateKey>"));
  EXPECT_THAT(talker().files["environment"],
              HasSubstr("CYCLONEDDS_URI=file:///etc/ddskeyd/applications/talker/cyclonedds.xml\n"));
  // What it said that it would do is what it did.
  EXPECT_THAT(at_first->steps, SizeIs(10));
}

TEST_F(PlanTest, GoesOnWithRequestsWhenTheCasWereMovedAway) {
  Finish();
  situation_.made_identity_ca.clear();
  situation_.made_permissions_ca.clear();
  const auto same = Planned();
  ASSERT_THAT(same, IsOk());
  EXPECT_THAT(same->steps, IsEmpty());
  EXPECT_THAT(same->waits, IsEmpty());
}

TEST_F(PlanTest, WaitsForCasElsewhere) {
  wishes_.identity_ca = identity_ca_.certificate();
  wishes_.permissions_ca = permissions_ca_.certificate();
  Store(kPolicyFile, ExtendPolicy("", kPolicyFile, {{"talker", 4711, "", ddskey::Action::kHandshake}})->text);
  Store(kConfigurationFile, "backend { name: \"software\" software {} }");
  Serve();
  Hold(key_);
  const auto plan = Planned();
  ASSERT_THAT(plan, IsOk());
  EXPECT_THAT(plan->waits, ElementsAre(HasSubstr("requests/governance.xml"), HasSubstr("requests/talker.csr"),
                                       HasSubstr("requests/talker.permissions.xml")));
  // Then the answers come.
  situation_.signed_governance = permissions_ca_.SignDocument(GovernanceDocument({}));
  Certify(identity_ca_);
  const absl::Time now = absl::Now();
  talker().signed_permissions = permissions_ca_.SignDocument(
      PermissionsDocument("CN=talker,O=Lab", {}, now - absl::Hours(1), now + absl::Hours(1)));
  EXPECT_THAT(Finish(), ElementsAre(StepKind::kWrite, StepKind::kWrite, StepKind::kWrite, StepKind::kWrite));
  EXPECT_THAT(talker().files, SizeIs(7));
  // The certificates of the CAs need not be given again.
  wishes_.identity_ca.clear();
  wishes_.permissions_ca.clear();
  EXPECT_THAT(Finish(), IsEmpty());
}

TEST_F(PlanTest, RefusesAnswersThatAreNotOfTheCa) {
  Finish();
  situation_.made_permissions_ca.clear();
  situation_.governance.clear();
  situation_.signed_governance = identity_ca_.SignDocument(GovernanceDocument({}));
  EXPECT_THAT(Planned(), StatusIs(kCannot, HasSubstr("requests/governance.p7s: the permissions CA has not signed it")));
  situation_.signed_governance = permissions_ca_.SignDocument(GovernanceDocument({}));
  talker().files.erase("permissions.p7s");
  const absl::Time now = absl::Now();
  talker().signed_permissions = permissions_ca_.SignDocument(
      PermissionsDocument("CN=other,O=Lab", {}, now - absl::Hours(1), now + absl::Hours(1)));
  EXPECT_THAT(Planned(), StatusIs(kCannot, HasSubstr("talker.permissions.p7s grants nothing to CN=talker,O=Lab")));
}

TEST_F(PlanTest, KeepsPermissionsThatSomebodyMadeNarrower) {
  Finish();
  const absl::Time now = absl::Now();
  const std::string narrower = permissions_ca_.SignDocument(
      PermissionsDocument("CN=talker,O=Lab", {.first = 3, .last = 3}, now - absl::Hours(1), now + absl::Hours(1)));
  talker().files["permissions.p7s"] = narrower;
  EXPECT_THAT(Finish(), IsEmpty());
  wishes_.domains = DomainRange{.first = 5, .last = 6};
  // Governance, the application's copy of it, and permissions.
  EXPECT_THAT(Finish(), ElementsAre(StepKind::kSign, StepKind::kSign, StepKind::kWrite));
  EXPECT_NE(talker().files["permissions.p7s"], narrower);
}

TEST_F(PlanTest, TakesARenewedCertificateOver) {
  Finish();
  Certify(identity_ca_);
  EXPECT_THAT(Finish(), ElementsAre(StepKind::kWrite));
  EXPECT_EQ(talker().files["certificate.pem"], talker().certificate);
}

TEST_F(PlanTest, LeavesConfigurationOfAnApplicationThatSomebodyChanged) {
  Finish();
  talker().files["cyclonedds.xml"] = "<CycloneDDS/>";
  const auto plan = Planned();
  EXPECT_THAT(plan->steps, IsEmpty());
  EXPECT_THAT(plan->warnings, Contains(HasSubstr("talker/cyclonedds.xml is not as setup would write it")));
}

TEST_F(PlanTest, AsksForAnotherPurposeForFastDds) {
  Finish();
  wishes_.application = Application::kFastDds;
  EXPECT_THAT(Planned(), StatusIs(kCannot, HasSubstr("for the purpose handshake, and digest is needed")));
  talker().key->set_purpose("digest");
  talker().files.erase("environment");
  Finish();
  EXPECT_THAT(*situation_.policy, HasSubstr("SIGN_DIGEST"));
  EXPECT_THAT(talker().files["environment"], HasSubstr("PKCS11_MODULE_PATH="));
}

TEST_F(PlanTest, RefusesAnIdentityThatCannotBeTheOneWanted) {
  Finish();
  const v1::Key good = *talker().key;
  talker().key->set_state("disabled");
  EXPECT_THAT(Planned(), StatusIs(kCannot, HasSubstr("the identity talker is disabled")));
  talker().key = good;
  // As after --replace-backends.
  talker().key->set_backend_problem("no backend has its device");
  EXPECT_THAT(Planned(), StatusIs(kCannot, HasSubstr("no backend has its device")));
  talker().key = good;
  Certify(TestCa::Root("identity CA"));
  EXPECT_THAT(Planned(), StatusIs(kCannot, HasSubstr("the certificate of talker")));
}

TEST_F(PlanTest, RefusesOtherCasThanThoseThatAreThere) {
  Finish();
  wishes_.identity_ca = TestCa::Root("identity CA").certificate();
  wishes_.permissions_ca = permissions_ca_.certificate();
  EXPECT_THAT(Planned(), StatusIs(kCannot, HasSubstr("other CAs are in /etc/ddskeyd/authorities")));
}

TEST_F(PlanTest, ChangesNoBackendsWithoutBeingTold) {
  situation_.configuration = "backend { name: \"hsm\" pkcs11 {} }";
  const auto plan = Planned();
  ASSERT_THAT(plan, IsOk());
  // Only the policy is written.
  EXPECT_THAT(plan->steps.front().files.front().name, kPolicyFile);
  wishes_.backend = "software";
  EXPECT_THAT(Planned(), StatusIs(kCannot, HasSubstr("--replace-backends")));
  wishes_.replace_backends = true;
  const auto replaced = Planned();
  ASSERT_THAT(replaced, IsOk());
  EXPECT_EQ(replaced->steps.front().kind, StepKind::kWriteKeepingOld);
  EXPECT_EQ(replaced->steps.front().files.front().name, kConfigurationFile);
}

TEST_F(PlanTest, MakesKeysInTheBackendThatWasAskedFor) {
  situation_.configuration = "backend { name: \"hsm\" pkcs11 {} } backend { name: \"soft\" software {} }";
  wishes_.backend = "software";
  const auto plan = Planned();
  ASSERT_THAT(plan, IsOk());
  const auto made = std::ranges::find(plan->steps, StepKind::kMakeKey, &Step::kind);
  ASSERT_NE(made, plan->steps.end());
  EXPECT_EQ(made->backend, "soft");
}

TEST_F(PlanTest, RefusesAConfigurationWithAnotherPolicyFile) {
  situation_.configuration = "policy_file: \"/srv/policy.textproto\"";
  EXPECT_THAT(Planned(), StatusIs(kCannot, HasSubstr("/srv/policy.textproto")));
}

TEST_F(PlanTest, MakesNoKeyInABackendThatDoesNotWork) {
  Finish();
  talker().key.reset();
  situation_.daemon->mutable_backends(0)->set_healthy(false);
  situation_.daemon->mutable_backends(0)->set_problem("the device is away");
  EXPECT_THAT(Planned(), StatusIs(kCannot, HasSubstr("the device is away")));
}

TEST_F(PlanTest, HasAPolicyTakenThatTheDaemonDoesNotHaveYet) {
  Finish();
  situation_.daemon->set_policy_rules(1);
  EXPECT_THAT(Finish(), ElementsAre(StepKind::kReload));
  situation_.daemon->set_policy_error("an older mistake");
  EXPECT_THAT(Finish(), ElementsAre(StepKind::kReload));
}

}  // namespace
}  // namespace ddskey::setup
