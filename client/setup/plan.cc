#include "client/setup/plan.h"

#include <algorithm>
#include <optional>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_replace.h"
#include "absl/strings/strip.h"
#include "client/setup/configuration.h"
#include "client/setup/documents.h"
#include "client/setup/identity_steps.h"
#include "client/setup/policy_text.h"
#include "proto/contract/status_macros.h"

namespace ddskey::setup {
namespace {

absl::Status Cannot(const std::string& why) { return absl::FailedPreconditionError(why); }

// Indented marks each line of `text` as one that is added.
std::string Added(std::string_view text) {
  const absl::string_view lines = absl::StripSuffix(absl::string_view(text.data(), text.size()), "\n");
  return absl::StrCat("+ ", absl::StrReplaceAll(lines, {{"\n", "\n+ "}}));
}

// HostPlanner plans what is not about a single identity.
class HostPlanner {
 public:
  HostPlanner(const Wishes& wishes, const Situation& situation, const std::string& folder,
              const Surroundings& surroundings, absl::Time now, Plan& plan)
      : wishes_(wishes), situation_(situation), folder_(folder), surroundings_(surroundings), plan_(plan) {
    ground_.folder = folder;
    ground_.now = now;
  }

  absl::Status AddAll() {
    RETURN_IF_ERROR(AddConfiguration());
    RETURN_IF_ERROR(AddPolicy());
    RETURN_IF_ERROR(AddDaemon());
    RETURN_IF_ERROR(AddAuthorities());
    return AddGovernance();
  }

  const Ground& ground() const { return ground_; }

 private:
  void AddStep(StepKind kind, std::vector<File> files, const std::string& text, const std::string& details = "",
               size_t rule_count = 0) {
    Step step;
    step.kind = kind;
    step.files = std::move(files);
    step.text = text;
    step.details = details;
    step.rule_count = rule_count;
    plan_.steps.push_back(std::move(step));
  }
  std::string Path(const std::string& file) const { return absl::StrCat(folder_, "/", file); }

  absl::Status AddConfiguration() {
    const std::string path = Path(kConfigurationFile);
    ASSIGN_OR_RETURN(configuration_, Configuration::Parse(situation_.configuration.value_or(""), path));
    const std::string& policy = configuration_->policy_file();
    if (!policy.empty() && policy != Path(kPolicyFile)) {
      return Cannot(absl::StrCat(path, " names another policy file, ", policy, ": setup writes to ", Path(kPolicyFile),
                                 " only. Remove policy_file, or move the policy"));
    }
    if (!configuration_->backends().empty() && wishes_.backend.empty()) return absl::OkStatus();
    ASSIGN_OR_RETURN(const FoundBackend found, FindBackend(wishes_.backend, surroundings_));
    if (const auto name = configuration_->NameOf(found.choice)) {
      ground_.backend = *name;
      return absl::OkStatus();
    }
    if (!found.warning.empty()) plan_.warnings.push_back(found.warning);
    const bool replace = !configuration_->backends().empty();
    if (replace && !wishes_.replace_backends) {
      return Cannot(absl::StrCat(path, " names other backends, which hold keys perhaps: put ", wishes_.backend,
                                 " in their place with --replace-backends, or add it there by hand"));
    }
    // A daemon without any has kept keys in software.
    const bool keep = situation_.daemon.has_value() && situation_.daemon->keys() > 0;
    const std::string text =
        replace ? configuration_->WithBackendsReplaced(found.choice) : configuration_->WithBackend(found.choice, keep);
    const std::string what = found.choice.kind == "software" ? "software" : absl::StrCat("a TPM, ", found.choice.tcti);
    AddStep(StepKind::kWriteKeepingOld, {{kConfigurationFile, text}},
            absl::StrCat("let keys be held by ", what, ", ", found.reason, ", in ", path));
    ASSIGN_OR_RETURN(configuration_, Configuration::Parse(text, path));
    ground_.backend = configuration_->NameOf(found.choice).value_or("");
    return absl::OkStatus();
  }

