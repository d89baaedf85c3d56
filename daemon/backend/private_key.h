#ifndef DAEMON_BACKEND_PRIVATE_KEY_H_
#define DAEMON_BACKEND_PRIVATE_KEY_H_

#include "absl/status/statusor.h"
#include "daemon/backend/crypto_library.h"
#include "proto/contract/algorithm.h"
#include "proto/contract/secret_bytes.h"

namespace ddskey {

// PrivateKey is a private key in the clear, and what it is.
struct PrivateKey {
  EvpKey key;
  KeyAlgorithm algorithm = KeyAlgorithm::kEcP256;
};

// ParsePrivateKey reads a key that came from outside: PKCS#8 PrivateKeyInfo (RFC 5208), DER, not encrypted, and nothing
// else. INVALID_ARGUMENT unless it is one of our algorithms (EC on the named curve, RSA with the exponent 65537, which
// is all that TPMs take), and its private part belongs to its public one. The key is in numbers of OpenSSL, which
// erases them when it is freed.
absl::StatusOr<PrivateKey> ParsePrivateKey(const CryptoLibrary& library, const SecretBytes& der);

}  // namespace ddskey

#endif  // DAEMON_BACKEND_PRIVATE_KEY_H_
