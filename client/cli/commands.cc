#include "client/cli/commands.h"

#include "client/cli/text.h"
#include "proto/contract/key_name.h"

namespace ddskey::cli {

std::span<const Command* const> Commands() {
  static constexpr const Command* kCommands[] = {
      &kSetup,
      &kRun,
      &kIdentityCreate,
      &kIdentityList,
      &kIdentityShow,
      &kIdentityRenew,
      &kIdentityRollback,
      &kIdentityDisable,
      &kIdentityEnable,
      &kIdentityDelete,
      &kEnroll,
      &kEnrollFinish,
      &kAttest,
      &kAttestVerify,
      &kAttestWrap,
      &kAttestChallenge,
      &kAttestActivate,
      &kKeyCreate,
      &kKeyImport,
      &kKeyAdopt,
      &kKeyExportBlob,
      &kKeyList,
      &kKeyShow,
      &kKeyDelete,
      &kKeyApprovePcr,
      &kCsr,
      &kCertInstall,
      &kCertShow,
      &kTrustAdd,
      &kTrustList,
      &kTrustRemove,
      &kTrustSet,
      &kCrlInstall,
      &kCrlRemove,
      &kCrlList,
      &kOcspInstall,
      &kRos2MigrateEnclave,
      &kRos2RestoreEnclave,
      &kBackendUnlock,
      &kStoreCheck,
      &kBackup,
      &kRestore,
      &kClockReset,
      &kStatus,
      &kDoctor,
      &kMetrics,
      &kPcrApprove,
      &kCaInit,
      &kCaNonce,
      &kCaSign,
      &kCaRevoke,
      &kCaCrl,
  };
  return kCommands;
}

absl::StatusOr<std::string> CheckedName(const Arguments& arguments) {
  const std::string& name = arguments.operands().front();
  if (KeyName::Parse(name).has_value()) return name;
  return UsageError(
      "\"" + Escape(name) +
      "\" cannot be a key's name: 1 to 63 letters, digits, '.', '_' and '-', the first a letter or digit");
}

}  // namespace ddskey::cli
