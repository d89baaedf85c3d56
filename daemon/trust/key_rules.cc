#include "daemon/trust/key_rules.h"

#include <openssl/core_names.h>
#include <openssl/evp.h>
#include <openssl/x509.h>

#include <algorithm>
#include <initializer_list>
#include <string>
#include <string_view>

#include "absl/strings/str_cat.h"
#include "daemon/trust/openssl.h"

namespace ddskey::trust {
namespace {

constexpr int kSmallestRsa = 2048;
constexpr int kLargestRsa = 4096;
constexpr int kLargestExponentBits = 33;
constexpr unsigned long kSmallestExponent = 65537;

bool IsGoodRsa(EVP_PKEY* key) {
  const int bits = EVP_PKEY_get_bits(key);
  BIGNUM* number = nullptr;
  if (EVP_PKEY_get_bn_param(key, OSSL_PKEY_PARAM_RSA_E, &number) != 1) return false;
  const OpensslPtr<BIGNUM> exponent(number);
  return bits >= kSmallestRsa && bits <= kLargestRsa && BN_is_odd(number) &&
         BN_num_bits(number) <= kLargestExponentBits && BN_get_word(number) >= kSmallestExponent;
}

absl::Status Check(const Certificate& certificate, std::initializer_list<std::string_view> curves,
                   std::string_view curve_names) {
  EVP_PKEY* const key = X509_get0_pubkey(certificate.x509());
  const std::string& name = certificate.token_algorithm();
  const bool good =
      key != nullptr &&
      (EVP_PKEY_is_a(key, "RSA") ? IsGoodRsa(key) : std::find(curves.begin(), curves.end(), name) != curves.end());
  TakeError();
  if (good) return absl::OkStatus();
  return absl::InvalidArgumentError(
      absl::StrCat("the certificate of ", PrintableText(certificate.subject()), " has a key that is not accepted (",
                   name.empty() ? "unreadable" : PrintableText(name), "): EC on the named curve ",
                   std::string(curve_names), " or RSA of 2048 to 4096 bits with an exponent of 65537 or more"));
}

}  // namespace

absl::Status CheckParticipantKey(const Certificate& certificate) {
  return Check(certificate, {"EC-prime256v1", "EC-secp384r1"}, "P-256 or P-384");
}

absl::Status CheckAuthorityKey(const Certificate& certificate) {
  return Check(certificate, {"EC-prime256v1", "EC-secp384r1", "EC-secp521r1"}, "P-256, P-384 or P-521");
}

}  // namespace ddskey::trust
