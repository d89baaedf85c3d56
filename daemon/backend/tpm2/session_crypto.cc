#include "daemon/backend/tpm2/session_crypto.h"

#include <openssl/core_names.h>
#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/params.h>

#include "absl/status/status.h"

namespace ddskey::tpm {
namespace {

absl::Status Failed() {
  ERR_clear_error();
  return absl::InternalError("the arithmetic of a TPM session failed in OpenSSL");
}

}  // namespace

absl::StatusOr<std::unique_ptr<SessionCrypto>> SessionCrypto::Create(const CryptoLibrary& library) {
  std::unique_ptr<SessionCrypto> crypto(new SessionCrypto());
  crypto->sha256_ = EVP_MD_fetch(library.context(), "SHA256", nullptr);
  crypto->hmac_ = EVP_MAC_fetch(library.context(), "HMAC", nullptr);
  crypto->aes_cfb_ = EVP_CIPHER_fetch(library.context(), "AES-128-CFB", nullptr);
  crypto->digest_ = EVP_MD_CTX_new();
  crypto->cipher_ = EVP_CIPHER_CTX_new();
  if (crypto->sha256_ == nullptr || crypto->hmac_ == nullptr || crypto->aes_cfb_ == nullptr ||
      crypto->digest_ == nullptr || crypto->cipher_ == nullptr) {
    return Failed();
  }
  crypto->mac_ = EVP_MAC_CTX_new(crypto->hmac_);
  std::array<char, 7> hash = {"SHA256"};
  const std::array<OSSL_PARAM, 2> parameters = {OSSL_PARAM_construct_utf8_string(OSSL_MAC_PARAM_DIGEST, hash.data(), 0),
                                                OSSL_PARAM_construct_end()};
  if (crypto->mac_ == nullptr || EVP_MAC_CTX_set_params(crypto->mac_, parameters.data()) != 1) return Failed();
  return crypto;
}

SessionCrypto::~SessionCrypto() {
  EVP_CIPHER_CTX_free(cipher_);
  EVP_MAC_CTX_free(mac_);
  EVP_MD_CTX_free(digest_);
  EVP_CIPHER_free(aes_cfb_);
  EVP_MAC_free(hmac_);
  EVP_MD_free(sha256_);
}

absl::StatusOr<SessionCrypto::Hash> SessionCrypto::Digest(std::initializer_list<Octets> parts) const {
  Hash hash;
  bool done = EVP_DigestInit_ex2(digest_, sha256_, nullptr) == 1;
  for (const Octets part : parts) done = done && EVP_DigestUpdate(digest_, part.data(), part.size()) == 1;
  if (!done || EVP_DigestFinal_ex(digest_, hash.data(), nullptr) != 1) return Failed();
  return hash;
}

absl::Status SessionCrypto::Hmac(Octets key, std::initializer_list<Octets> parts, std::span<uint8_t> out) const {
  // OpenSSL takes a null key for the one before.
  static constexpr uint8_t kNoKey = 0;
  bool done = EVP_MAC_init(mac_, key.empty() ? &kNoKey : key.data(), key.size(), nullptr) == 1;
  for (const Octets part : parts) done = done && EVP_MAC_update(mac_, part.data(), part.size()) == 1;
  size_t size = 0;
  if (!done || EVP_MAC_final(mac_, out.data(), &size, out.size()) != 1 || size != kHashSize) return Failed();
  return absl::OkStatus();
}

absl::Status SessionCrypto::Kdfa(Octets key, std::string_view label, Octets context_u, Octets context_v,
                                 std::span<uint8_t> out) const {
  // One block of HMAC is all that is asked for, so the counter is always 1; the label ends with a zero.
  constexpr std::array<uint8_t, 4> kCounter = {0, 0, 0, 1};
  constexpr std::array<uint8_t, 1> kZero = {0};
  constexpr std::array<uint8_t, 4> kBits = {0, 0, 1, 0};
  const Octets label_octets(reinterpret_cast<const uint8_t*>(label.data()), label.size());
  return Hmac(key, {kCounter, label_octets, kZero, context_u, context_v, kBits}, out);
}

absl::StatusOr<std::string> SessionCrypto::Cipher(Octets key_and_iv, Octets text, int encrypt) const {
  std::string result(text.size(), '\0');
  int size = 0;
  const bool done = EVP_CipherInit_ex2(cipher_, aes_cfb_, key_and_iv.data(), key_and_iv.data() + kCipherKeySize,
                                       encrypt, nullptr) == 1 &&
                    EVP_CipherUpdate(cipher_, reinterpret_cast<uint8_t*>(result.data()), &size, text.data(),
                                     static_cast<int>(text.size())) == 1;
  if (!done || static_cast<size_t>(size) != text.size()) return Failed();
  return result;
}

}  // namespace ddskey::tpm
