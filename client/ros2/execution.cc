#include "client/ros2/execution.h"

#include <sys/stat.h>

#include <optional>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "proto/contract/key_name.h"
#include "proto/contract/secret_access.h"
#include "proto/contract/status_macros.h"

namespace ddskey::ros2 {
namespace {

constexpr mode_t kOwnersOnly = 0600;
constexpr mode_t kReadable = 0644;
constexpr size_t kLargestTokenFile = 1024;

// ModeLike lets those read who could read what is replaced, and the owner write.
mode_t ModeLike(const Stamp& stamp) { return (stamp.mode & kReadable) | kOwnersOnly; }

// Execution is the work on one plan.
class Execution {
 public:
  Execution(const Plan& plan, const Means& means) : plan_(plan), means_(means), certificate_(plan.certificate) {}

  absl::StatusOr<std::string> Run() {
    for (const Step& step : plan_.steps) {
      const absl::Status status = Do(step.action);
      if (status.ok()) continue;
      return absl::Status(status.code(), absl::StrCat(status.message(), WhereItStands(step.action)));
    }
    return request_;
  }

 private:
  const std::string& name() const { return plan_.wishes.name; }

  std::string WhereItStands(Action action) const {
    switch (action) {
      case Action::kReplaceCertificate:
      case Action::kKeepKey:
      case Action::kReplaceKey:
        return absl::StrCat("; repeat the command with --name ", name(),
                            " to go on, or go back with: ddskeyctl ros2 restore-enclave");
      default:
        return absl::StrCat("; the enclave is as it was. Repeat the command with --name ", name(),
                            " when that is mended");
    }
  }

  absl::Status Do(Action action) {
    switch (action) {
      case Action::kCreateKey:
        return CreateKey();
      case Action::kImportKey:
        return means_.import();
      case Action::kMakeRequest:
        return MakeRequest();
      case Action::kCertify:
        return Certify();
      case Action::kInstallCertificate:
        return InstallCertificate();
      case Action::kInstallRevocationLists:
        return InstallRevocationLists();
      case Action::kPinPermissions:
        return PinPermissions();
      case Action::kCheckKey:
        return CheckKey();
      case Action::kWriteTokenFile:
        return WriteTokenFile();
      case Action::kReplaceCertificate:
        return ReplaceCertificate();
      case Action::kKeepKey:
        return means_.folder.Keep("key.pem", plan_.situation.key_file, kOwnersOnly);
      case Action::kReplaceKey:
        return ReplaceKey();
    }
    return absl::InternalError("there is no such step");
  }

  absl::Status CreateKey() {
    v1::CreateKeyRequest request;
    request.set_name(name());
    request.set_algorithm(plan_.wishes.algorithm);
    request.set_backend(plan_.wishes.backend);
    request.set_purpose(PurposeFor(plan_.wishes.application));
    return means_.admin.CreateKey(request).status();
  }

  absl::Status MakeRequest() {
    v1::CreateCertificateSigningRequestRequest request;
    request.set_key_name(name());
    for (const auto& [type, value] : plan_.situation.enclave.attributes) {
      v1::SubjectAttribute& attribute = *request.add_subject();
      attribute.set_type(type);
      attribute.set_value(value);
    }
    ASSIGN_OR_RETURN(const auto response, means_.admin.CreateCertificateSigningRequest(request));
    request_ = response.csr_pem();
    return absl::OkStatus();
  }

  absl::Status Certify() {
    ASSIGN_OR_RETURN(certificate_, means_.certify(request_));
    return absl::OkStatus();
  }

  // CheckCertificate holds the certificate to the key that the daemon has now, not the one that it had.
  absl::Status CheckCertificate() {
    v1::GetKeyRequest request;
    request.set_name(name());
    ASSIGN_OR_RETURN(const v1::GetKeyResponse response, means_.admin.GetKey(request));
    ASSIGN_OR_RETURN(const std::string key, PublicKeyOfPem(response.key().public_key_pem()));
    return VerifyCertificate(certificate_, "the certificate of " + name(), key, plan_.situation.enclave,
                             plan_.situation.documents.identity_ca, means_.now);
  }

  absl::Status InstallCertificate() {
    RETURN_IF_ERROR(CheckCertificate());
    v1::InstallCertificateRequest request;
    request.set_key_name(name());
    request.set_certificate_chain(certificate_);
    // An identity keeps the anchors that it has.
    if (plan_.situation.held_anchors.empty()) request.set_anchors(plan_.situation.documents.identity_ca);
    return means_.admin.InstallCertificate(request).status();
  }

  absl::Status InstallRevocationLists() {
    v1::InstallRevocationListsRequest request;
    request.set_key_name(name());
    request.set_revocation_lists(plan_.situation.documents.revocation_lists);
    return means_.admin.InstallRevocationLists(request).status();
  }

  absl::Status PinPermissions() {
    v1::SetTrustOptionsRequest request;
    request.set_key_name(name());
    request.set_permissions(plan_.situation.documents.permissions);
    return means_.admin.SetTrustOptions(request).status();
  }

