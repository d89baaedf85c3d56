#ifndef CLIENT_SOCKET_ADMIN_CLIENT_H_
#define CLIENT_SOCKET_ADMIN_CLIENT_H_

#include <chrono>
#include <string>
#include <string_view>

#include "absl/status/statusor.h"
#include "client/admin_client.h"
#include "client/channel.h"

namespace ddskey {

// SocketAdminClient is the AdminClient that calls the daemon.
class SocketAdminClient : public AdminClient {
 public:
  // `socket` is the administration socket, usually `AdminSocketPath()`; every call ends after `timeout`, which should
  // be long enough for a TPM to make an RSA key.
  explicit SocketAdminClient(std::string socket, std::chrono::milliseconds timeout = std::chrono::seconds(60));

  absl::StatusOr<v1::CreateKeyResponse> CreateKey(const v1::CreateKeyRequest& request) override;
  absl::StatusOr<v1::ImportKeyResponse> ImportKey(const v1::ImportKeyRequest& request) override;
  absl::StatusOr<v1::ExportKeyResponse> ExportKey(const v1::ExportKeyRequest& request) override;
  absl::StatusOr<v1::ListKeysResponse> ListKeys(const v1::ListKeysRequest& request) override;
  absl::StatusOr<v1::GetKeyResponse> GetKey(const v1::GetKeyRequest& request) override;
  absl::StatusOr<v1::DeleteKeyResponse> DeleteKey(const v1::DeleteKeyRequest& request) override;
  absl::StatusOr<v1::CreateCertificateSigningRequestResponse> CreateCertificateSigningRequest(
      const v1::CreateCertificateSigningRequestRequest& request) override;
  absl::StatusOr<v1::InstallCertificateResponse> InstallCertificate(
      const v1::InstallCertificateRequest& request) override;
  absl::StatusOr<v1::GetCertificateResponse> GetCertificate(const v1::GetCertificateRequest& request) override;
  absl::StatusOr<v1::RenewIdentityResponse> RenewIdentity(const v1::RenewIdentityRequest& request) override;
  absl::StatusOr<v1::IdentityResponse> CompleteRenewal(const v1::CompleteRenewalRequest& request) override;
  absl::StatusOr<v1::IdentityResponse> AbandonRenewal(const v1::AbandonRenewalRequest& request) override;
  absl::StatusOr<v1::IdentityResponse> RollBackIdentity(const v1::RollBackIdentityRequest& request) override;
  absl::StatusOr<v1::IdentityResponse> SetIdentityState(const v1::SetIdentityStateRequest& request) override;
  absl::StatusOr<v1::IdentityResponse> ApprovePcrs(const v1::ApprovePcrsRequest& request) override;
  absl::StatusOr<v1::UnlockBackendResponse> UnlockBackend(const v1::UnlockBackendRequest& request) override;
  absl::StatusOr<v1::CheckStoreResponse> CheckStore(const v1::CheckStoreRequest& request) override;
  absl::StatusOr<v1::CheckIdentityResponse> CheckIdentity(const v1::CheckIdentityRequest& request) override;
  absl::StatusOr<v1::GetBackupResponse> GetBackup(const v1::GetBackupRequest& request) override;
  absl::StatusOr<v1::RestoreIdentityResponse> RestoreIdentity(const v1::RestoreIdentityRequest& request) override;
  absl::StatusOr<v1::TrustResponse> GetTrust(const v1::GetTrustRequest& request) override;
  absl::StatusOr<v1::TrustResponse> AddTrustAnchors(const v1::AddTrustAnchorsRequest& request) override;
  absl::StatusOr<v1::TrustResponse> RemoveTrustAnchor(const v1::RemoveTrustAnchorRequest& request) override;
  absl::StatusOr<v1::TrustResponse> InstallRevocationLists(const v1::InstallRevocationListsRequest& request) override;
  absl::StatusOr<v1::TrustResponse> RemoveRevocationList(const v1::RemoveRevocationListRequest& request) override;
  absl::StatusOr<v1::TrustResponse> InstallOcspResponse(const v1::InstallOcspResponseRequest& request) override;
  absl::StatusOr<v1::TrustResponse> SetTrustOptions(const v1::SetTrustOptionsRequest& request) override;
  absl::StatusOr<v1::ResetClockResponse> ResetClock(const v1::ResetClockRequest& request) override;
  absl::StatusOr<v1::AttestKeyResponse> AttestKey(const v1::AttestKeyRequest& request) override;
  absl::StatusOr<v1::ActivateCredentialResponse> ActivateCredential(
      const v1::ActivateCredentialRequest& request) override;
  absl::StatusOr<v1::GetStatusResponse> GetStatus(const v1::GetStatusRequest& request) override;

 private:
  enum class Repeat { kNever, kIfUnknown };

  template <typename Response, typename Request>
  absl::StatusOr<Response> Call(std::string_view method, const Request& request, Repeat repeat);

  Channel channel_;
  const std::chrono::milliseconds timeout_;
};

}  // namespace ddskey

#endif  // CLIENT_SOCKET_ADMIN_CLIENT_H_
