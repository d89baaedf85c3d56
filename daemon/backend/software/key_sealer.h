#ifndef DAEMON_BACKEND_SOFTWARE_KEY_SEALER_H_
#define DAEMON_BACKEND_SOFTWARE_KEY_SEALER_H_

#include <memory>
#include <string>
#include <string_view>
#include <utility>

#include "absl/status/statusor.h"
#include "daemon/backend/crypto_library.h"
#include "daemon/backend/key_backend.h"
#include "proto/contract/secret_bytes.h"

namespace ddskey::software {

// KeySealer turns private keys into blobs that only the same secret opens. A blob is
//
//   "DKS1" | secret id, 8 octets | salt, 32 random octets | AES-256-GCM ciphertext of the private key's DER | tag, 16
//
// under HKDF-SHA256(secret, salt, label): one key a blob, so the nonce is zero. What comes before the ciphertext, the
// algorithm, the purpose and the public key are authenticated with it: a blob cannot be given another label.
//
// The DER is only ever in SecretBytes. OpenSSL keeps the opened key in numbers of its own, on its secure heap if the
// process has one (CRYPTO_secure_malloc_init), else on the ordinary heap, which can be swapped out; it erases them when
// the key is freed. Thread-safe.
class KeySealer {
 public:
  // Create takes the secret of the installation; `library` must outlive the sealer.
  static absl::StatusOr<std::unique_ptr<KeySealer>> Create(const CryptoLibrary& library, SecretBytes secret);

  // Seal makes a blob of `key`, with everything that goes with it.
  absl::StatusOr<SealedKey> Seal(const EVP_PKEY& key, KeyAlgorithm algorithm, KeyPurpose purpose) const;

  // IsOwn says whether a blob was sealed under this secret, by the id that is written on it.
  bool IsOwn(std::string_view blob) const;

  // Unseal opens a blob. DATA_LOSS if it was sealed under another secret, damaged, or labelled anew.
  absl::StatusOr<EvpKey> Unseal(const SealedKey& sealed) const;

 private:
  KeySealer(const CryptoLibrary& library, SecretBytes secret, std::string secret_id)
      : library_(library), secret_(std::move(secret)), secret_id_(std::move(secret_id)) {}

  const CryptoLibrary& library_;
  const SecretBytes secret_;
  const std::string secret_id_;
};

}  // namespace ddskey::software

#endif  // DAEMON_BACKEND_SOFTWARE_KEY_SEALER_H_