  absl::Status CheckKey() {
    v1::CheckIdentityRequest request;
    request.set_name(name());
    ASSIGN_OR_RETURN(const v1::CheckIdentityResponse response, means_.admin.CheckIdentity(request));
    bool current = false;
    for (const v1::KeyCheck& check : response.checks()) {
      if (check.state() != "current") continue;
      current = true;
      if (check.good()) continue;
      return absl::FailedPreconditionError(
          absl::StrCat(name(), ": ", check.problem(), check.fix().empty() ? "" : ". ", check.fix()));
    }
    if (!current) return absl::FailedPreconditionError(name() + " has no key");
    if (plan_.migrated_before) certificate_ = plan_.situation.documents.certificate;
    return CheckCertificate();
  }

  absl::Status WriteTokenFile() {
    RETURN_IF_ERROR(means_.folder.Stage("key.p11", TokenUri(name()) + "\n", ModeLike(plan_.situation.key_file)));
    return means_.folder.Switch("key.p11");
  }

  absl::Status ReplaceCertificate() {
    const Stamp& before = plan_.situation.certificate_file;
    RETURN_IF_ERROR(means_.folder.Stage("cert.pem", certificate_, ModeLike(before)));
    RETURN_IF_ERROR(means_.folder.Keep("cert.pem", before, ModeLike(before)));
    return means_.folder.Switch("cert.pem");
  }

  absl::Status ReplaceKey() {
    const std::string reference = absl::StrCat("ddskey:", name(), "\n");
    RETURN_IF_ERROR(means_.folder.Stage("key.pem", reference, ModeLike(plan_.situation.key_file)));
    return means_.folder.Switch("key.pem");
  }

  const Plan& plan_;
  const Means& means_;
  std::string certificate_;
  std::string request_;
};

std::string Kept(const std::string& name) {
  return absl::StrCat(name, absl::string_view(EnclaveFolder::kKept.data(), EnclaveFolder::kKept.size()));
}

// CheckKept sees that what is to be put back is a file of the owner; false if there is none.
absl::StatusOr<bool> CheckKept(const EnclaveFolder& folder, const std::string& name) {
  const absl::Status status = folder.ReadSecret(Kept(name)).status();
  if (absl::IsNotFound(status)) return false;
  RETURN_IF_ERROR(status);
  return true;
}

// CheckReplaced sees that key.pem is what a migration has put there: no other key is ever overwritten.
absl::Status CheckReplaced(const EnclaveFolder& folder) {
  const auto key = folder.ReadSecret("key.pem");
  if (absl::IsNotFound(key.status())) return absl::OkStatus();
  RETURN_IF_ERROR(key.status());
  const auto octets = key->content.Reveal(SecretAccess());
  if (KeyName::ParseReference({reinterpret_cast<const char*>(octets.data()), octets.size()}).has_value()) {
    return absl::OkStatus();
  }
  ASSIGN_OR_RETURN(const std::optional<Stamp> kept, folder.StampOf(Kept("key.pem")));
  if (kept.has_value() && kept->IsSameFile(key->stamp)) return absl::OkStatus();
  return absl::FailedPreconditionError(
      absl::StrCat(folder.path(), "/key.pem is no key reference, but another key: move it away first"));
}

}  // namespace

absl::StatusOr<std::string> Execute(const Plan& plan, const Means& means) { return Execution(plan, means).Run(); }

absl::StatusOr<std::vector<std::string>> Restore(EnclaveFolder& folder, bool dry_run) {
  ASSIGN_OR_RETURN(const bool certificate, CheckKept(folder, "cert.pem"));
  ASSIGN_OR_RETURN(const bool key, CheckKept(folder, "key.pem"));
  if (!certificate && !key) {
    return absl::FailedPreconditionError(absl::StrCat("there is nothing to restore: neither ", Kept("key.pem"), " nor ",
                                                      Kept("cert.pem"), " is in ", folder.path()));
  }
  if (key) RETURN_IF_ERROR(CheckReplaced(folder));
  std::vector<std::string> done;
  if (certificate) {
    done.push_back(absl::StrCat("Put ", Kept("cert.pem"), " back as cert.pem."));
    if (!dry_run) RETURN_IF_ERROR(folder.PutBack("cert.pem"));
  }
  const auto token = folder.Read("key.p11", kLargestTokenFile);
  if (token.ok() && absl::StartsWith(token->content, TokenUri(""))) {
    done.emplace_back("Remove key.p11.");
    if (!dry_run) RETURN_IF_ERROR(folder.Remove("key.p11"));
  }
  // Last: as long as it is kept, this can be repeated.
  if (key) {
    done.push_back(absl::StrCat("Put ", Kept("key.pem"), " back as key.pem."));
    if (!dry_run) RETURN_IF_ERROR(folder.PutBack("key.pem"));
  }
  return done;
}

}  // namespace ddskey::ros2
