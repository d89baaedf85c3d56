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

// CheckNotKept is ALREADY_EXISTS if some identity other than `name`, also a deleted one, has a key of `public_key`: the
// same private key under two names could have two purposes (S-1), and a rule about one of them would not hold for the
// other (S-12).
absl::Status CheckNotKept(const KeyStore& keys, const KeyName& name, const std::string& public_key);

}  // namespace ddskey

#endif  // DAEMON_CUSTODIAN_FIND_IDENTITY_H_
