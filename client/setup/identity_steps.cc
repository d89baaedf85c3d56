#include "client/setup/identity_steps.h"

#include <openssl/x509.h>

#include <algorithm>
#include <map>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_replace.h"
#include "client/ca/openssl.h"
#include "client/ca/request.h"
#include "client/ros2/enclave.h"
#include "client/ros2/signed_document.h"
#include "client/setup/documents.h"
#include "proto/contract/status_macros.h"

namespace ddskey::setup {
namespace {

constexpr char kCyclone[] = "cyclonedds.xml";
constexpr char kEnvironment[] = "environment";
constexpr char kPermissions[] = "permissions.p7s";

absl::Status Cannot(const std::string& why) { return absl::FailedPreconditionError(why); }

std::string PurposeFor(Application application) {
  return application == Application::kFastDds ? "digest" : "handshake";
}

// CheckHeld sees that the daemon's identity of the name can be the one that is wanted.
absl::Status CheckHeld(const Wishes& wishes, const IdentitySituation& identity, const Ground& ground) {
  const std::string& name = identity.wanted.name;
  const v1::Key& key = *identity.key;
  if (key.state() != "active") {
    return Cannot(absl::StrCat("the identity ", name, " is ", key.state(), ": ddskeyctl identity enable ", name,
                               ", or choose another name"));
  }
  if (key.purpose() != PurposeFor(wishes.application)) {
    return Cannot(absl::StrCat("the key of the identity ", name, " is for the purpose ", key.purpose(), ", and ",
                               PurposeFor(wishes.application), " is needed: choose another name"));
  }
  if (!key.backend_problem().empty()) {
    return Cannot(absl::StrCat("the key of the identity ", name, " cannot be used: ", key.backend_problem(),
                               ". Bring its backend back, or give it up (ddskeyctl identity delete ", name,
                               " --purge) and repeat this command"));
  }
  if (identity.certificate.empty() || ground.identity_ca.empty()) return absl::OkStatus();
  ASSIGN_OR_RETURN(const std::string public_key, ros2::PublicKeyOfPem(key.public_key_pem()));
  ros2::Enclave itself;
  itself.subject = key.certificate().subject();
  const absl::Status good = ros2::VerifyCertificate(identity.certificate, absl::StrCat("the certificate of ", name),
                                                    public_key, itself, ground.identity_ca, ground.now);
  if (good.ok()) return good;
  return Cannot(absl::StrCat(std::string(good.message()), " (the identity CA is ", ground.folder, "/", kIdentityCaFile,
                             "). Renew it (ddskeyctl identity renew ", name, "), or choose another name"));
}

// RequestSubject is the subject of a request that fits the key now; empty if there is none such.
std::string RequestSubject(const IdentitySituation& identity) {
  if (identity.request.empty() || !identity.key.has_value()) return "";
  const auto request = ca::Request::Parse(identity.request);
  const auto public_key = ros2::PublicKeyOfPem(identity.key->public_key_pem());
  if (!request.ok() || !public_key.ok() || request->public_key_der() != *public_key) return "";
  return request->subject_text();
}

// GrantsTo sees that `smime` is permissions for `subject`, good now.
absl::Status GrantsTo(std::string_view smime, const std::string& subject, const std::string& file,
                      const Ground& ground) {
  ASSIGN_OR_RETURN(const std::string xml, SignedXml(smime, ground.permissions_ca, file));
  ASSIGN_OR_RETURN(const std::vector<ros2::Grant> grants, ros2::ReadGrants(xml));
  const bool good = std::ranges::any_of(grants, [&](const ros2::Grant& grant) {
    return ros2::SameSubject(grant.subject_name, subject) && ground.now >= grant.not_before &&
           ground.now <= grant.not_after;
  });
  return good ? absl::OkStatus() : Cannot(absl::StrCat(file, " grants nothing to ", subject, " now"));
}

// PermissionsFor are good for as long as the permissions CA: a renewed certificate needs no new ones.
absl::StatusOr<std::string> PermissionsFor(const Wishes& wishes, const std::string& subject, const Ground& ground) {
  ASSIGN_OR_RETURN(const auto certificate, ca::ReadCertificate(ground.permissions_ca));
  ASSIGN_OR_RETURN(const absl::Time from, ca::ReadTime(X509_get0_notBefore(certificate.get())));
  ASSIGN_OR_RETURN(const absl::Time until, ca::ReadTime(X509_get0_notAfter(certificate.get())));
  return PermissionsDocument(subject, wishes.domains.value_or(DomainRange()), from, until);
}

std::string Environment(const Wishes& wishes, const std::string& folder) {
  if (wishes.application == Application::kFastDds)
    return absl::StrCat("PKCS11_MODULE_PATH=", wishes.pkcs11_module, "\n");
  return absl::StrCat("CYCLONEDDS_URI=file://", folder, "/", kCyclone, "\nLD_LIBRARY_PATH=", wishes.drop_in, "\n");
}

// Steps adds those of one identity.
class Steps {
 public:
  Steps(const Wishes& wishes, const IdentitySituation& identity, const Ground& ground, Plan& plan)
      : wishes_(wishes),
        identity_(identity),
        name_(identity.wanted.name),
        ground_(ground),
        plan_(plan),
        waits_(!ground.can_sign && ground.governance.empty()) {}

