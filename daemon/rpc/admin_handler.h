#ifndef DAEMON_RPC_ADMIN_HANDLER_H_
#define DAEMON_RPC_ADMIN_HANDLER_H_

#include <functional>
#include <utility>

#include "daemon/custodian/attestation_custodian.h"
#include "daemon/custodian/backup_custodian.h"
#include "daemon/custodian/clock_custodian.h"
#include "daemon/custodian/identity_custodian.h"
#include "daemon/custodian/key_custodian.h"
#include "daemon/custodian/store_checker.h"
#include "daemon/custodian/trust_custodian.h"
#include "daemon/rpc/call_limiter.h"
#include "daemon/rpc/peer_registry.h"
#include "ddskey/v1/admin.grpc.pb.h"

namespace ddskey {

// AdminHandler serves AdminService: it identifies the caller, counts the call, translates, and asks a custodian once.
class AdminHandler final : public v1::AdminService::CallbackService {
 public:
  // Custodians are who does the work.
  struct Custodians {
    KeyCustodian& keys;
    IdentityCustodian& identities;
    TrustCustodian& trust;
    StoreChecker& checker;
    BackupCustodian& backup;
    ClockCustodian& clock;
    AttestationCustodian& attestation;
  };

  using FillStatus = std::function<void(const Subject& caller, v1::GetStatusResponse& status)>;

  // `fill_status` says how the daemon is, as far as the caller, who may do STATUS, may know. All must outlive the
  // handler.
  AdminHandler(const PeerRegistry& peers, CallLimiter& limiter, const Custodians& custodians, FillStatus fill_status)
      : peers_(peers),
        limiter_(limiter),
        custodian_(custodians.keys),
        identities_(custodians.identities),
        trust_(custodians.trust),
        checker_(custodians.checker),
        backup_(custodians.backup),
        clock_(custodians.clock),
        attestation_(custodians.attestation),
        fill_status_(std::move(fill_status)) {}

