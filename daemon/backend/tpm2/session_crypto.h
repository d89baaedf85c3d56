#ifndef DAEMON_BACKEND_TPM2_SESSION_CRYPTO_H_
#define DAEMON_BACKEND_TPM2_SESSION_CRYPTO_H_

#include <openssl/types.h>

#include <array>
#include <cstdint>
#include <initializer_list>
#include <memory>
#include <span>
#include <string>
#include <string_view>

#include "absl/status/statusor.h"
#include "daemon/backend/crypto_library.h"

namespace ddskey::tpm {

// SessionCrypto is the arithmetic of a TPM session with SHA-256 and AES-128 (TPM 2.0 Part 1, 11.4 and 21). The
// algorithms are looked up once: looking them up for each command is what makes ESAPI's sessions slow. What fails in
// OpenSSL, for lack of memory, is INTERNAL. For one thread.
class SessionCrypto {
 public:
  static constexpr size_t kHashSize = 32;
  static constexpr size_t kCipherKeySize = 16;
  static constexpr size_t kCipherBlockSize = 16;
  using Octets = std::span<const uint8_t>;
  using Hash = std::array<uint8_t, kHashSize>;

  // Create takes the algorithms from `library`, which must outlive the result.
  static absl::StatusOr<std::unique_ptr<SessionCrypto>> Create(const CryptoLibrary& library);
  ~SessionCrypto();
  SessionCrypto(const SessionCrypto&) = delete;
  SessionCrypto& operator=(const SessionCrypto&) = delete;

  // Digest is SHA-256 of `parts`, one after the other.
  absl::StatusOr<Hash> Digest(std::initializer_list<Octets> parts) const;

  // Hmac is HMAC-SHA-256 of `parts`, one after the other, into `out`, of kHashSize.
  absl::Status Hmac(Octets key, std::initializer_list<Octets> parts, std::span<uint8_t> out) const;

  // Kdfa is KDFa with SHA-256 and 256 bits of output, into `out`, of kHashSize (TPM 2.0 Part 1, 11.4.10.2).
  absl::Status Kdfa(Octets key, std::string_view label, Octets context_u, Octets context_v,
                    std::span<uint8_t> out) const;

  // Encrypt and Decrypt do so with AES-128 in CFB mode; `key_and_iv` has 32 octets.
  absl::StatusOr<std::string> Encrypt(Octets key_and_iv, Octets text) const { return Cipher(key_and_iv, text, 1); }
  absl::StatusOr<std::string> Decrypt(Octets key_and_iv, Octets text) const { return Cipher(key_and_iv, text, 0); }

 private:
  SessionCrypto() = default;
  absl::StatusOr<std::string> Cipher(Octets key_and_iv, Octets text, int encrypt) const;

  EVP_MD* sha256_ = nullptr;
  EVP_MAC* hmac_ = nullptr;
  EVP_CIPHER* aes_cfb_ = nullptr;
  EVP_MD_CTX* digest_ = nullptr;
  // Knows its hash; each HMAC gives it a key.
  EVP_MAC_CTX* mac_ = nullptr;
  EVP_CIPHER_CTX* cipher_ = nullptr;
};

}  // namespace ddskey::tpm

#endif  // DAEMON_BACKEND_TPM2_SESSION_CRYPTO_H_
