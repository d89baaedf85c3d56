#ifndef CLIENT_ADMIN_CLIENT_H_
#define CLIENT_ADMIN_CLIENT_H_

#include "absl/status/statusor.h"
#include "ddskey/v1/admin.pb.h"

namespace ddskey {

// AdminClient makes the calls of ddskey.v1.AdminService; admin.proto says what each does and which errors it has. On
// top of those: UNAVAILABLE if the daemon cannot be reached, with the path of its socket in the message, and
// DEADLINE_EXCEEDED. Implementations are thread-safe.
class AdminClient {
 public:
  virtual ~AdminClient() = default;

  virtual absl::StatusOr<v1::CreateKeyResponse> CreateKey(const v1::CreateKeyRequest& request) = 0;
  virtual absl::StatusOr<v1::ImportKeyResponse> ImportKey(const v1::ImportKeyRequest& request) = 0;
  virtual absl::StatusOr<v1::ExportKeyResponse> ExportKey(const v1::ExportKeyRequest& request) = 0;
  virtual absl::StatusOr<v1::ListKeysResponse> ListKeys(const v1::ListKeysRequest& request) = 0;
  virtual absl::StatusOr<v1::GetKeyResponse> GetKey(const v1::GetKeyRequest& request) = 0;
  virtual absl::StatusOr<v1::DeleteKeyResponse> DeleteKey(const v1::DeleteKeyRequest& request) = 0;
  virtual absl::StatusOr<v1::CreateCertificateSigningRequestResponse> CreateCertificateSigningRequest(
      const v1::CreateCertificateSigningRequestRequest& request) = 0;
  virtual absl::StatusOr<v1::InstallCertificateResponse> InstallCertificate(
      const v1::InstallCertificateRequest& request) = 0;
  virtual absl::StatusOr<v1::GetCertificateResponse> GetCertificate(const v1::GetCertificateRequest& request) = 0;
  virtual absl::StatusOr<v1::RenewIdentityResponse> RenewIdentity(const v1::RenewIdentityRequest& request) = 0;
  virtual absl::StatusOr<v1::IdentityResponse> CompleteRenewal(const v1::CompleteRenewalRequest& request) = 0;
  virtual absl::StatusOr<v1::IdentityResponse> AbandonRenewal(const v1::AbandonRenewalRequest& request) = 0;
  virtual absl::StatusOr<v1::IdentityResponse> RollBackIdentity(const v1::RollBackIdentityRequest& request) = 0;
  virtual absl::StatusOr<v1::IdentityResponse> SetIdentityState(const v1::SetIdentityStateRequest& request) = 0;
  virtual absl::StatusOr<v1::IdentityResponse> ApprovePcrs(const v1::ApprovePcrsRequest& request) = 0;
  virtual absl::StatusOr<v1::UnlockBackendResponse> UnlockBackend(const v1::UnlockBackendRequest& request) = 0;
  virtual absl::StatusOr<v1::CheckStoreResponse> CheckStore(const v1::CheckStoreRequest& request) = 0;
  virtual absl::StatusOr<v1::CheckIdentityResponse> CheckIdentity(const v1::CheckIdentityRequest& request) = 0;
  virtual absl::StatusOr<v1::GetBackupResponse> GetBackup(const v1::GetBackupRequest& request) = 0;
  virtual absl::StatusOr<v1::RestoreIdentityResponse> RestoreIdentity(const v1::RestoreIdentityRequest& request) = 0;
  virtual absl::StatusOr<v1::TrustResponse> GetTrust(const v1::GetTrustRequest& request) = 0;
  virtual absl::StatusOr<v1::TrustResponse> AddTrustAnchors(const v1::AddTrustAnchorsRequest& request) = 0;
  virtual absl::StatusOr<v1::TrustResponse> RemoveTrustAnchor(const v1::RemoveTrustAnchorRequest& request) = 0;
  virtual absl::StatusOr<v1::TrustResponse> InstallRevocationLists(
      const v1::InstallRevocationListsRequest& request) = 0;
  virtual absl::StatusOr<v1::TrustResponse> RemoveRevocationList(const v1::RemoveRevocationListRequest& request) = 0;
  virtual absl::StatusOr<v1::TrustResponse> InstallOcspResponse(const v1::InstallOcspResponseRequest& request) = 0;
  virtual absl::StatusOr<v1::TrustResponse> SetTrustOptions(const v1::SetTrustOptionsRequest& request) = 0;
  virtual absl::StatusOr<v1::ResetClockResponse> ResetClock(const v1::ResetClockRequest& request) = 0;
  virtual absl::StatusOr<v1::AttestKeyResponse> AttestKey(const v1::AttestKeyRequest& request) = 0;
  virtual absl::StatusOr<v1::ActivateCredentialResponse> ActivateCredential(
      const v1::ActivateCredentialRequest& request) = 0;
  virtual absl::StatusOr<v1::GetStatusResponse> GetStatus(const v1::GetStatusRequest& request) = 0;
};

}  // namespace ddskey

#endif  // CLIENT_ADMIN_CLIENT_H_
