#ifndef DAEMON_INVENTORY_H_
#define DAEMON_INVENTORY_H_

#include <string>

#include "absl/status/statusor.h"

namespace ddskey {

// Inventory says in a line what would be lost with the keystore `path`: "3 keys of 2 identities: 1 in soft (software),
// 2 in tpm (tpm2)", or "0 keys" if it has none or is not there. Deleted identities count until they are purged. Errors
// are those of KeyStore::Open: FAILED_PRECONDITION while a daemon has the keystore open, among them.
absl::StatusOr<std::string> Inventory(const std::string& path);

}  // namespace ddskey

#endif  // DAEMON_INVENTORY_H_
