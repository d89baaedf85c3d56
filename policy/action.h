#ifndef POLICY_ACTION_H_
#define POLICY_ACTION_H_

#include <string_view>

namespace ddskey {

// Action is what a caller asks to do. Names and meanings are those of `Operation` in policy.proto.
enum class Action {
  kHandshake,
  kOwnTrust,
  kProcessKey,
  kSignParticipantData,
  kSignDigest,
  kSignPkcs1,
  kKeyCreate,
  kKeyList,
  kKeyDelete,
  kCsrCreate,
  kCertificateInstall,
  kStatus,
  kTrustChange,
  kOcspInstall,
  kIdentityRenew,
  kIdentityState,
  kStoreCheck,
  kBackup,
  kRestore,
  kKeyImport,
  kKeyExport,
  kAttest,
  kCredentialActivate,
  kPcrApprove,
  kBackendUnlock,
};

// ActionName is the name in policy.proto, for example "HANDSHAKE".
std::string_view ActionName(Action action);

}  // namespace ddskey

#endif  // POLICY_ACTION_H_
