#include "daemon/backend/tpm2/templates.h"

#include <openssl/bn.h>
#include <openssl/core_names.h>
#include <openssl/ec.h>
#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/param_build.h>
#include <openssl/sha.h>
#include <tss2/tss2_mu.h>

#include <algorithm>
#include <array>
#include <cstring>
#include <memory>
#include <string_view>

#include "absl/status/status.h"
#include "absl/strings/str_cat.h"
#include "proto/contract/status_macros.h"

namespace ddskey::tpm {
namespace {

constexpr uint32_t kDefaultExponent = 65537;
constexpr size_t kCoordinate = 32;

struct OpenSslDeleter {
  void operator()(BIGNUM* number) const { BN_free(number); }
  void operator()(OSSL_PARAM_BLD* builder) const { OSSL_PARAM_BLD_free(builder); }
  void operator()(OSSL_PARAM* parameters) const { OSSL_PARAM_free(parameters); }
  void operator()(EVP_PKEY_CTX* context) const { EVP_PKEY_CTX_free(context); }
  void operator()(ECDSA_SIG* signature) const { ECDSA_SIG_free(signature); }
};
template <typename T>
using Owned = std::unique_ptr<T, OpenSslDeleter>;

// Marshalled is the wire form, which is empty if `key` is not well formed.
std::string Marshalled(const TPM2B_PUBLIC& key) {
  std::array<uint8_t, sizeof(TPM2B_PUBLIC)> octets;
  size_t size = 0;
  if (Tss2_MU_TPM2B_PUBLIC_Marshal(&key, octets.data(), octets.size(), &size) != TSS2_RC_SUCCESS) return "";
  return {reinterpret_cast<char*>(octets.data()), size};
}

absl::StatusOr<std::string> InfoFrom(const CryptoLibrary& library, const char* type, OSSL_PARAM_BLD* builder) {
  const Owned<OSSL_PARAM> parameters(OSSL_PARAM_BLD_to_param(builder));
  const Owned<EVP_PKEY_CTX> context(EVP_PKEY_CTX_new_from_name(library.context(), type, nullptr));
  EVP_PKEY* key = nullptr;
  const bool made = parameters != nullptr && context != nullptr && EVP_PKEY_fromdata_init(context.get()) == 1 &&
                    EVP_PKEY_fromdata(context.get(), &key, EVP_PKEY_PUBLIC_KEY, parameters.get()) == 1;
  ERR_clear_error();
  if (!made) return absl::InternalError("the TPM gave a public key that OpenSSL does not take");
  return library.PublicKeyInfo(*EvpKey(key));
}

// AppendCoordinate adds a TPM's number, which may lack its leading zeros, in `size` octets; false if it is longer.
bool AppendCoordinate(const TPM2B_ECC_PARAMETER& number, size_t size, std::string& out) {
  if (number.size > size) return false;
  out.append(size - number.size, '\0').append(reinterpret_cast<const char*>(number.buffer), number.size);
  return true;
}

absl::StatusOr<std::string> EcInfo(const CryptoLibrary& library, TPMI_ECC_CURVE curve, const TPMS_ECC_POINT& point) {
  const KeyAlgorithm algorithm = curve == TPM2_ECC_NIST_P384 ? KeyAlgorithm::kEcP384 : KeyAlgorithm::kEcP256;
  const size_t size = static_cast<size_t>(KeyBits(algorithm)) / 8;
  std::string octets(1, POINT_CONVERSION_UNCOMPRESSED);
  if (!AppendCoordinate(point.x, size, octets) || !AppendCoordinate(point.y, size, octets)) {
    return absl::InternalError("the TPM gave a public key that is not on its curve");
  }
  const std::string group = CurveName(algorithm);
  const Owned<OSSL_PARAM_BLD> builder(OSSL_PARAM_BLD_new());
  OSSL_PARAM_BLD_push_utf8_string(builder.get(), OSSL_PKEY_PARAM_GROUP_NAME, group.c_str(), 0);
  OSSL_PARAM_BLD_push_octet_string(builder.get(), OSSL_PKEY_PARAM_PUB_KEY, octets.data(), octets.size());
  return InfoFrom(library, "EC", builder.get());
}

absl::StatusOr<std::string> RsaInfo(const CryptoLibrary& library, const TPM2B_PUBLIC_KEY_RSA& modulus) {
  const Owned<BIGNUM> n(BN_bin2bn(modulus.buffer, modulus.size, nullptr));
  const Owned<BIGNUM> e(BN_new());
  BN_set_word(e.get(), kDefaultExponent);
  const Owned<OSSL_PARAM_BLD> builder(OSSL_PARAM_BLD_new());
  OSSL_PARAM_BLD_push_BN(builder.get(), OSSL_PKEY_PARAM_RSA_N, n.get());
  OSSL_PARAM_BLD_push_BN(builder.get(), OSSL_PKEY_PARAM_RSA_E, e.get());
  return InfoFrom(library, "RSA", builder.get());
}

std::optional<Signature> EcdsaSignature(const TPMS_SIGNATURE_ECC& raw) {
  BIGNUM* r = BN_bin2bn(raw.signatureR.buffer, raw.signatureR.size, nullptr);
  BIGNUM* s = BN_bin2bn(raw.signatureS.buffer, raw.signatureS.size, nullptr);
  const Owned<ECDSA_SIG> signature(ECDSA_SIG_new());
  if (signature == nullptr || ECDSA_SIG_set0(signature.get(), r, s) != 1) {
    BN_free(r);
    BN_free(s);
    return std::nullopt;
  }
  uint8_t* der = nullptr;
  const int size = i2d_ECDSA_SIG(signature.get(), &der);
  if (size <= 0) return std::nullopt;
  Signature result{std::string(reinterpret_cast<char*>(der), size)};
  OPENSSL_free(der);
  return result;
}

// IsLike tells whether `key` is `expected` but for the public key itself.
bool IsLike(const TPM2B_PUBLIC& key, TPM2B_PUBLIC expected) {
  if (key.publicArea.type != expected.publicArea.type) return false;
  expected.publicArea.unique = key.publicArea.unique;
  const std::string octets = Marshalled(expected);
  return !octets.empty() && octets == Marshalled(key);
}

}  // namespace

TPM2B_PUBLIC SrkTemplate() {
  TPM2B_PUBLIC result = {};
  TPMT_PUBLIC& area = result.publicArea;
  area.type = TPM2_ALG_ECC;
  area.nameAlg = TPM2_ALG_SHA256;
  area.objectAttributes = TPMA_OBJECT_FIXEDTPM | TPMA_OBJECT_FIXEDPARENT | TPMA_OBJECT_SENSITIVEDATAORIGIN |
                          TPMA_OBJECT_USERWITHAUTH | TPMA_OBJECT_NODA | TPMA_OBJECT_RESTRICTED | TPMA_OBJECT_DECRYPT;
  TPMS_ECC_PARMS& parameters = area.parameters.eccDetail;
  parameters.symmetric.algorithm = TPM2_ALG_AES;
  parameters.symmetric.keyBits.aes = 128;
  parameters.symmetric.mode.aes = TPM2_ALG_CFB;
  parameters.scheme.scheme = TPM2_ALG_NULL;
  parameters.curveID = TPM2_ECC_NIST_P256;
  parameters.kdf.scheme = TPM2_ALG_NULL;
  area.unique.ecc.x.size = kCoordinate;
  area.unique.ecc.y.size = kCoordinate;
  return result;
}

TPM2B_PUBLIC KeyTemplate(KeyAlgorithm algorithm, KeyPurpose purpose) {
  TPM2B_PUBLIC result = {};
  TPMT_PUBLIC& area = result.publicArea;
  area.nameAlg = TPM2_ALG_SHA256;
  area.objectAttributes = TPMA_OBJECT_FIXEDTPM | TPMA_OBJECT_FIXEDPARENT | TPMA_OBJECT_SENSITIVEDATAORIGIN |
                          TPMA_OBJECT_USERWITHAUTH | TPMA_OBJECT_NODA | TPMA_OBJECT_SIGN_ENCRYPT;
  const std::string label = absl::StrCat("ddskey/tpm2/purpose/1/", std::string(PurposeName(purpose)));
  area.authPolicy.size = SHA256_DIGEST_LENGTH;
  EVP_Digest(label.data(), label.size(), area.authPolicy.buffer, nullptr, EVP_sha256(), nullptr);
  if (!IsRsa(algorithm)) {
    area.type = TPM2_ALG_ECC;
    TPMS_ECC_PARMS& parameters = area.parameters.eccDetail;
    parameters.symmetric.algorithm = TPM2_ALG_NULL;
    parameters.scheme.scheme = TPM2_ALG_NULL;
    parameters.curveID = algorithm == KeyAlgorithm::kEcP384 ? TPM2_ECC_NIST_P384 : TPM2_ECC_NIST_P256;
    parameters.kdf.scheme = TPM2_ALG_NULL;
  } else {
    area.type = TPM2_ALG_RSA;
    TPMS_RSA_PARMS& parameters = area.parameters.rsaDetail;
    parameters.symmetric.algorithm = TPM2_ALG_NULL;
    parameters.scheme.scheme = TPM2_ALG_NULL;
    parameters.keyBits = static_cast<TPMI_RSA_KEY_BITS>(KeyBits(algorithm));
  }
  return result;
}

TPM2B_PUBLIC BoundKeyTemplate(KeyAlgorithm algorithm, const TPM2B_DIGEST& policy) {
  TPM2B_PUBLIC result = KeyTemplate(algorithm, KeyPurpose::kHandshake);
  result.publicArea.objectAttributes &= ~TPMA_OBJECT_USERWITHAUTH;
  result.publicArea.authPolicy = policy;
  return result;
}

bool IsFromTemplate(const TPM2B_PUBLIC& key, KeyAlgorithm algorithm, KeyPurpose purpose) {
  return IsLike(key, KeyTemplate(algorithm, purpose));
}

bool IsFromBoundTemplate(const TPM2B_PUBLIC& key, KeyAlgorithm algorithm, const TPM2B_DIGEST& policy) {
  return IsLike(key, BoundKeyTemplate(algorithm, policy));
}

bool IsUsableParent(const TPM2B_PUBLIC& key) {
  constexpr TPMA_OBJECT kSet = TPMA_OBJECT_FIXEDTPM | TPMA_OBJECT_FIXEDPARENT | TPMA_OBJECT_RESTRICTED |
                               TPMA_OBJECT_DECRYPT | TPMA_OBJECT_USERWITHAUTH | TPMA_OBJECT_NODA;
  constexpr TPMA_OBJECT kClear = TPMA_OBJECT_SIGN_ENCRYPT;
  const TPMT_PUBLIC& area = key.publicArea;
  if ((area.objectAttributes & (kSet | kClear)) != kSet) return false;
  if (area.nameAlg != TPM2_ALG_SHA256 && area.nameAlg != TPM2_ALG_SHA384 && area.nameAlg != TPM2_ALG_SHA512) {
    return false;
  }
  if (area.type == TPM2_ALG_ECC) {
    const TPMI_ECC_CURVE curve = area.parameters.eccDetail.curveID;
    return curve == TPM2_ECC_NIST_P256 || curve == TPM2_ECC_NIST_P384;
  }
  const UINT32 exponent = area.parameters.rsaDetail.exponent;
  return area.type == TPM2_ALG_RSA && (exponent == 0 || exponent == kDefaultExponent);
}

absl::StatusOr<std::string> PublicKeyInfo(const CryptoLibrary& library, const TPM2B_PUBLIC& key) {
  if (key.publicArea.type == TPM2_ALG_ECC) {
    return EcInfo(library, key.publicArea.parameters.eccDetail.curveID, key.publicArea.unique.ecc);
  }
  return RsaInfo(library, key.publicArea.unique.rsa);
}

TPMT_SIG_SCHEME SchemeOf(SignatureScheme scheme) {
  TPMT_SIG_SCHEME result = {};
  switch (FamilyOf(scheme)) {
    case SignatureFamily::kEcdsa:
      result.scheme = TPM2_ALG_ECDSA;
      break;
    case SignatureFamily::kRsaPss:
      result.scheme = TPM2_ALG_RSAPSS;
      break;
    case SignatureFamily::kRsaPkcs1:
      result.scheme = TPM2_ALG_RSASSA;
      break;
  }
  result.details.any.hashAlg = UsesSha384(scheme) ? TPM2_ALG_SHA384 : TPM2_ALG_SHA256;
  return result;
}

std::optional<Signature> ToSignature(const TPMT_SIGNATURE& signature, SignatureScheme scheme) {
  if (signature.sigAlg != SchemeOf(scheme).scheme) return std::nullopt;
  if (FamilyOf(scheme) == SignatureFamily::kEcdsa) return EcdsaSignature(signature.signature.ecdsa);
  const TPMS_SIGNATURE_RSA& raw =
      FamilyOf(scheme) == SignatureFamily::kRsaPss ? signature.signature.rsapss : signature.signature.rsassa;
  return Signature{std::string(reinterpret_cast<const char*>(raw.sig.buffer), raw.sig.size)};
}

}  // namespace ddskey::tpm
