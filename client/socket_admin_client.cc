#include "client/socket_admin_client.h"

#include <utility>

#include "absl/status/status.h"

namespace ddskey {

SocketAdminClient::SocketAdminClient(std::string socket, std::chrono::milliseconds timeout)
    : channel_(std::move(socket)), timeout_(timeout) {}

template <typename Response, typename Request>
absl::StatusOr<Response> SocketAdminClient::Call(std::string_view method, const Request& request, Repeat repeat) {
  CallOptions options;
  options.deadline = CallClock::now() + timeout_;
  options.idempotent = repeat == Repeat::kIfUnknown;
  Response response;
  const std::string path = "/ddskey.v1.AdminService/" + std::string(method);
  const CallStatus status = channel_.Call(path, request, &response, options);
  // The codes of Abseil are those of gRPC by number.
  if (!status.ok()) return absl::Status(static_cast<absl::StatusCode>(status.code), status.message);
  return response;
}

absl::StatusOr<v1::CreateKeyResponse> SocketAdminClient::CreateKey(const v1::CreateKeyRequest& request) {
  return Call<v1::CreateKeyResponse>("CreateKey", request, Repeat::kNever);
}

absl::StatusOr<v1::ImportKeyResponse> SocketAdminClient::ImportKey(const v1::ImportKeyRequest& request) {
  return Call<v1::ImportKeyResponse>("ImportKey", request, Repeat::kNever);
}

absl::StatusOr<v1::ExportKeyResponse> SocketAdminClient::ExportKey(const v1::ExportKeyRequest& request) {
  return Call<v1::ExportKeyResponse>("ExportKey", request, Repeat::kNever);
}

absl::StatusOr<v1::ListKeysResponse> SocketAdminClient::ListKeys(const v1::ListKeysRequest& request) {
  return Call<v1::ListKeysResponse>("ListKeys", request, Repeat::kIfUnknown);
}

absl::StatusOr<v1::GetKeyResponse> SocketAdminClient::GetKey(const v1::GetKeyRequest& request) {
  return Call<v1::GetKeyResponse>("GetKey", request, Repeat::kIfUnknown);
}

absl::StatusOr<v1::DeleteKeyResponse> SocketAdminClient::DeleteKey(const v1::DeleteKeyRequest& request) {
  return Call<v1::DeleteKeyResponse>("DeleteKey", request, Repeat::kNever);
}

absl::StatusOr<v1::CreateCertificateSigningRequestResponse> SocketAdminClient::CreateCertificateSigningRequest(
    const v1::CreateCertificateSigningRequestRequest& request) {
  return Call<v1::CreateCertificateSigningRequestResponse>("CreateCertificateSigningRequest", request,
                                                           Repeat::kIfUnknown);
}

absl::StatusOr<v1::InstallCertificateResponse> SocketAdminClient::InstallCertificate(
    const v1::InstallCertificateRequest& request) {
  return Call<v1::InstallCertificateResponse>("InstallCertificate", request, Repeat::kIfUnknown);
}

absl::StatusOr<v1::GetCertificateResponse> SocketAdminClient::GetCertificate(const v1::GetCertificateRequest& request) {
  return Call<v1::GetCertificateResponse>("GetCertificate", request, Repeat::kIfUnknown);
}

absl::StatusOr<v1::RenewIdentityResponse> SocketAdminClient::RenewIdentity(const v1::RenewIdentityRequest& request) {
  return Call<v1::RenewIdentityResponse>("RenewIdentity", request, Repeat::kIfUnknown);
}

absl::StatusOr<v1::IdentityResponse> SocketAdminClient::CompleteRenewal(const v1::CompleteRenewalRequest& request) {
  return Call<v1::IdentityResponse>("CompleteRenewal", request, Repeat::kIfUnknown);
}

absl::StatusOr<v1::IdentityResponse> SocketAdminClient::AbandonRenewal(const v1::AbandonRenewalRequest& request) {
  return Call<v1::IdentityResponse>("AbandonRenewal", request, Repeat::kNever);
}

absl::StatusOr<v1::IdentityResponse> SocketAdminClient::RollBackIdentity(const v1::RollBackIdentityRequest& request) {
  return Call<v1::IdentityResponse>("RollBackIdentity", request, Repeat::kNever);
}

absl::StatusOr<v1::IdentityResponse> SocketAdminClient::SetIdentityState(const v1::SetIdentityStateRequest& request) {
  return Call<v1::IdentityResponse>("SetIdentityState", request, Repeat::kIfUnknown);
}

absl::StatusOr<v1::IdentityResponse> SocketAdminClient::ApprovePcrs(const v1::ApprovePcrsRequest& request) {
  return Call<v1::IdentityResponse>("ApprovePcrs", request, Repeat::kIfUnknown);
}

absl::StatusOr<v1::UnlockBackendResponse> SocketAdminClient::UnlockBackend(const v1::UnlockBackendRequest& request) {
  return Call<v1::UnlockBackendResponse>("UnlockBackend", request, Repeat::kNever);
}

absl::StatusOr<v1::CheckStoreResponse> SocketAdminClient::CheckStore(const v1::CheckStoreRequest& request) {
  return Call<v1::CheckStoreResponse>("CheckStore", request, Repeat::kIfUnknown);
}

absl::StatusOr<v1::CheckIdentityResponse> SocketAdminClient::CheckIdentity(const v1::CheckIdentityRequest& request) {
  return Call<v1::CheckIdentityResponse>("CheckIdentity", request, Repeat::kIfUnknown);
}

absl::StatusOr<v1::GetBackupResponse> SocketAdminClient::GetBackup(const v1::GetBackupRequest& request) {
  return Call<v1::GetBackupResponse>("GetBackup", request, Repeat::kIfUnknown);
}

absl::StatusOr<v1::RestoreIdentityResponse> SocketAdminClient::RestoreIdentity(
    const v1::RestoreIdentityRequest& request) {
  return Call<v1::RestoreIdentityResponse>("RestoreIdentity", request, Repeat::kNever);
}

absl::StatusOr<v1::TrustResponse> SocketAdminClient::GetTrust(const v1::GetTrustRequest& request) {
  return Call<v1::TrustResponse>("GetTrust", request, Repeat::kIfUnknown);
}

absl::StatusOr<v1::TrustResponse> SocketAdminClient::AddTrustAnchors(const v1::AddTrustAnchorsRequest& request) {
  return Call<v1::TrustResponse>("AddTrustAnchors", request, Repeat::kIfUnknown);
}

absl::StatusOr<v1::TrustResponse> SocketAdminClient::RemoveTrustAnchor(const v1::RemoveTrustAnchorRequest& request) {
  return Call<v1::TrustResponse>("RemoveTrustAnchor", request, Repeat::kNever);
}

absl::StatusOr<v1::TrustResponse> SocketAdminClient::InstallRevocationLists(
    const v1::InstallRevocationListsRequest& request) {
  return Call<v1::TrustResponse>("InstallRevocationLists", request, Repeat::kIfUnknown);
}

absl::StatusOr<v1::TrustResponse> SocketAdminClient::RemoveRevocationList(
    const v1::RemoveRevocationListRequest& request) {
  return Call<v1::TrustResponse>("RemoveRevocationList", request, Repeat::kNever);
}

absl::StatusOr<v1::TrustResponse> SocketAdminClient::InstallOcspResponse(
    const v1::InstallOcspResponseRequest& request) {
  return Call<v1::TrustResponse>("InstallOcspResponse", request, Repeat::kIfUnknown);
}

absl::StatusOr<v1::TrustResponse> SocketAdminClient::SetTrustOptions(const v1::SetTrustOptionsRequest& request) {
  return Call<v1::TrustResponse>("SetTrustOptions", request, Repeat::kIfUnknown);
}

absl::StatusOr<v1::ResetClockResponse> SocketAdminClient::ResetClock(const v1::ResetClockRequest& request) {
  return Call<v1::ResetClockResponse>("ResetClock", request, Repeat::kIfUnknown);
}

absl::StatusOr<v1::AttestKeyResponse> SocketAdminClient::AttestKey(const v1::AttestKeyRequest& request) {
  return Call<v1::AttestKeyResponse>("AttestKey", request, Repeat::kIfUnknown);
}

absl::StatusOr<v1::ActivateCredentialResponse> SocketAdminClient::ActivateCredential(
    const v1::ActivateCredentialRequest& request) {
  return Call<v1::ActivateCredentialResponse>("ActivateCredential", request, Repeat::kIfUnknown);
}

absl::StatusOr<v1::GetStatusResponse> SocketAdminClient::GetStatus(const v1::GetStatusRequest& request) {
  return Call<v1::GetStatusResponse>("GetStatus", request, Repeat::kIfUnknown);
}

}  // namespace ddskey
