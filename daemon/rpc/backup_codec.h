#ifndef DAEMON_RPC_BACKUP_CODEC_H_
#define DAEMON_RPC_BACKUP_CODEC_H_

#include <vector>

#include "absl/status/statusor.h"
#include "daemon/custodian/backup_custodian.h"
#include "ddskey/v1/admin.pb.h"

namespace ddskey {

// EncodeIdentity translates an identity into what a backup holds of it. `backends` has those of its generations.
v1::BackupIdentity EncodeIdentity(const Identity& identity, const std::vector<StoredBackend>& backends);

// DecodedIdentity is an identity of a backup, with the backend of each of its generations.
struct DecodedIdentity {
  Identity identity;
  std::vector<StoredBackend> backends;
};

// DecodeIdentity is the inverse. INVALID_ARGUMENT if a field has a value that it cannot have; whether all of it fits
// together is the custodian's to check.
absl::StatusOr<DecodedIdentity> DecodeIdentity(const v1::BackupIdentity& identity);

}  // namespace ddskey

#endif  // DAEMON_RPC_BACKUP_CODEC_H_
