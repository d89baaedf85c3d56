#ifndef CLIENT_CLI_FAKE_ADMIN_CLIENT_H_
#define CLIENT_CLI_FAKE_ADMIN_CLIENT_H_

#include <chrono>
#include <map>
#include <memory>
#include <optional>
#include <set>
#include <sstream>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "client/admin_client.h"
#include "client/cli/program.h"

namespace ddskey::cli {

// Script is what a FakeAdminClient answers, and what it was asked.
struct Script {
  absl::Status status;
  v1::Key key;
  std::vector<v1::Key> keys;
  v1::GetCertificateResponse certificate;
  v1::GetStatusResponse daemon;
  v1::TrustResponse trust;
  std::string csr_pem = "-----BEGIN CERTIFICATE REQUEST-----\n";

  int calls = 0;
  std::string socket;
  std::chrono::milliseconds timeout{0};
  v1::CreateKeyRequest create;
  std::string tss2_pem = "-----BEGIN TSS2 PRIVATE KEY-----\n";
  v1::ExportKeyRequest give_out;
  v1::ImportKeyRequest import;
  // What the daemon has to say of an imported key.
  std::string import_warning;
  v1::ListKeysRequest list;
  v1::DeleteKeyRequest remove;
  v1::CreateCertificateSigningRequestRequest csr;
  v1::InstallCertificateRequest install;
  v1::AddTrustAnchorsRequest add_anchors;
  v1::RemoveTrustAnchorRequest remove_anchor;
  v1::InstallRevocationListsRequest install_lists;
  v1::RemoveRevocationListRequest remove_list;
  v1::SetTrustOptionsRequest set_options;
  v1::InstallOcspResponseRequest install_ocsp;
  v1::RenewIdentityRequest renew;
  v1::CompleteRenewalRequest complete;
  v1::SetIdentityStateRequest set_state;
  v1::ApprovePcrsRequest approve;
  v1::UnlockBackendRequest unlock;
  v1::CheckStoreResponse store;
  // By name.
  std::map<std::string, v1::CheckIdentityResponse> checks;
  v1::AttestKeyRequest attest;
  v1::AttestKeyResponse attested;
  v1::ActivateCredentialRequest activate;
  v1::ActivateCredentialResponse activated;
  // Whether there is no key.
  bool missing = false;
  // Identities as they are in the keystore, for GetBackup, and what came back by RestoreIdentity.
  std::vector<v1::BackupIdentity> identities;
  std::vector<v1::BackupIdentity> restored;
  // The names that are taken.
  std::set<std::string> taken;
  // The names that were asked for by "AbandonRenewal" or "RollBackIdentity".
  std::vector<std::string> others;
};

// FakeAdminClient answers from a script.
class FakeAdminClient : public AdminClient {
 public:
  explicit FakeAdminClient(Script* script) : script_(*script) {}

