#ifndef CLIENT_CA_PASSPHRASE_H_
#define CLIENT_CA_PASSPHRASE_H_

#include <string>
#include <string_view>

#include "absl/status/statusor.h"
#include "proto/contract/secret_bytes.h"

namespace ddskey::ca {

// Passphrases have 8 to 1024 octets.

// ReadPassphraseFile reads the first line of a file that belongs to the caller, or to root, and that nobody else may
// read; of a pipe (/dev/fd/N) likewise. PERMISSION_DENIED otherwise.
absl::StatusOr<SecretBytes> ReadPassphraseFile(const std::string& path);

// PromptPassphrase asks for one at the terminal `terminal`, without showing what is typed. FAILED_PRECONDITION if it is
// no terminal.
absl::StatusOr<SecretBytes> PromptPassphrase(int terminal, std::string_view question);

}  // namespace ddskey::ca

#endif  // CLIENT_CA_PASSPHRASE_H_
