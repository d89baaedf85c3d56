#ifndef CLIENT_CLI_FILE_H_
#define CLIENT_CLI_FILE_H_

#include <string>
#include <string_view>

#include "absl/status/status.h"
#include "absl/status/statusor.h"

namespace ddskey::cli {

// ReadCertificates reads a regular file of PEM certificates with the caller's rights, at most 64 KiB. INVALID_ARGUMENT
// if it holds none, and if it holds a private key: that must not travel to the daemon with them.
absl::StatusOr<std::string> ReadCertificates(const std::string& path);

// ReadRevocationLists is the same for PEM certificate revocation lists, at most 8 MiB.
absl::StatusOr<std::string> ReadRevocationLists(const std::string& path);

// ReadPermissions is the same for a signed permissions document (S/MIME, DDS Security 9.4.1.1), at most 64 KiB.
absl::StatusOr<std::string> ReadPermissions(const std::string& path);

// ReadOcspResponse is the same for an OCSP response, DER, at most 16 KiB.
absl::StatusOr<std::string> ReadOcspResponse(const std::string& path);

// ReadDocument reads any other file of at most 64 KiB with the caller's rights. INVALID_ARGUMENT if it is larger.
absl::StatusOr<std::string> ReadDocument(const std::string& path);

// ReadLargeDocument is the same for at most 8 MiB.
absl::StatusOr<std::string> ReadLargeDocument(const std::string& path);

// ReadBackup reads a backup file with the caller's rights, at most 1 GiB.
absl::StatusOr<std::string> ReadBackup(const std::string& path);

// WriteNewFile makes the file `path`, which must not exist.
absl::Status WriteNewFile(const std::string& path, std::string_view content, unsigned mode = 0644);

}  // namespace ddskey::cli

#endif  // CLIENT_CLI_FILE_H_