  absl::Status Add() {
    if (!identity_.key.has_value()) {
      AddStep(StepKind::kMakeKey, {},
              absl::StrCat("make the key ", name_, " in ",
                           ground_.backend.empty() ? "the first backend" : "the backend " + ground_.backend));
      plan_.steps.back().backend = ground_.backend;
    } else {
      RETURN_IF_ERROR(CheckHeld(wishes_, identity_, ground_));
    }
    AddCertificate();
    RETURN_IF_ERROR(AddPermissions());
    if (waits_) return absl::OkStatus();
    AddFiles();
    return absl::OkStatus();
  }

 private:
  void AddStep(StepKind kind, std::vector<File> files, const std::string& text) {
    Step step;
    step.kind = kind;
    step.identity = name_;
    step.files = std::move(files);
    step.text = text;
    plan_.steps.push_back(std::move(step));
  }
  void Wait(const std::string& file, const std::string& what, const std::string& answer) {
    plan_.waits.push_back(absl::StrCat(ground_.folder, "/", kRequestFolder, file, " (", what, "), as ", ground_.folder,
                                       "/", kRequestFolder, answer));
    waits_ = true;
  }

  void AddCertificate() {
    if (!identity_.certificate.empty()) return;
    if (ground_.can_sign) {
      AddStep(StepKind::kCertify, {}, absl::StrCat("certify ", name_, " with the identity CA, and install that"));
      return;
    }
    const std::string request = absl::StrCat(kRequestFolder, name_, ".csr");
    if (RequestSubject(identity_).empty()) {
      AddStep(StepKind::kRequest, {{request, ""}},
              absl::StrCat("make the certification request ", ground_.folder, "/", request));
    } else if (!identity_.requested_certificate.empty()) {
      AddStep(StepKind::kInstall, {{"", identity_.requested_certificate}},
              absl::StrCat("install the certificate ", ground_.folder, "/", kRequestFolder, name_, ".pem"));
      return;
    }
    Wait(name_ + ".csr", "to be certified by the identity CA", name_ + ".pem");
  }

  // What the permissions are for; empty while nobody knows.
  std::string Subject() const {
    if (identity_.key.has_value() && !identity_.certificate.empty()) return identity_.key->certificate().subject();
    return RequestSubject(identity_);
  }

  // Whether permissions that are there do not say what was asked for this time.
  bool Outdated(const std::string& xml, const std::string& smime) const {
    if (!wishes_.domains.has_value() || !ground_.can_sign) return false;
    const auto there = SignedXml(smime, ground_.permissions_ca, kPermissions);
    return !there.ok() || *there != xml;
  }

