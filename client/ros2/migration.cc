#include "client/ros2/migration.h"

#include <algorithm>
#include <utility>

#include "absl/strings/str_cat.h"
#include "proto/contract/status_macros.h"

namespace ddskey::ros2 {
namespace {

constexpr char kTokenUri[] = "pkcs11:token=ddskey;object=";

absl::Status Cannot(const std::string& why) { return absl::FailedPreconditionError(why); }

// CheckTrust sees that the daemon's identity trusts what this enclave trusts, as far as it trusts anything yet: what is
// in a user's folder changes nobody's trust (S-8).
absl::Status CheckTrust(const Wishes& wishes, const Situation& situation) {
  if (!situation.held_anchors.empty() && situation.held_anchors != situation.enclave.anchors) {
    return Cannot(absl::StrCat("the daemon's identity ", wishes.name,
                               " trusts other CAs than identity_ca.cert.pem: choose another name with --name, or see "
                               "whose it is and change them with: ddskeyctl trust add|remove"));
  }
  if (!situation.held_permissions.empty() && situation.held_permissions != situation.enclave.permissions) {
    return Cannot(absl::StrCat("the daemon's identity ", wishes.name,
                               " is bound to another document than permissions.p7s: choose another name with --name, "
                               "or see whose it is and change that with: ddskeyctl trust set"));
  }
  return absl::OkStatus();
}

// CheckHeld sees that the identity of this name in the daemon is that of this enclave.
absl::Status CheckHeld(const Wishes& wishes, const Situation& situation) {
  const v1::Key& held = *situation.held;
  const std::string other =
      absl::StrCat("the daemon has another identity ", wishes.name, ": choose a name with --name; ");
  if (held.state() != "active") {
    return Cannot(absl::StrCat("the daemon's identity ", wishes.name, " is ", held.state(),
                               ": enable it, or choose another name with --name"));
  }
  if (held.purpose() != PurposeFor(wishes.application)) {
    return Cannot(absl::StrCat(other, "its key is for the purpose ", held.purpose(), ", and ",
                               PurposeFor(wishes.application), " is needed"));
  }
  if (held.has_certificate() && held.certificate().subject() != situation.enclave.subject) {
    return Cannot(absl::StrCat(other, "its subject is ", held.certificate().subject()));
  }
  if (situation.reference.has_value()) return absl::OkStatus();
  if (wishes.import) {
    ASSIGN_OR_RETURN(const std::string held_key, PublicKeyOfPem(held.public_key_pem()));
    if (held_key != situation.public_key) return Cannot(other + "its key is not that of key.pem");
  } else if (held.imported()) {
    return Cannot(absl::StrCat("the key of the daemon's identity ", wishes.name,
                               " was imported: go on with --import, or choose another name with --name"));
  }
  if (!wishes.named) {
    return Cannot(absl::StrCat("the daemon has an identity ", wishes.name,
                               " already. If an earlier run made it for this enclave, go on with --name ", wishes.name,
                               "; if it is another's, choose another name with --name"));
  }
  return CheckTrust(wishes, situation);
}

// CheckFiles sees that nothing in the folder is in the way.
absl::Status CheckFiles(const Wishes& wishes, const Situation& situation) {
  if (situation.token_file.has_value() && *situation.token_file != TokenUri(wishes.name) + "\n") {
    return Cannot("key.p11 is there already: the enclave uses a PKCS#11 token; move it away first");
  }
  if (situation.reference.has_value() && *situation.reference != wishes.name) {
    return Cannot(absl::StrCat("the enclave is in custody already, as ", *situation.reference,
                               "; to begin anew: ddskeyctl ros2 restore-enclave"));
  }
  if (situation.reference.has_value() && !situation.held.has_value()) {
    return Cannot(absl::StrCat("key.pem refers to ", wishes.name,
                               ", which this daemon does not have; to begin anew: ddskeyctl ros2 restore-enclave"));
  }
  return absl::OkStatus();
}

// Planner adds steps to a plan.
class Planner {
 public:
  explicit Planner(Plan& plan) : plan_(plan) {}

  template <typename... Parts>
  void Add(Action action, const Parts&... parts) {
    plan_.steps.push_back({action, absl::StrCat(parts...)});
  }

  void AddKey() {
    const Wishes& wishes = plan_.wishes;
    if (plan_.situation.held.has_value()) return;
    const std::string where = wishes.backend.empty() ? "the first backend" : "the backend " + wishes.backend;
    if (wishes.import) {
      Add(Action::kImportKey, "Take the private key of key.pem into ", where, " as ", wishes.name, " (",
          PurposeFor(wishes.application), ").");
    } else {
      Add(Action::kCreateKey, "Make the key ", wishes.name, " (", wishes.algorithm, ", ",
          PurposeFor(wishes.application), ") in ", where, ".");
    }
  }

  // In the daemon. An identity that has a certificate has all that a run of ours gives it, which is why the certificate
  // comes after the permissions; it is left as it is but for what the caller brings.
  void AddIdentity() {
    const std::string& name = plan_.wishes.name;
    const Situation& situation = plan_.situation;
    const bool complete = !situation.held_certificate.empty();
    if (plan_.wishes.pin_permissions && situation.held_permissions.empty() && !complete) {
      Add(Action::kPinPermissions, "Let participants with ", name, " show this permissions.p7s only.");
    }
    if (!complete || (!plan_.wishes.certificate.empty() && plan_.wishes.certificate != situation.held_certificate)) {
      Add(Action::kInstallCertificate, "Install ", plan_.wishes.import ? "cert.pem" : "the certificate",
          situation.held_anchors.empty() ? " and identity_ca.cert.pem" : "", " for ", name, ".");
    }
    if (!situation.documents.revocation_lists.empty() && plan_.KnowsTheIdentity()) {
      Add(Action::kInstallRevocationLists, "Install crl.pem for ", name, ".");
    }
    Add(Action::kCheckKey, "Have ", name, " sign a test, and see that it fits its certificate.");
  }

