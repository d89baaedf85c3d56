#include "client/ros2/migration.h"

#include <algorithm>
#include <utility>

#include "absl/strings/str_cat.h"
#include "proto/contract/status_macros.h"

namespace ddskey::ros2 {
namespace {

constexpr char kTokenUri[] = "pkcs11:token=ddskey;object=";

absl::Status Cannot(const std::string& why) { return absl::FailedPreconditionError(why); }

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
  return absl::OkStatus();
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

  // In the daemon.
  void AddIdentity() {
    const std::string& name = plan_.wishes.name;
    Add(Action::kInstallCertificate, "Install ", plan_.wishes.import ? "cert.pem" : "the certificate",
        " and identity_ca.cert.pem for ", name, ".");
    if (!plan_.situation.documents.revocation_lists.empty()) {
      Add(Action::kInstallRevocationLists, "Install crl.pem for ", name, ".");
    }
    if (plan_.wishes.pin_permissions) {
      Add(Action::kPinPermissions, "Let participants with ", name, " show this permissions.p7s only.");
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
    if (!plan_.wishes.import) Add(Action::kRemoveRequest, "Remove cert.csr, if it is there.");
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
    planner.Add(Action::kWriteRequest, "Write a certification request for ", situation.enclave.subject,
                " to cert.csr.");
    plan.waits = !wishes.can_certify;
    if (plan.waits) return plan;
    planner.Add(Action::kCertify, "Certify it with the identity CA.");
  }
  planner.AddIdentity();
  planner.AddFiles();
  return plan;
}

}  // namespace ddskey::ros2
