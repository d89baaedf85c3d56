#ifndef CLIENT_CLI_PRIVATE_KEY_FILE_H_
#define CLIENT_CLI_PRIVATE_KEY_FILE_H_

#include <functional>
#include <optional>
#include <string>

#include "absl/status/statusor.h"
#include "proto/contract/secret_bytes.h"

namespace ddskey::cli {

// PrivateKeyFile is what a file with a private key holds: one of both.
struct PrivateKeyFile {
  // PKCS#8 PrivateKeyInfo, DER, in the clear.
  std::optional<SecretBytes> pkcs8;
  // DER of a "TSS2 PRIVATE KEY"; nothing in it is secret.
  std::string tss2;
};

// ReadOwnersFile reads a file of 1 octet to 16 KiB as the owner of its folder would (S-14): a regular file of that
// owner, beneath that folder; no part of `path` is a symbolic link. For the superuser it takes that user's place while
// it opens it. `others_may_read`, unless null, is whether the file's mode lets others read it.
absl::StatusOr<SecretBytes> ReadOwnersFile(const std::string& path, bool* others_may_read = nullptr);

// ParsePrivateKeyFile reads a PEM document with one private key: PKCS#8, plain or encrypted, the older forms of EC and
// RSA keys, or TSS2. `passphrase` is asked if the key is encrypted. INVALID_ARGUMENT if there is no such key, or the
// passphrase is wrong; RESOURCE_EXHAUSTED if deriving the key from it would take more than seconds (S-13).
absl::StatusOr<PrivateKeyFile> ParsePrivateKeyFile(const SecretBytes& pem,
                                                   const std::function<absl::StatusOr<SecretBytes>()>& passphrase);

}  // namespace ddskey::cli

#endif  // CLIENT_CLI_PRIVATE_KEY_FILE_H_
