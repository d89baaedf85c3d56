#ifndef CLIENT_CLI_COMMANDS_H_
#define CLIENT_CLI_COMMANDS_H_

#include <string>

#include "absl/status/statusor.h"
#include "client/cli/arguments.h"
#include "client/cli/command.h"

namespace ddskey::cli {

// Each command is in a file of its own: kKeyCreate in key_create.cc.
extern const Command kAttest;
extern const Command kAttestActivate;
extern const Command kAttestChallenge;
extern const Command kAttestVerify;
extern const Command kAttestWrap;
extern const Command kCaCrl;
extern const Command kCaInit;
extern const Command kCaNonce;
extern const Command kCaRevoke;
extern const Command kCaSign;
extern const Command kBackendUnlock;
extern const Command kBackup;
extern const Command kCertInstall;
extern const Command kCertShow;
extern const Command kCrlInstall;
extern const Command kCrlRemove;
extern const Command kCrlList;
extern const Command kCsr;
extern const Command kDoctor;
extern const Command kEnroll;
extern const Command kEnrollFinish;
extern const Command kIdentityCreate;
extern const Command kIdentityDelete;
extern const Command kIdentityDisable;
extern const Command kIdentityEnable;
extern const Command kIdentityList;
extern const Command kIdentityRenew;
extern const Command kIdentityRollback;
extern const Command kIdentityShow;
extern const Command kKeyApprovePcr;
extern const Command kKeyCreate;
extern const Command kKeyDelete;
extern const Command kKeyExportBlob;
extern const Command kKeyAdopt;
extern const Command kKeyImport;
extern const Command kKeyList;
extern const Command kKeyShow;
extern const Command kOcspInstall;
extern const Command kPcrApprove;
extern const Command kRestore;
extern const Command kRos2MigrateEnclave;
extern const Command kRos2RestoreEnclave;
extern const Command kRun;
extern const Command kSetup;
extern const Command kClockReset;
extern const Command kMetrics;
extern const Command kStatus;
extern const Command kStoreCheck;
extern const Command kTrustAdd;
extern const Command kTrustList;
extern const Command kTrustRemove;
extern const Command kTrustSet;

// CheckedName returns the operand NAME if it can be a key's name, else a usage error.
absl::StatusOr<std::string> CheckedName(const Arguments& arguments);

}  // namespace ddskey::cli

#endif  // CLIENT_CLI_COMMANDS_H_