  absl::Status AddPolicy() {
    std::vector<Right> rights;
    const Action action = wishes_.application == Application::kFastDds ? Action::kSignDigest : Action::kHandshake;
    for (const WantedIdentity& identity : wishes_.identities) {
      rights.push_back({identity.name, identity.account.uid, identity.account.name, action});
    }
    const std::string path = Path(kPolicyFile);
    ASSIGN_OR_RETURN(const ExtendedPolicy extended, ExtendPolicy(situation_.policy.value_or(""), path, rights));
    rule_count_ = extended.rule_count;
    if (!extended.added.empty()) {
      AddStep(StepKind::kWriteKeepingOld, {{kPolicyFile, extended.text}}, absl::StrCat("add rules to ", path),
              Added(extended.added));
      policy_changes_ = true;
    }
    return absl::OkStatus();
  }

  // Whether the daemon that runs has other backends than are configured.
  bool MustRestart() const {
    if (!situation_.daemon_answers) return true;
    // One that does not say is asked again when it has its policy.
    if (!situation_.daemon.has_value()) return false;
    const auto& running = situation_.daemon->backends();
    const auto& configured = configuration_->backends();
    // Without any there is one in software, under that name.
    if (configured.empty()) return running.size() != 1 || running[0].kind() != "software";
    return !std::ranges::equal(configured, running, [](const auto& a, const v1::BackendStatus& b) {
      return a.name == b.name() && a.kind == b.kind();
    });
  }

  absl::Status AddDaemon() {
    if (MustRestart()) {
      AddStep(StepKind::kRestart, {}, situation_.daemon_answers ? "restart the daemon" : "start the daemon");
      return absl::OkStatus();
    }
    const bool in_force = situation_.daemon.has_value() && situation_.daemon->policy_file() == Path(kPolicyFile) &&
                          situation_.daemon->policy_error().empty() && situation_.daemon->policy_rules() == rule_count_;
    if (policy_changes_ || !in_force) {
      AddStep(StepKind::kReload, {}, "have the daemon take the policy", "", rule_count_);
    }
    return CheckBackend();
  }

  // CheckBackend sees that keys can be made, if any must.
  absl::Status CheckBackend() const {
    const bool missing = std::ranges::any_of(
        situation_.identities, [](const IdentitySituation& identity) { return !identity.key.has_value(); });
    if (!missing || !situation_.daemon.has_value()) return absl::OkStatus();
    for (const v1::BackendStatus& backend : situation_.daemon->backends()) {
      // Without a name it is the first.
      if (!ground_.backend.empty() && ground_.backend != backend.name()) continue;
      if (backend.healthy()) return absl::OkStatus();
      return Cannot(absl::StrCat("the backend ", backend.name(),
                                 ", which is to hold the keys, is not healthy: ", backend.problem(),
                                 ". Repeat this command when it is, or choose another with --backend and "
                                 "--replace-backends"));
    }
    return absl::OkStatus();
  }

  absl::Status AddAuthorities() {
    ground_.identity_ca = situation_.identity_ca;
    ground_.permissions_ca = situation_.permissions_ca;
    if (!wishes_.identity_ca.empty()) {
      RETURN_IF_ERROR(TakeAuthorities());
    } else if (ground_.identity_ca.empty() || ground_.permissions_ca.empty()) {
      if (situation_.made_identity_ca.empty() || situation_.made_permissions_ca.empty()) {
        AddStep(StepKind::kMakeAuthorities, {},
                absl::StrCat("make an identity CA and a permissions CA in ", Path("ca")));
      }
      ground_.identity_ca = situation_.made_identity_ca;
      ground_.permissions_ca = situation_.made_permissions_ca;
      AddStep(StepKind::kWrite, {{kIdentityCaFile, ground_.identity_ca}, {kPermissionsCaFile, ground_.permissions_ca}},
              absl::StrCat("write their certificates into ", Path("authorities")));
    }
    ground_.can_sign =
        ground_.identity_ca == situation_.made_identity_ca && ground_.permissions_ca == situation_.made_permissions_ca;
    if (ground_.can_sign) {
      plan_.warnings.push_back(absl::StrCat(
          "the keys of the CAs are in ", Path("ca"),
          ": whoever has them makes identities for every host that trusts these CAs. They belong on a machine that "
          "runs no participant: move the folder there; setup goes on with requests for it (ddskeyctl ca sign)"));
    }
    return absl::OkStatus();
  }