  // In the folder. The last of them is what puts the new key in force.
  void AddFiles() {
    if (plan_.wishes.application == Application::kFastDds) {
      Add(Action::kWriteTokenFile, "Write key.p11: ", TokenUri(plan_.wishes.name));
    }
    if (plan_.certificate != plan_.situation.documents.certificate) {
      Add(Action::kReplaceCertificate,
          "Keep cert.pem as cert.pem.before-ddskeyd, and put the new certificate in its place.");
    }
    Add(Action::kKeepKey, "Keep key.pem as key.pem.before-ddskeyd, for its owner only.");
    Add(Action::kReplaceKey, "Put the reference ddskey:", plan_.wishes.name, " in the place of key.pem.");
  }

 private:
  Plan& plan_;
};

void AddWarnings(Plan& plan) {
  const Situation& situation = plan.situation;
  plan.warnings = situation.enclave.warnings;
  if (situation.reference.has_value()) return;
  if (plan.wishes.import && (situation.key_file.mode & 077) != 0) {
    plan.warnings.emplace_back("Other users may read key.pem: better make a new key, without --import.");
  }
  if (situation.key_file.links > 1 && !situation.kept) {
    plan.warnings.emplace_back("key.pem has another name (a hard link), which still has the key afterwards.");
  }
  if (situation.held_certificate.empty()) return;
  const std::string& name = plan.wishes.name;
  if (plan.wishes.import && situation.held->certificate().sha256() != situation.enclave.certificate) {
    plan.warnings.push_back(
        absl::StrCat(name, " has another certificate than cert.pem, and keeps it: see ddskeyctl cert install."));
  }
  if (plan.wishes.pin_permissions && situation.held_permissions.empty()) {
    plan.warnings.push_back(
        absl::StrCat("Participants with ", name, " may show any permissions, as before: see ddskeyctl trust set."));
  }
}

// ChooseCertificate finds the certificate that the identity gets, among those that there are.
absl::Status ChooseCertificate(Plan& plan, absl::Time now) {
  const Situation& situation = plan.situation;
  if (plan.wishes.import) {
    if (situation.public_key != situation.enclave.public_key) {
      return Cannot("cert.pem is not the certificate of the key in key.pem");
    }
    plan.certificate = situation.documents.certificate;
    return absl::OkStatus();
  }
  if (!situation.held.has_value()) {
    if (plan.wishes.certificate.empty()) return absl::OkStatus();
    return Cannot(absl::StrCat("the daemon has no key ", plan.wishes.name,
                               " that could have a certificate: begin without --certificate"));
  }
  ASSIGN_OR_RETURN(const std::string key, PublicKeyOfPem(situation.held->public_key_pem()));
  // An interrupted run may have come as far as this.
  if (situation.enclave.public_key == key) {
    plan.certificate = situation.documents.certificate;
  } else {
    plan.certificate = plan.wishes.certificate.empty() ? situation.held_certificate : plan.wishes.certificate;
  }
  if (plan.certificate.empty()) return absl::OkStatus();
  return VerifyCertificate(plan.certificate, "the certificate of " + plan.wishes.name, key, situation.enclave,
                           situation.documents.identity_ca, now);
}

}  // namespace

std::string PurposeFor(Application application) {
  return application == Application::kFastDds ? "digest" : "handshake";
}

std::string TokenUri(const std::string& name) { return kTokenUri + name; }

bool Plan::Has(Action action) const {
  return std::ranges::any_of(steps, [&](const Step& step) { return step.action == action; });
}

bool Plan::KnowsTheIdentity() const {
  if (migrated_before) return false;
  return wishes.import || !situation.held.has_value() || situation.held_certificate.empty();
}

absl::StatusOr<Plan> MakePlan(const Wishes& wishes, const Situation& situation, absl::Time now) {
  Plan plan;
  plan.wishes = wishes;
  plan.situation = situation;
  RETURN_IF_ERROR(CheckFiles(wishes, situation));
  if (situation.held.has_value()) RETURN_IF_ERROR(CheckHeld(wishes, situation));
  AddWarnings(plan);
  Planner planner(plan);
  if (situation.reference.has_value()) {
    plan.migrated_before = true;
    planner.Add(Action::kCheckKey, "Have ", wishes.name, " sign a test, and see that it fits its certificate.");
    return plan;
  }
  RETURN_IF_ERROR(ChooseCertificate(plan, now));
  planner.AddKey();
  if (plan.certificate.empty()) {
    planner.Add(Action::kMakeRequest, "Make a certification request for ", situation.enclave.subject, ".");
    plan.waits = !wishes.can_certify;
    if (plan.waits) return plan;
    // cert.pem is public: who has a copy of it is not yet whom it is for.
    if (situation.public_key != situation.enclave.public_key) {
      return Cannot(
          "cert.pem is not the certificate of the key in key.pem, so the CA must be asked: leave out --ca-dir");
    }
    planner.Add(Action::kCertify, "Certify it with the identity CA.");
  }
  planner.AddIdentity();
  planner.AddFiles();
  return plan;
}

}  // namespace ddskey::ros2