  grpc::ServerUnaryReactor* CreateKey(grpc::CallbackServerContext* context, const v1::CreateKeyRequest* request,
                                      v1::CreateKeyResponse* response) override;
  grpc::ServerUnaryReactor* ImportKey(grpc::CallbackServerContext* context, const v1::ImportKeyRequest* request,
                                      v1::ImportKeyResponse* response) override;
  grpc::ServerUnaryReactor* ExportKey(grpc::CallbackServerContext* context, const v1::ExportKeyRequest* request,
                                      v1::ExportKeyResponse* response) override;
  grpc::ServerUnaryReactor* ListKeys(grpc::CallbackServerContext* context, const v1::ListKeysRequest* request,
                                     v1::ListKeysResponse* response) override;
  grpc::ServerUnaryReactor* GetKey(grpc::CallbackServerContext* context, const v1::GetKeyRequest* request,
                                   v1::GetKeyResponse* response) override;
  grpc::ServerUnaryReactor* DeleteKey(grpc::CallbackServerContext* context, const v1::DeleteKeyRequest* request,
                                      v1::DeleteKeyResponse* response) override;
  grpc::ServerUnaryReactor* CreateCertificateSigningRequest(
      grpc::CallbackServerContext* context, const v1::CreateCertificateSigningRequestRequest* request,
      v1::CreateCertificateSigningRequestResponse* response) override;
  grpc::ServerUnaryReactor* InstallCertificate(grpc::CallbackServerContext* context,
                                               const v1::InstallCertificateRequest* request,
                                               v1::InstallCertificateResponse* response) override;
  grpc::ServerUnaryReactor* GetCertificate(grpc::CallbackServerContext* context,
                                           const v1::GetCertificateRequest* request,
                                           v1::GetCertificateResponse* response) override;
  grpc::ServerUnaryReactor* RenewIdentity(grpc::CallbackServerContext* context, const v1::RenewIdentityRequest* request,
                                          v1::RenewIdentityResponse* response) override;
  grpc::ServerUnaryReactor* CompleteRenewal(grpc::CallbackServerContext* context,
                                            const v1::CompleteRenewalRequest* request,
                                            v1::IdentityResponse* response) override;
  grpc::ServerUnaryReactor* AbandonRenewal(grpc::CallbackServerContext* context,
                                           const v1::AbandonRenewalRequest* request,
                                           v1::IdentityResponse* response) override;
  grpc::ServerUnaryReactor* RollBackIdentity(grpc::CallbackServerContext* context,
                                             const v1::RollBackIdentityRequest* request,
                                             v1::IdentityResponse* response) override;
  grpc::ServerUnaryReactor* SetIdentityState(grpc::CallbackServerContext* context,
                                             const v1::SetIdentityStateRequest* request,
                                             v1::IdentityResponse* response) override;
  grpc::ServerUnaryReactor* ApprovePcrs(grpc::CallbackServerContext* context, const v1::ApprovePcrsRequest* request,
                                        v1::IdentityResponse* response) override;
  grpc::ServerUnaryReactor* UnlockBackend(grpc::CallbackServerContext* context, const v1::UnlockBackendRequest* request,
                                          v1::UnlockBackendResponse* response) override;
  grpc::ServerUnaryReactor* CheckStore(grpc::CallbackServerContext* context, const v1::CheckStoreRequest* request,
                                       v1::CheckStoreResponse* response) override;
  grpc::ServerUnaryReactor* CheckIdentity(grpc::CallbackServerContext* context, const v1::CheckIdentityRequest* request,
                                          v1::CheckIdentityResponse* response) override;
  grpc::ServerUnaryReactor* GetBackup(grpc::CallbackServerContext* context, const v1::GetBackupRequest* request,
                                      v1::GetBackupResponse* response) override;
  grpc::ServerUnaryReactor* RestoreIdentity(grpc::CallbackServerContext* context,
                                            const v1::RestoreIdentityRequest* request,
                                            v1::RestoreIdentityResponse* response) override;
  grpc::ServerUnaryReactor* GetTrust(grpc::CallbackServerContext* context, const v1::GetTrustRequest* request,
                                     v1::TrustResponse* response) override;
  grpc::ServerUnaryReactor* AddTrustAnchors(grpc::CallbackServerContext* context,
                                            const v1::AddTrustAnchorsRequest* request,
                                            v1::TrustResponse* response) override;
  grpc::ServerUnaryReactor* RemoveTrustAnchor(grpc::CallbackServerContext* context,
                                              const v1::RemoveTrustAnchorRequest* request,
                                              v1::TrustResponse* response) override;
  grpc::ServerUnaryReactor* InstallRevocationLists(grpc::CallbackServerContext* context,
                                                   const v1::InstallRevocationListsRequest* request,
                                                   v1::TrustResponse* response) override;
  grpc::ServerUnaryReactor* RemoveRevocationList(grpc::CallbackServerContext* context,
                                                 const v1::RemoveRevocationListRequest* request,
                                                 v1::TrustResponse* response) override;
  grpc::ServerUnaryReactor* InstallOcspResponse(grpc::CallbackServerContext* context,
                                                const v1::InstallOcspResponseRequest* request,
                                                v1::TrustResponse* response) override;
  grpc::ServerUnaryReactor* SetTrustOptions(grpc::CallbackServerContext* context,
                                            const v1::SetTrustOptionsRequest* request,
                                            v1::TrustResponse* response) override;
  grpc::ServerUnaryReactor* ResetClock(grpc::CallbackServerContext* context, const v1::ResetClockRequest* request,
                                       v1::ResetClockResponse* response) override;
  grpc::ServerUnaryReactor* AttestKey(grpc::CallbackServerContext* context, const v1::AttestKeyRequest* request,
                                      v1::AttestKeyResponse* response) override;
  grpc::ServerUnaryReactor* ActivateCredential(grpc::CallbackServerContext* context,
                                               const v1::ActivateCredentialRequest* request,
                                               v1::ActivateCredentialResponse* response) override;
  grpc::ServerUnaryReactor* GetStatus(grpc::CallbackServerContext* context, const v1::GetStatusRequest* request,
                                      v1::GetStatusResponse* response) override;

 private:
  const PeerRegistry& peers_;
  CallLimiter& limiter_;
  KeyCustodian& custodian_;
  IdentityCustodian& identities_;
  TrustCustodian& trust_;
  StoreChecker& checker_;
  BackupCustodian& backup_;
  ClockCustodian& clock_;
  AttestationCustodian& attestation_;
  FillStatus fill_status_;
};

}  // namespace ddskey

#endif  // DAEMON_RPC_ADMIN_HANDLER_H_