  absl::Status TakeAuthorities() {
    const auto differs = [](const std::string& there, const std::string& given) {
      return !there.empty() && there != given;
    };
    if (differs(situation_.identity_ca, wishes_.identity_ca) ||
        differs(situation_.permissions_ca, wishes_.permissions_ca)) {
      return Cannot(absl::StrCat("other CAs are in ", Path("authorities"),
                                 " already, and identities that they certified perhaps: move the folder away first"));
    }
    ground_.identity_ca = wishes_.identity_ca;
    ground_.permissions_ca = wishes_.permissions_ca;
    if (situation_.identity_ca.empty() || situation_.permissions_ca.empty()) {
      AddStep(StepKind::kWrite, {{kIdentityCaFile, ground_.identity_ca}, {kPermissionsCaFile, ground_.permissions_ca}},
              absl::StrCat("take the certificates of the CAs into ", Path("authorities")));
    }
    return absl::OkStatus();
  }

  absl::Status AddGovernance() {
    const std::string xml = GovernanceDocument(wishes_.domains.value_or(DomainRange()));
    if (!situation_.governance.empty() && !ground_.permissions_ca.empty()) {
      const auto there = SignedXml(situation_.governance, ground_.permissions_ca, Path(kGovernanceFile));
      // A governance that somebody has changed, and signed again, stays, unless other domains are asked for.
      if (there.ok() && (!wishes_.domains.has_value() || !ground_.can_sign || *there == xml)) {
        ground_.governance = situation_.governance;
        return absl::OkStatus();
      }
    }
    if (ground_.can_sign) {
      AddStep(StepKind::kSign, {{kGovernanceFile, xml}},
              absl::StrCat("sign a governance document, all data encrypted, as ", Path(kGovernanceFile)));
      return absl::OkStatus();
    }
    const std::string request = absl::StrCat(kRequestFolder, "governance.xml");
    const std::string answer = absl::StrCat(kRequestFolder, "governance.p7s");
    if (!situation_.signed_governance.empty()) {
      RETURN_IF_ERROR(SignedXml(situation_.signed_governance, ground_.permissions_ca, Path(answer)).status());
      ground_.governance = situation_.signed_governance;
      AddStep(StepKind::kWrite, {{kGovernanceFile, ground_.governance}},
              absl::StrCat("take ", Path(answer), " as ", Path(kGovernanceFile)));
      return absl::OkStatus();
    }
    if (situation_.governance_xml.empty()) {
      AddStep(StepKind::kWrite, {{request, xml}}, absl::StrCat("write ", Path(request)));
    }
    plan_.waits.push_back(absl::StrCat(Path(request), " (to be signed by the permissions CA), as ", Path(answer)));
    return absl::OkStatus();
  }

  const Wishes& wishes_;
  const Situation& situation_;
  const std::string& folder_;
  const Surroundings& surroundings_;
  Plan& plan_;
  Ground ground_;
  std::optional<Configuration> configuration_;
  size_t rule_count_ = 0;
  bool policy_changes_ = false;
};

}  // namespace

absl::StatusOr<Plan> MakePlan(const Wishes& wishes, const Situation& situation, const std::string& folder,
                              const Surroundings& surroundings, absl::Time now) {
  Plan plan;
  HostPlanner host(wishes, situation, folder, surroundings, now, plan);
  RETURN_IF_ERROR(host.AddAll());
  for (const IdentitySituation& identity : situation.identities) {
    RETURN_IF_ERROR(AddIdentitySteps(wishes, identity, host.ground(), plan));
  }
  return plan;
}

std::vector<std::pair<std::string, std::string>> SubjectOf(const Wishes& wishes, const std::string& name) {
  std::vector<std::pair<std::string, std::string>> subject;
  if (!wishes.organization.empty()) subject.emplace_back("O", wishes.organization);
  subject.emplace_back("CN", name);
  return subject;
}

}  // namespace ddskey::setup
