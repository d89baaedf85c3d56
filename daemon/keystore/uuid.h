#ifndef DAEMON_KEYSTORE_UUID_H_
#define DAEMON_KEYSTORE_UUID_H_

#include <string>

#include "absl/status/statusor.h"

namespace ddskey {

// NewUuid makes a random UUID (RFC 4122, version 4) in its text form, from OpenSSL's generator. INTERNAL if that has no
// randomness to give.
absl::StatusOr<std::string> NewUuid();

}  // namespace ddskey

#endif  // DAEMON_KEYSTORE_UUID_H_