  absl::Status AddPermissions() {
    const std::string subject = Subject();
    const std::string file = absl::StrCat(kApplicationFolder, name_, "/", kPermissions);
    const bool known = !subject.empty() && !ground_.permissions_ca.empty();
    std::string xml;
    if (known) {
      ASSIGN_OR_RETURN(xml, PermissionsFor(wishes_, subject, ground_));
      const auto there = identity_.files.find(kPermissions);
      if (there != identity_.files.end() && GrantsTo(there->second, subject, file, ground_).ok() &&
          !Outdated(xml, there->second)) {
        return absl::OkStatus();
      }
    }
    if (ground_.can_sign) {
      AddStep(StepKind::kSign, {{file, xml}},
              absl::StrCat("sign permissions for ", name_, ": all topics, as ", ground_.folder, "/", file));
      return absl::OkStatus();
    }
    const std::string unsigned_file = absl::StrCat(kRequestFolder, name_, ".permissions.xml");
    if (!identity_.signed_permissions.empty() && known) {
      const std::string answer = absl::StrCat(ground_.folder, "/", kRequestFolder, name_, ".permissions.p7s");
      RETURN_IF_ERROR(GrantsTo(identity_.signed_permissions, subject, answer, ground_));
      AddStep(StepKind::kWrite, {{file, identity_.signed_permissions}},
              absl::StrCat("take ", answer, " as ", ground_.folder, "/", file));
      return absl::OkStatus();
    }
    // What somebody has changed in it, to let the application do less, stays.
    if (known && identity_.permissions_xml.find(subject) == std::string::npos) {
      AddStep(StepKind::kWrite, {{unsigned_file, xml}}, absl::StrCat("write ", ground_.folder, "/", unsigned_file));
    }
    Wait(name_ + ".permissions.xml", "to be signed by the permissions CA", name_ + ".permissions.p7s");
    return absl::OkStatus();
  }

  void AddFiles() {
    const std::string folder = absl::StrCat(kApplicationFolder, name_, "/");
    const std::string path = absl::StrCat(ground_.folder, "/", kApplicationFolder, name_);
    const std::map<std::string, std::string> public_files = {{"identity_ca.pem", ground_.identity_ca},
                                                             {"certificate.pem", identity_.certificate},
                                                             {"permissions_ca.pem", ground_.permissions_ca},
                                                             {"governance.p7s", ground_.governance}};
    std::vector<File> files;
    for (const auto& [name, content] : public_files) {
      const auto there = identity_.files.find(name);
      if (there == identity_.files.end() || there->second != content) files.push_back({folder + name, content});
    }
    std::map<std::string, std::string> own_files = {{kEnvironment, Environment(wishes_, path)}};
    if (wishes_.application == Application::kCycloneDds) {
      own_files[kCyclone] = CycloneConfiguration(name_, path, wishes_.plugin);
    }
    for (const auto& [name, content] : own_files) {
      const auto there = identity_.files.find(name);
      if (there == identity_.files.end()) {
        files.push_back({folder + name, content});
      } else if (there->second != content) {
        plan_.warnings.push_back(
            absl::StrCat(path, "/", name, " is not as setup would write it, and stays; remove it to get it anew"));
      }
    }
    if (files.empty()) return;
    std::string names;
    for (const File& file : files) absl::StrAppend(&names, names.empty() ? "" : ", ", file.name.substr(folder.size()));
    AddStep(StepKind::kWrite, std::move(files), absl::StrCat("write into ", path, ": ", names));
  }

  const Wishes& wishes_;
  const IdentitySituation& identity_;
  const std::string& name_;
  const Ground& ground_;
  Plan& plan_;
  // For somebody else's signature.
  bool waits_;
};

}  // namespace

absl::Status AddIdentitySteps(const Wishes& wishes, const IdentitySituation& identity, const Ground& ground,
                              Plan& plan) {
  return Steps(wishes, identity, ground, plan).Add();
}

absl::StatusOr<std::string> SignedXml(std::string_view smime, std::string_view permissions_ca,
                                      const std::string& file) {
  const auto xml = ros2::OpenSignedDocument(smime, permissions_ca);
  if (!xml.ok())
    return absl::Status(xml.status().code(), absl::StrCat(file, ": ", std::string(xml.status().message())));
  return absl::StrReplaceAll(*xml, {{"\r\n", "\n"}});
}

}  // namespace ddskey::setup
