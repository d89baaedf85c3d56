#ifndef CLIENT_CA_PASSPHRASE_H_
#define CLIENT_CA_PASSPHRASE_H_

#include <cstddef>
#include <string>
#include <string_view>

#include "absl/status/statusor.h"
#include "proto/contract/secret_bytes.h"

namespace ddskey::ca {

// kShortestPassphrase is for those that are made up here; a passphrase that exists may be shorter. All have at most
// 1024 octets.
inline constexpr size_t kShortestPassphrase = 8;

// ReadPassphraseFile reads the first line of a file that belongs to the caller, or to root, and that nobody else may
// read; of a pipe (/dev/fd/N) likewise. PERMISSION_DENIED otherwise.
absl::StatusOr<SecretBytes> ReadPassphraseFile(const std::string& path, size_t shortest = kShortestPassphrase);

// ReadSecretFile reads all of such a file, 1 to 4096 octets.
absl::StatusOr<SecretBytes> ReadSecretFile(const std::string& path);

// PromptPassphrase asks for one at the terminal `terminal`, without showing what is typed. FAILED_PRECONDITION if it is
// no terminal.
absl::StatusOr<SecretBytes> PromptPassphrase(int terminal, std::string_view question,
                                             size_t shortest = kShortestPassphrase);

}  // namespace ddskey::ca

#endif  // CLIENT_CA_PASSPHRASE_H_
