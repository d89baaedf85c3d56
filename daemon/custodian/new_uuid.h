#ifndef DAEMON_CUSTODIAN_NEW_UUID_H_
#define DAEMON_CUSTODIAN_NEW_UUID_H_

#include <string>

#include "absl/status/statusor.h"

namespace ddskey {

// NewUuid returns a random UUID (RFC 9562, version 4) in lower case.
absl::StatusOr<std::string> NewUuid();

}  // namespace ddskey

#endif  // DAEMON_CUSTODIAN_NEW_UUID_H_
