#include "daemon/backend/crypto_library.h"

#include <openssl/core_names.h>
#include <openssl/crypto.h>
#include <openssl/err.h>
#include <openssl/rsa.h>
#include <openssl/x509.h>

#include <array>
#include <memory>
#include <string>

#include "absl/strings/str_cat.h"

namespace ddskey {
namespace {

struct ContextDeleter {
  void operator()(EVP_PKEY_CTX* context) const { EVP_PKEY_CTX_free(context); }
};
using KeyContext = std::unique_ptr<EVP_PKEY_CTX, ContextDeleter>;

absl::Status OpenSslError(const char* doing) {
  std::array<char, 160> reason = {};
  ERR_error_string_n(ERR_peek_last_error(), reason.data(), reason.size());
  ERR_clear_error();
  return absl::InternalError(absl::StrCat(doing, " failed in OpenSSL: ", reason.data()));
}

const uint8_t* Octets(std::string_view text) { return reinterpret_cast<const uint8_t*>(text.data()); }

// SetScheme chooses the padding; the call has been checked to fit the key.
bool SetScheme(EVP_PKEY_CTX* context, SignatureScheme scheme) {
  const EVP_MD* const hash = UsesSha384(scheme) ? EVP_sha384() : EVP_sha256();
  switch (FamilyOf(scheme)) {
    case SignatureFamily::kEcdsa:
      return true;
    case SignatureFamily::kRsaPss:
      return EVP_PKEY_CTX_set_rsa_padding(context, RSA_PKCS1_PSS_PADDING) > 0 &&
             EVP_PKEY_CTX_set_signature_md(context, hash) > 0 && EVP_PKEY_CTX_set_rsa_mgf1_md(context, hash) > 0 &&
             EVP_PKEY_CTX_set_rsa_pss_saltlen(context, static_cast<int>(DigestSize(scheme))) > 0;
    case SignatureFamily::kRsaPkcs1:
      return EVP_PKEY_CTX_set_rsa_padding(context, RSA_PKCS1_PADDING) > 0 &&
             EVP_PKEY_CTX_set_signature_md(context, hash) > 0;
  }
  return false;
}

}  // namespace

absl::StatusOr<std::unique_ptr<CryptoLibrary>> CryptoLibrary::Create() {
  OSSL_LIB_CTX* context = OSSL_LIB_CTX_new();
  if (context == nullptr) return OpenSslError("making a library context");
  return std::unique_ptr<CryptoLibrary>(new CryptoLibrary(context));
}

CryptoLibrary::~CryptoLibrary() { OSSL_LIB_CTX_free(context_); }

absl::StatusOr<EvpKey> CryptoLibrary::Generate(KeyAlgorithm algorithm) const {
  EvpKey key(IsRsa(algorithm) ? EVP_PKEY_Q_keygen(context_, nullptr, "RSA", static_cast<size_t>(KeyBits(algorithm)))
                              : EVP_PKEY_Q_keygen(context_, nullptr, "EC", CurveName(algorithm).c_str()));
  if (key == nullptr) return OpenSslError("making a key");
  return key;
}

absl::StatusOr<std::string> CryptoLibrary::PublicKeyInfo(const EVP_PKEY& key) const {
  uint8_t* der = nullptr;
  const int size = i2d_PUBKEY(&key, &der);
  if (size <= 0) return OpenSslError("encoding a public key");
  std::string info(reinterpret_cast<char*>(der), size);
  OPENSSL_free(der);
  return info;
}

absl::StatusOr<EvpKey> CryptoLibrary::ParsePublicKeyInfo(KeyAlgorithm algorithm, std::string_view der) const {
  const uint8_t* at = Octets(der);
  EvpKey key(d2i_PUBKEY_ex(nullptr, &at, static_cast<long>(der.size()), context_, nullptr));
  ERR_clear_error();
  if (key == nullptr || at != Octets(der) + der.size() || !IsAlgorithm(*key, algorithm)) {
    return absl::InvalidArgumentError(
        absl::StrCat("this is not a public key of ", std::string(AlgorithmName(algorithm))));
  }
  return key;
}

absl::StatusOr<Signature> CryptoLibrary::Sign(EVP_PKEY& key, SignatureScheme scheme, std::string_view digest) const {
  const KeyContext context(EVP_PKEY_CTX_new_from_pkey(context_, &key, nullptr));
  if (context == nullptr || EVP_PKEY_sign_init(context.get()) <= 0 || !SetScheme(context.get(), scheme)) {
    return OpenSslError("preparing a signature");
  }
  std::array<uint8_t, 512> octets;
  size_t size = octets.size();
  if (EVP_PKEY_sign(context.get(), octets.data(), &size, Octets(digest), digest.size()) <= 0) {
    return OpenSslError("signing");
  }
  return Signature{std::string(reinterpret_cast<char*>(octets.data()), size)};
}

absl::Status CryptoLibrary::Verify(EVP_PKEY& key, SignatureScheme scheme, std::string_view digest,
                                   const Signature& signature) const {
  const KeyContext context(EVP_PKEY_CTX_new_from_pkey(context_, &key, nullptr));
  if (context == nullptr || EVP_PKEY_verify_init(context.get()) <= 0 || !SetScheme(context.get(), scheme)) {
    return OpenSslError("preparing the check of a signature");
  }
  const int verdict =
      EVP_PKEY_verify(context.get(), Octets(signature.octets), signature.octets.size(), Octets(digest), digest.size());
  ERR_clear_error();
  if (verdict != 1) return absl::InvalidArgumentError("the signature is not good");
  return absl::OkStatus();
}

bool IsAlgorithm(const EVP_PKEY& key, KeyAlgorithm algorithm) {
  if (IsRsa(algorithm)) return EVP_PKEY_is_a(&key, "RSA") == 1 && EVP_PKEY_get_bits(&key) == KeyBits(algorithm);
  std::array<char, 32> group = {};
  size_t size = 0;
  return EVP_PKEY_is_a(&key, "EC") == 1 &&
         EVP_PKEY_get_utf8_string_param(&key, OSSL_PKEY_PARAM_GROUP_NAME, group.data(), group.size(), &size) == 1 &&
         std::string_view(group.data(), size) == CurveName(algorithm);
}

}  // namespace ddskey
