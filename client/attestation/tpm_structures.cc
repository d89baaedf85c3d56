#include "client/attestation/tpm_structures.h"

#include <openssl/core_names.h>
#include <openssl/err.h>
#include <openssl/param_build.h>
#include <tss2/tss2_mu.h>

#include <array>
#include <memory>

#include "absl/strings/str_cat.h"

namespace ddskey::attestation {
namespace {

using ca::OpensslPtr;

constexpr unsigned long kExponent = 65537;
// Larger than any of them.
constexpr size_t kLargest = 4096;

struct ParameterDelete {
  void operator()(OSSL_PARAM_BLD* builder) const { OSSL_PARAM_BLD_free(builder); }
  void operator()(OSSL_PARAM* parameters) const { OSSL_PARAM_free(parameters); }
};

// Marshal writes `structure` with one of the library's functions; empty if it has no form.
template <typename T, typename Function>
std::string Marshal(const T& structure, Function marshal) {
  std::array<uint8_t, kLargest> octets;
  size_t size = 0;
  if (marshal(&structure, octets.data(), octets.size(), &size) != TSS2_RC_SUCCESS) return "";
  return {reinterpret_cast<char*>(octets.data()), size};
}

// Parse reads one, and sees that it would be written so: the library forgives sizes that contradict what they count.
template <typename T, typename Read, typename Write>
absl::StatusOr<T> Parse(std::string_view octets, std::string_view what, Read read, Write write) {
  T structure = {};
  size_t at = 0;
  if (!octets.empty() && octets.size() <= kLargest &&
      read(reinterpret_cast<const uint8_t*>(octets.data()), octets.size(), &at, &structure) == TSS2_RC_SUCCESS &&
      at == octets.size() && Marshal(structure, write) == octets) {
    return structure;
  }
  return absl::InvalidArgumentError(absl::StrCat(std::string(what), " cannot be read"));
}

absl::StatusOr<OpensslPtr<EVP_PKEY>> KeyFrom(const char* type, OSSL_PARAM_BLD* builder, std::string_view what) {
  const std::unique_ptr<OSSL_PARAM, ParameterDelete> parameters(OSSL_PARAM_BLD_to_param(builder));
  const OpensslPtr<EVP_PKEY_CTX> context(EVP_PKEY_CTX_new_from_name(ca::Library(), type, nullptr));
  EVP_PKEY* key = nullptr;
  const bool made = parameters != nullptr && context != nullptr && EVP_PKEY_fromdata_init(context.get()) == 1 &&
                    EVP_PKEY_fromdata(context.get(), &key, EVP_PKEY_PUBLIC_KEY, parameters.get()) == 1;
  OpensslPtr<EVP_PKEY> owned(key);
  const OpensslPtr<EVP_PKEY_CTX> checking(made ? EVP_PKEY_CTX_new_from_pkey(ca::Library(), owned.get(), nullptr)
                                               : nullptr);
  const bool good = checking != nullptr && EVP_PKEY_public_check(checking.get()) == 1;
  ERR_clear_error();
  if (!good) return absl::InvalidArgumentError(absl::StrCat(std::string(what), " is no key"));
  return owned;
}

absl::StatusOr<OpensslPtr<EVP_PKEY>> EcKey(const TPMT_PUBLIC& area, std::string_view what) {
  const TPMI_ECC_CURVE curve = area.parameters.eccDetail.curveID;
  const size_t size = curve == TPM2_ECC_NIST_P384 ? 48 : 32;
  std::string point(1, POINT_CONVERSION_UNCOMPRESSED);
  for (const TPM2B_ECC_PARAMETER& number : {area.unique.ecc.x, area.unique.ecc.y}) {
    if (number.size > size || (curve != TPM2_ECC_NIST_P256 && curve != TPM2_ECC_NIST_P384)) {
      return absl::InvalidArgumentError(absl::StrCat(std::string(what), " is on no curve that is known here"));
    }
    point.append(size - number.size, '\0').append(Text(number));
  }
  const std::unique_ptr<OSSL_PARAM_BLD, ParameterDelete> builder(OSSL_PARAM_BLD_new());
  OSSL_PARAM_BLD_push_utf8_string(builder.get(), OSSL_PKEY_PARAM_GROUP_NAME,
                                  curve == TPM2_ECC_NIST_P384 ? "P-384" : "P-256", 0);
  OSSL_PARAM_BLD_push_octet_string(builder.get(), OSSL_PKEY_PARAM_PUB_KEY, point.data(), point.size());
  return KeyFrom("EC", builder.get(), what);
}

absl::StatusOr<OpensslPtr<EVP_PKEY>> RsaKey(const TPMT_PUBLIC& area, std::string_view what) {
  const TPM2B_PUBLIC_KEY_RSA& modulus = area.unique.rsa;
  const UINT32 exponent = area.parameters.rsaDetail.exponent;
  if (modulus.size * 8 != area.parameters.rsaDetail.keyBits || modulus.size < 256 || modulus.size > 512 ||
      (exponent != 0 && exponent != kExponent)) {
    return absl::InvalidArgumentError(absl::StrCat(std::string(what), " is no RSA key of a known form"));
  }
  const OpensslPtr<BIGNUM> n(BN_bin2bn(modulus.buffer, modulus.size, nullptr));
  const OpensslPtr<BIGNUM> e(BN_new());
  BN_set_word(e.get(), kExponent);
  const std::unique_ptr<OSSL_PARAM_BLD, ParameterDelete> builder(OSSL_PARAM_BLD_new());
  OSSL_PARAM_BLD_push_BN(builder.get(), OSSL_PKEY_PARAM_RSA_N, n.get());
  OSSL_PARAM_BLD_push_BN(builder.get(), OSSL_PKEY_PARAM_RSA_E, e.get());
  return KeyFrom("RSA", builder.get(), what);
}

}  // namespace

absl::StatusOr<TPMT_PUBLIC> ParsePublic(std::string_view octets, std::string_view what) {
  return Parse<TPMT_PUBLIC>(octets, what, &Tss2_MU_TPMT_PUBLIC_Unmarshal, &Tss2_MU_TPMT_PUBLIC_Marshal);
}

absl::StatusOr<TPMS_ATTEST> ParseAttest(std::string_view octets, std::string_view what) {
  return Parse<TPMS_ATTEST>(octets, what, &Tss2_MU_TPMS_ATTEST_Unmarshal, &Tss2_MU_TPMS_ATTEST_Marshal);
}

absl::StatusOr<TPMT_SIGNATURE> ParseSignature(std::string_view octets, std::string_view what) {
  return Parse<TPMT_SIGNATURE>(octets, what, &Tss2_MU_TPMT_SIGNATURE_Unmarshal, &Tss2_MU_TPMT_SIGNATURE_Marshal);
}

std::string MarshalPublic(const TPMT_PUBLIC& area) { return Marshal(area, &Tss2_MU_TPMT_PUBLIC_Marshal); }

std::string MarshalPoint(const TPMS_ECC_POINT& point) { return Marshal(point, &Tss2_MU_TPMS_ECC_POINT_Marshal); }

std::string NameOf(const TPMT_PUBLIC& area) {
  std::string name = {static_cast<char>(TPM2_ALG_SHA256 >> 8), static_cast<char>(TPM2_ALG_SHA256 & 0xff)};
  return name + Sha256(MarshalPublic(area));
}

absl::StatusOr<OpensslPtr<EVP_PKEY>> KeyOf(const TPMT_PUBLIC& area, std::string_view what) {
  if (area.type == TPM2_ALG_ECC) return EcKey(area, what);
  if (area.type == TPM2_ALG_RSA) return RsaKey(area, what);
  return absl::InvalidArgumentError(absl::StrCat(std::string(what), " is neither EC nor RSA"));
}

std::string KeyDigest(const EVP_PKEY* key) {
  unsigned char* octets = nullptr;
  const int size = i2d_PUBKEY(key, &octets);
  if (size <= 0) return "";
  const std::string digest = Sha256({reinterpret_cast<char*>(octets), static_cast<size_t>(size)});
  OPENSSL_free(octets);
  return digest;
}

std::string Sha256(std::string_view octets) {
  std::string digest(32, '\0');
  size_t size = 0;
  EVP_Q_digest(ca::Library(), "SHA256", nullptr, octets.data(), octets.size(),
               reinterpret_cast<unsigned char*>(digest.data()), &size);
  return digest;
}

}  // namespace ddskey::attestation
