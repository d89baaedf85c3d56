#ifndef DAEMON_BACKEND_CRYPTO_LIBRARY_H_
#define DAEMON_BACKEND_CRYPTO_LIBRARY_H_

#include <openssl/evp.h>
#include <openssl/types.h>

#include <memory>
#include <string>
#include <string_view>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "daemon/backend/key_backend.h"
#include "proto/contract/algorithm.h"

namespace ddskey {

// EvpKey owns an OpenSSL key.
struct EvpKeyDeleter {
  void operator()(EVP_PKEY* key) const { EVP_PKEY_free(key); }
};
using EvpKey = std::unique_ptr<EVP_PKEY, EvpKeyDeleter>;

// CryptoLibrary is what backends take from OpenSSL, in a library context of its own: no configuration file and nothing
// loaded into the default context reaches it (S-13). Thread-safe.
class CryptoLibrary {
 public:
  static absl::StatusOr<std::unique_ptr<CryptoLibrary>> Create();

  ~CryptoLibrary();
  CryptoLibrary(const CryptoLibrary&) = delete;
  CryptoLibrary& operator=(const CryptoLibrary&) = delete;

  // Generate makes a key pair; RSA takes a tenth of a second, more or less.
  absl::StatusOr<EvpKey> Generate(KeyAlgorithm algorithm) const;

  // PublicKeyInfo is the DER SubjectPublicKeyInfo of a key.
  absl::StatusOr<std::string> PublicKeyInfo(const EVP_PKEY& key) const;

  // ParsePublicKeyInfo is the inverse. INVALID_ARGUMENT unless `der` is one key of `algorithm` and nothing else.
  absl::StatusOr<EvpKey> ParsePublicKeyInfo(KeyAlgorithm algorithm, std::string_view der) const;

  // Sign signs a SHA-256 digest; CheckSign must have been OK.
  absl::StatusOr<Signature> Sign(EVP_PKEY& key, SignatureScheme scheme, std::string_view digest) const;

  // Verify is OK if `signature` is one of `digest` by `key`, else INVALID_ARGUMENT.
  absl::Status Verify(EVP_PKEY& key, SignatureScheme scheme, std::string_view digest, const Signature& signature) const;

  // context is for other calls of OpenSSL that take one.
  OSSL_LIB_CTX* context() const { return context_; }

 private:
  explicit CryptoLibrary(OSSL_LIB_CTX* context) : context_(context) {}

  OSSL_LIB_CTX* const context_;
};

// IsAlgorithm tells whether `key` is of type and size `algorithm`.
bool IsAlgorithm(const EVP_PKEY& key, KeyAlgorithm algorithm);

}  // namespace ddskey

#endif  // DAEMON_BACKEND_CRYPTO_LIBRARY_H_
