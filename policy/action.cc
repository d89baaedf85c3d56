#include "policy/action.h"

namespace ddskey {

std::string_view ActionName(Action action) {
  switch (action) {
    case Action::kHandshake:
      return "HANDSHAKE";
    case Action::kOwnTrust:
      return "OWN_TRUST";
    case Action::kProcessKey:
      return "PROCESS_KEY";
    case Action::kSignParticipantData:
      return "SIGN_PARTICIPANT_DATA";
    case Action::kSignDigest:
      return "SIGN_DIGEST";
    case Action::kSignPkcs1:
      return "SIGN_PKCS1";
    case Action::kKeyCreate:
      return "KEY_CREATE";
    case Action::kKeyList:
      return "KEY_LIST";
    case Action::kKeyDelete:
      return "KEY_DELETE";
    case Action::kCsrCreate:
      return "CSR_CREATE";
    case Action::kCertificateInstall:
      return "CERTIFICATE_INSTALL";
    case Action::kStatus:
      return "STATUS";
    case Action::kTrustChange:
      return "TRUST_CHANGE";
    case Action::kOcspInstall:
      return "OCSP_INSTALL";
    case Action::kIdentityRenew:
      return "IDENTITY_RENEW";
    case Action::kIdentityState:
      return "IDENTITY_STATE";
    case Action::kStoreCheck:
      return "STORE_CHECK";
    case Action::kBackup:
      return "BACKUP";
    case Action::kRestore:
      return "RESTORE";
    case Action::kKeyImport:
      return "KEY_IMPORT";
    case Action::kKeyExport:
      return "KEY_EXPORT";
    case Action::kAttest:
      return "ATTEST";
    case Action::kCredentialActivate:
      return "CREDENTIAL_ACTIVATE";
    case Action::kPcrApprove:
      return "PCR_APPROVE";
    case Action::kBackendUnlock:
      return "BACKEND_UNLOCK";
  }
  return "UNKNOWN";
}

}  // namespace ddskey
