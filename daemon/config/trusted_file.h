#ifndef DAEMON_CONFIG_TRUSTED_FILE_H_
#define DAEMON_CONFIG_TRUSTED_FILE_H_

#include <cstddef>
#include <string>

#include "absl/status/statusor.h"

namespace ddskey {

// Largest configuration or policy file.
inline constexpr size_t kMaxTrustedFileOctets = size_t{1} << 20;

// ReadTrustedFile reads a file that decides what the daemon does (S-14): a regular file of root, or of the user the
// daemon runs as, that nobody else may write, of at most 1 MiB. NOT_FOUND if there is none; PERMISSION_DENIED with the
// command to run if it belongs to somebody else or others may write it; INVALID_ARGUMENT if it is too large;
// FAILED_PRECONDITION if it cannot be read.
absl::StatusOr<std::string> ReadTrustedFile(const std::string& path);

}  // namespace ddskey

#endif  // DAEMON_CONFIG_TRUSTED_FILE_H_
