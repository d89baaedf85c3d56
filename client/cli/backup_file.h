#ifndef CLIENT_CLI_BACKUP_FILE_H_
#define CLIENT_CLI_BACKUP_FILE_H_

#include <string>
#include <string_view>

#include "absl/status/statusor.h"
#include "ddskey/v1/admin.pb.h"

namespace ddskey::cli {

// A backup file is a line that says what it is, a line with the SHA-256 of the rest in hexadecimal, and the rest: a
// v1.Backup.

// EncodeBackup is the content of the file.
std::string EncodeBackup(const v1::Backup& backup);

// DecodeBackup is the inverse. INVALID_ARGUMENT if `content` is no backup, was damaged, or is of a later form.
absl::StatusOr<v1::Backup> DecodeBackup(std::string_view content);

// DigestOf is the SHA-256 that the file says of itself, for people to compare; empty if it is no backup.
std::string DigestOf(std::string_view content);

}  // namespace ddskey::cli

#endif  // CLIENT_CLI_BACKUP_FILE_H_
