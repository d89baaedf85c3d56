#ifndef CLIENT_CLI_REPLACE_FILE_H_
#define CLIENT_CLI_REPLACE_FILE_H_

#include <sys/types.h>

#include <string>
#include <string_view>

#include "absl/status/status.h"

namespace ddskey::cli {

// ReplaceFile makes `content` the file `path` with the caller's rights. Whoever reads it meanwhile gets the old or the
// new content, never a part; on failure the old one stays. The folder is opened once, through no symbolic link (S-14).
// FAILED_PRECONDITION if there is one on the way, or if what is there is no regular file.
absl::Status ReplaceFile(const std::string& path, std::string_view content, mode_t mode);

}  // namespace ddskey::cli

#endif  // CLIENT_CLI_REPLACE_FILE_H_