  absl::StatusOr<v1::CreateKeyResponse> CreateKey(const v1::CreateKeyRequest& request) override {
    script_.create = request;
    v1::CreateKeyResponse response;
    *response.mutable_key() = script_.key;
    return Answer(response);
  }
  absl::StatusOr<v1::ImportKeyResponse> ImportKey(const v1::ImportKeyRequest& request) override {
    script_.import = request;
    v1::ImportKeyResponse response;
    response.set_warning(script_.import_warning);
    *response.mutable_key() = script_.key;
    return Answer(response);
  }
  absl::StatusOr<v1::ExportKeyResponse> ExportKey(const v1::ExportKeyRequest& request) override {
    script_.give_out = request;
    v1::ExportKeyResponse response;
    response.set_tss2_pem(script_.tss2_pem);
    return Answer(response);
  }
  absl::StatusOr<v1::ListKeysResponse> ListKeys(const v1::ListKeysRequest& request) override {
    script_.list = request;
    v1::ListKeysResponse response;
    response.mutable_keys()->Assign(script_.keys.begin(), script_.keys.end());
    return Answer(response);
  }
  absl::StatusOr<v1::GetKeyResponse> GetKey(const v1::GetKeyRequest&) override {
    if (script_.missing) return absl::NotFoundError("there is no such key");
    v1::GetKeyResponse response;
    *response.mutable_key() = script_.key;
    return Answer(response);
  }
  absl::StatusOr<v1::DeleteKeyResponse> DeleteKey(const v1::DeleteKeyRequest& request) override {
    script_.remove = request;
    return Answer(v1::DeleteKeyResponse());
  }
  absl::StatusOr<v1::CreateCertificateSigningRequestResponse> CreateCertificateSigningRequest(
      const v1::CreateCertificateSigningRequestRequest& request) override {
    script_.csr = request;
    v1::CreateCertificateSigningRequestResponse response;
    response.set_csr_pem(script_.csr_pem);
    return Answer(response);
  }
  absl::StatusOr<v1::InstallCertificateResponse> InstallCertificate(
      const v1::InstallCertificateRequest& request) override {
    script_.install = request;
    v1::InstallCertificateResponse response;
    *response.mutable_key() = script_.key;
    return Answer(response);
  }
  absl::StatusOr<v1::GetCertificateResponse> GetCertificate(const v1::GetCertificateRequest&) override {
    return Answer(script_.certificate);
  }
  absl::StatusOr<v1::RenewIdentityResponse> RenewIdentity(const v1::RenewIdentityRequest& request) override {
    script_.renew = request;
    v1::RenewIdentityResponse response;
    *response.mutable_key() = script_.key;
    response.set_csr_pem(script_.csr_pem);
    return Answer(response);
  }
  absl::StatusOr<v1::IdentityResponse> CompleteRenewal(const v1::CompleteRenewalRequest& request) override {
    script_.complete = request;
    return AnswerIdentity();
  }
  absl::StatusOr<v1::IdentityResponse> AbandonRenewal(const v1::AbandonRenewalRequest& request) override {
    script_.others.push_back("AbandonRenewal " + request.name());
    return AnswerIdentity();
  }
  absl::StatusOr<v1::IdentityResponse> RollBackIdentity(const v1::RollBackIdentityRequest& request) override {
    script_.others.push_back("RollBackIdentity " + request.name());
    return AnswerIdentity();
  }
  absl::StatusOr<v1::IdentityResponse> SetIdentityState(const v1::SetIdentityStateRequest& request) override {
    script_.set_state = request;
    return AnswerIdentity();
  }
  absl::StatusOr<v1::IdentityResponse> ApprovePcrs(const v1::ApprovePcrsRequest& request) override {
    script_.approve = request;
    return AnswerIdentity();
  }
  absl::StatusOr<v1::UnlockBackendResponse> UnlockBackend(const v1::UnlockBackendRequest& request) override {
    script_.unlock = request;
    return Answer(v1::UnlockBackendResponse());
  }
  absl::StatusOr<v1::CheckStoreResponse> CheckStore(const v1::CheckStoreRequest&) override {
    return Answer(script_.store);
  }
  absl::StatusOr<v1::CheckIdentityResponse> CheckIdentity(const v1::CheckIdentityRequest& request) override {
    const auto found = script_.checks.find(request.name());
    if (found == script_.checks.end()) return absl::NotFoundError("there is no such key");
    return Answer(found->second);
  }
  // Three octets at a time.
  absl::StatusOr<v1::GetBackupResponse> GetBackup(const v1::GetBackupRequest& request) override {
    v1::GetBackupResponse response;
    response.set_snapshot(7);
    response.set_instance_uuid("instance");
    response.set_identities(static_cast<uint32_t>(script_.identities.size()));
    if (request.identity() < script_.identities.size()) {
      const std::string octets = script_.identities[request.identity()].SerializeAsString();
      response.set_part(octets.substr(request.offset(), 3));
      response.set_last_part(request.offset() + 3 >= octets.size());
    }
    return Answer(response);
  }
  absl::StatusOr<v1::RestoreIdentityResponse> RestoreIdentity(const v1::RestoreIdentityRequest& request) override {
    if (script_.taken.contains(request.identity().name())) return absl::AlreadyExistsError("taken");
    script_.restored.push_back(request.identity());
    return Answer(v1::RestoreIdentityResponse());
  }
  absl::StatusOr<v1::TrustResponse> GetTrust(const v1::GetTrustRequest&) override { return Answer(script_.trust); }
  absl::StatusOr<v1::TrustResponse> AddTrustAnchors(const v1::AddTrustAnchorsRequest& request) override {
    script_.add_anchors = request;
    return Answer(script_.trust);
  }
  absl::StatusOr<v1::TrustResponse> RemoveTrustAnchor(const v1::RemoveTrustAnchorRequest& request) override {
    script_.remove_anchor = request;
    return Answer(script_.trust);
  }
  absl::StatusOr<v1::TrustResponse> InstallRevocationLists(const v1::InstallRevocationListsRequest& request) override {
    script_.install_lists = request;
    return Answer(script_.trust);
  }
  absl::StatusOr<v1::TrustResponse> RemoveRevocationList(const v1::RemoveRevocationListRequest& request) override {
    script_.remove_list = request;
    return Answer(script_.trust);
  }
  absl::StatusOr<v1::TrustResponse> InstallOcspResponse(const v1::InstallOcspResponseRequest& request) override {
    script_.install_ocsp = request;
    return Answer(script_.trust);
  }
  absl::StatusOr<v1::TrustResponse> SetTrustOptions(const v1::SetTrustOptionsRequest& request) override {
    script_.set_options = request;
    return Answer(script_.trust);
  }
  absl::StatusOr<v1::ResetClockResponse> ResetClock(const v1::ResetClockRequest&) override {
    v1::ResetClockResponse response;
    *response.mutable_clock() = script_.daemon.clock();
    return Answer(response);
  }
  absl::StatusOr<v1::AttestKeyResponse> AttestKey(const v1::AttestKeyRequest& request) override {
    script_.attest = request;
    return Answer(script_.attested);
  }
  absl::StatusOr<v1::ActivateCredentialResponse> ActivateCredential(
      const v1::ActivateCredentialRequest& request) override {
    script_.activate = request;
    return Answer(script_.activated);
  }
  absl::StatusOr<v1::GetStatusResponse> GetStatus(const v1::GetStatusRequest&) override {
    return Answer(script_.daemon);
  }

