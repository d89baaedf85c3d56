#include "daemon/backend/private_key.h"

#include <openssl/bn.h>
#include <openssl/core_names.h>
#include <openssl/err.h>
#include <openssl/x509.h>

#include <algorithm>
#include <array>
#include <memory>
#include <span>
#include <string_view>

#include "absl/strings/str_cat.h"
#include "proto/contract/secret_access.h"

namespace ddskey {
namespace {

constexpr BN_ULONG kExponent = 65537;

struct Deleter {
  void operator()(BIGNUM* number) const { BN_free(number); }
  void operator()(EVP_PKEY_CTX* context) const { EVP_PKEY_CTX_free(context); }
  // Erases the private part.
  void operator()(PKCS8_PRIV_KEY_INFO* key) const { PKCS8_PRIV_KEY_INFO_free(key); }
};
template <typename T>
using Owned = std::unique_ptr<T, Deleter>;

absl::Status Wrong(const char* what) {
  ERR_clear_error();
  return absl::InvalidArgumentError(absl::StrCat("the private key ", what));
}

bool IsOnNamedCurve(const EVP_PKEY& key) {
  std::array<char, 32> encoding = {};
  size_t size = 0;
  return EVP_PKEY_get_utf8_string_param(&key, OSSL_PKEY_PARAM_EC_ENCODING, encoding.data(), encoding.size(), &size) ==
             1 &&
         std::string_view(encoding.data(), size) == OSSL_PKEY_EC_ENCODING_GROUP;
}

bool HasUsualExponent(const EVP_PKEY& key) {
  BIGNUM* exponent = nullptr;
  if (EVP_PKEY_get_bn_param(&key, OSSL_PKEY_PARAM_RSA_E, &exponent) != 1) return false;
  return BN_is_word(Owned<BIGNUM>(exponent).get(), kExponent) == 1;
}

}  // namespace

absl::StatusOr<PrivateKey> ParsePrivateKey(const CryptoLibrary& library, const SecretBytes& der) {
  const std::span<const uint8_t> octets = der.Reveal(SecretAccess());
  const uint8_t* at = octets.data();
  const Owned<PKCS8_PRIV_KEY_INFO> info(d2i_PKCS8_PRIV_KEY_INFO(nullptr, &at, static_cast<long>(octets.size())));
  if (info == nullptr || at != octets.data() + octets.size()) return Wrong("is no unencrypted PKCS#8 structure");
  PrivateKey result{EvpKey(EVP_PKCS82PKEY_ex(info.get(), library.context(), nullptr)), KeyAlgorithm::kEcP256};
  if (result.key == nullptr) return Wrong("cannot be read");
  const auto algorithm =
      std::ranges::find_if(kAllAlgorithms, [&](KeyAlgorithm one) { return IsAlgorithm(*result.key, one); });
  if (algorithm == kAllAlgorithms.end()) {
    ERR_clear_error();
    return absl::InvalidArgumentError(
        absl::StrCat("the private key is of no algorithm that is kept here: ", kAlgorithmNames));
  }
  result.algorithm = *algorithm;
  if (IsRsa(*algorithm) ? !HasUsualExponent(*result.key) : !IsOnNamedCurve(*result.key)) {
    return Wrong("has an unusual exponent or curve: RSA needs 65537, EC a named curve");
  }
  // One key has one SubjectPublicKeyInfo, however its file wrote the point: keys are told apart by it.
  if (!IsRsa(*algorithm) && EVP_PKEY_set_utf8_string_param(result.key.get(), OSSL_PKEY_PARAM_EC_POINT_CONVERSION_FORMAT,
                                                           OSSL_PKEY_EC_POINT_CONVERSION_FORMAT_UNCOMPRESSED) != 1) {
    return Wrong("cannot be read");
  }
  const Owned<EVP_PKEY_CTX> context(EVP_PKEY_CTX_new_from_pkey(library.context(), result.key.get(), nullptr));
  if (context == nullptr || EVP_PKEY_check(context.get()) != 1) return Wrong("does not belong to its public key");
  ERR_clear_error();
  return result;
}

}  // namespace ddskey
