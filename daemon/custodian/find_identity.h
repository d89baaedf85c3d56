#ifndef DAEMON_CUSTODIAN_FIND_IDENTITY_H_
#define DAEMON_CUSTODIAN_FIND_IDENTITY_H_

#include <memory>
#include <string>

#include "absl/status/statusor.h"
#include "daemon/keystore/key_store.h"

namespace ddskey {

// NoSuchKey is what an administrator reads of a key that is not there.
absl::Status NoSuchKey(const std::string& name);

// ParseKeyName is KeyName::Parse with the INVALID_ARGUMENT for an administrator.
absl::StatusOr<KeyName> ParseKeyName(const std::string& name);

// FindActive returns the identity `name`, which is not deleted; INVALID_ARGUMENT or NOT_FOUND for an administrator.
absl::StatusOr<std::shared_ptr<const Identity>> FindActive(const KeyStore& keys, const std::string& name);

}  // namespace ddskey

#endif  // DAEMON_CUSTODIAN_FIND_IDENTITY_H_