 private:
  absl::StatusOr<v1::IdentityResponse> AnswerIdentity() {
    v1::IdentityResponse response;
    *response.mutable_key() = script_.key;
    return Answer(response);
  }

  template <typename Response>
  absl::StatusOr<Response> Answer(const Response& response) {
    ++script_.calls;
    if (!script_.status.ok()) return script_.status;
    return response;
  }

  Script& script_;
};

// Outcome is what a run of the program left behind.
struct Outcome {
  int code;
  std::string out;
  std::string err;
};

// RunWith runs ddskeyctl against `script`. `answer`, if given, is what a person types.
inline Outcome RunWith(Script& script, const std::vector<std::string>& words,
                       const std::optional<std::string>& answer = std::nullopt) {
  std::istringstream in(answer.value_or(""));
  std::ostringstream out, err;
  const auto connect = [&](const std::string& socket, std::chrono::milliseconds timeout) {
    script.socket = socket;
    script.timeout = timeout;
    return std::make_unique<FakeAdminClient>(&script);
  };
  const Io io = {
      .in = in, .out = out, .err = err, .interactive = answer.has_value(), .now = absl::FromUnixSeconds(1'800'000'000)};
  const ExitCode code = RunProgram(words, connect, io);
  return {.code = code, .out = out.str(), .err = err.str()};
}

}  // namespace ddskey::cli

#endif  // CLIENT_CLI_FAKE_ADMIN_CLIENT_H_
