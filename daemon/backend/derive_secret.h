#ifndef DAEMON_BACKEND_DERIVE_SECRET_H_
#define DAEMON_BACKEND_DERIVE_SECRET_H_

#include <string>
#include <string_view>

#include "absl/status/statusor.h"
#include "daemon/backend/crypto_library.h"
#include "proto/contract/secret_bytes.h"

namespace ddskey {

// DeriveSecret is HKDF-SHA256 (RFC 5869) with 32 octets of output; `label` is its info.
absl::StatusOr<SecretBytes> DeriveSecret(const CryptoLibrary& library, const SecretBytes& secret, std::string_view salt,
                                         std::string_view label);

// SecretId is 8 octets that tell secrets apart without giving anything of them away, so that what was sealed under
// another secret can be told from what is damaged.
absl::StatusOr<std::string> SecretId(const CryptoLibrary& library, const SecretBytes& secret);

// RandomOctets is `size` octets from OpenSSL's generator; for salts, not for secrets.
absl::StatusOr<std::string> RandomOctets(const CryptoLibrary& library, size_t size);

}  // namespace ddskey

#endif  // DAEMON_BACKEND_DERIVE_SECRET_H_
