#ifndef DAEMON_CONFIG_TRUSTED_FILE_H_
#define DAEMON_CONFIG_TRUSTED_FILE_H_

#include <cstddef>
#include <string>

#include "absl/status/status.h"
#include "absl/status/statusor.h"

namespace ddskey {

// Largest configuration or policy file.
inline constexpr size_t kMaxTrustedFileOctets = size_t{1} << 20;

// ReadTrustedFile reads a file that decides what the daemon does (S-14): a regular file of root, or of the user the
// daemon runs as, that nobody else may write, of at most `limit` octets. NOT_FOUND if there is none; PERMISSION_DENIED
// with the command to run if it belongs to somebody else or others may write it; INVALID_ARGUMENT if it is too large;
// FAILED_PRECONDITION if it cannot be read.
absl::StatusOr<std::string> ReadTrustedFile(const std::string& path, size_t limit = kMaxTrustedFileOctets);

// CheckTrustedFolders makes sure that nobody else could put another file in the place of `path`, which is absolute:
// every folder and symbolic link on the way to it belongs to root or to the user the daemon runs as, and others can
// write to none of the folders, but for those where they can only add (sticky, as /tmp). PERMISSION_DENIED names the
// first that is not so; NOT_FOUND if the way leads nowhere. The file itself need not exist.
absl::Status CheckTrustedFolders(const std::string& path);

}  // namespace ddskey

#endif  // DAEMON_CONFIG_TRUSTED_FILE_H_
