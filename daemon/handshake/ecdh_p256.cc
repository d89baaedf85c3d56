#include "daemon/handshake/ecdh_p256.h"

#include <openssl/core_names.h>
#include <openssl/ec.h>
#include <openssl/sha.h>

#include <array>
#include <utility>

#include "daemon/handshake/check.h"
#include "daemon/handshake/evp_pointers.h"
#include "proto/contract/secret_access.h"
#include "proto/contract/status_macros.h"

namespace ddskey {
namespace {

constexpr size_t kScalarSize = 32;
constexpr size_t kPointSize = 65;
char kGroup[] = "prime256v1";

// Curve is a key with the parameters of P-256 and nothing else. It is made once: keys that copy it cost a third of
// those that look the curve up by its name. Null if OpenSSL fails.
EVP_PKEY* Curve() {
  static EVP_PKEY* const curve = [] {
    std::array<OSSL_PARAM, 2> params = {OSSL_PARAM_construct_utf8_string(OSSL_PKEY_PARAM_GROUP_NAME, kGroup, 0),
                                        OSSL_PARAM_construct_end()};
    const PkeyCtxPtr context(EVP_PKEY_CTX_new_from_name(nullptr, "EC", nullptr));
    EVP_PKEY* key = nullptr;
    if (context == nullptr || EVP_PKEY_fromdata_init(context.get()) != 1 ||
        EVP_PKEY_fromdata(context.get(), &key, EVP_PKEY_KEY_PARAMETERS, params.data()) != 1) {
      key = nullptr;
    }
    return key;
  }();
  return curve;
}

PkeyPtr GenerateKey() {
  const PkeyCtxPtr context(Curve() == nullptr ? nullptr : EVP_PKEY_CTX_new_from_pkey(nullptr, Curve(), nullptr));
  EVP_PKEY* key = nullptr;
  if (context == nullptr || EVP_PKEY_keygen_init(context.get()) != 1 || EVP_PKEY_generate(context.get(), &key) != 1) {
    return nullptr;
  }
  return PkeyPtr(key);
}

// FromPublic imports a point; OpenSSL refuses one that is not on the curve.
PkeyPtr FromPublic(std::string_view point) {
  PkeyPtr key(EVP_PKEY_new());
  if (key == nullptr || Curve() == nullptr || EVP_PKEY_copy_parameters(key.get(), Curve()) != 1 ||
      EVP_PKEY_set1_encoded_public_key(key.get(), reinterpret_cast<const unsigned char*>(point.data()), point.size()) !=
          1) {
    return nullptr;
  }
  return key;
}

PkeyPtr FromPrivate(std::span<const uint8_t> scalar, std::string_view point) {
  const BignumPtr number(BN_secure_new());
  const ParamBuildPtr build(OSSL_PARAM_BLD_new());
  if (number == nullptr || build == nullptr ||
      BN_bin2bn(scalar.data(), static_cast<int>(scalar.size()), number.get()) == nullptr ||
      OSSL_PARAM_BLD_push_utf8_string(build.get(), OSSL_PKEY_PARAM_GROUP_NAME, kGroup, 0) != 1 ||
      OSSL_PARAM_BLD_push_octet_string(build.get(), OSSL_PKEY_PARAM_PUB_KEY, point.data(), point.size()) != 1 ||
      OSSL_PARAM_BLD_push_BN(build.get(), OSSL_PKEY_PARAM_PRIV_KEY, number.get()) != 1) {
    return nullptr;
  }
  const ParamsPtr params(OSSL_PARAM_BLD_to_param(build.get()));
  const PkeyCtxPtr context(EVP_PKEY_CTX_new_from_name(nullptr, "EC", nullptr));
  EVP_PKEY* key = nullptr;
  if (params == nullptr || context == nullptr || EVP_PKEY_fromdata_init(context.get()) != 1 ||
      EVP_PKEY_fromdata(context.get(), &key, EVP_PKEY_KEYPAIR, params.get()) != 1) {
    return nullptr;
  }
  return PkeyPtr(key);
}

absl::StatusOr<PkeyPtr> CheckedPublic(std::string_view property, std::string_view point) {
  if (point.size() != kPointSize || point[0] != POINT_CONVERSION_UNCOMPRESSED) {
    return Refuse(property, "the public value is not an uncompressed point of P-256");
  }
  PkeyPtr key = FromPublic(point);
  if (key == nullptr) return Refuse(property, "the public value is not a point of P-256");
  // P-256 has cofactor 1: every point on the curve but infinity, which 65 octets cannot name, has the full order, so
  // the quick check is the whole of SP 800-56A 5.6.2.3.3.
  const PkeyCtxPtr context(EVP_PKEY_CTX_new_from_pkey(nullptr, key.get(), nullptr));
  if (context == nullptr || EVP_PKEY_public_check_quick(context.get()) != 1) {
    return Refuse(property, "the public value is not a point of P-256");
  }
  return key;
}

}  // namespace

absl::StatusOr<EphemeralKey> EcdhP256::Generate() const {
  const PkeyPtr key = GenerateKey();
  if (key == nullptr) return OpensslFailure("making an ephemeral key");
  BIGNUM* raw = nullptr;
  if (EVP_PKEY_get_bn_param(key.get(), OSSL_PKEY_PARAM_PRIV_KEY, &raw) != 1)
    return OpensslFailure("reading a private value");
  const BignumPtr number(raw);
  ASSIGN_OR_RETURN(SecretBytes scalar, SecretBytes::Allocate(kScalarSize));
  if (BN_bn2binpad(number.get(), scalar.Reveal(SecretAccess()).data(), kScalarSize) != kScalarSize) {
    return OpensslFailure("writing a private value");
  }
  std::string point(kPointSize, '\0');
  size_t size = 0;
  if (EVP_PKEY_get_octet_string_param(key.get(), OSSL_PKEY_PARAM_PUB_KEY,
                                      reinterpret_cast<unsigned char*>(point.data()), point.size(), &size) != 1 ||
      size != kPointSize) {
    return OpensslFailure("reading a public value");
  }
  return EphemeralKey{std::move(scalar), std::move(point)};
}

absl::StatusOr<EphemeralKey> EcdhP256::GenerateAnswer(std::string_view property, std::string_view public_value) const {
  RETURN_IF_ERROR(CheckedPublic(property, public_value).status());
  return Generate();
}

bool EcdhP256::Same(std::string_view a, std::string_view b) const { return a == b; }

absl::StatusOr<SecretBytes> EcdhP256::Derive(const SecretBytes& private_value, std::string_view own_public_value,
                                             std::string_view property, std::string_view public_value) const {
  ASSIGN_OR_RETURN(const PkeyPtr peer, CheckedPublic(property, public_value));
  const PkeyPtr own = FromPrivate(private_value.Reveal(SecretAccess()), own_public_value);
  if (own == nullptr) return OpensslFailure("loading an ephemeral key");
  const PkeyCtxPtr context(EVP_PKEY_CTX_new_from_pkey(nullptr, own.get(), nullptr));
  ASSIGN_OR_RETURN(SecretBytes agreed, SecretBytes::Allocate(kScalarSize));
  ASSIGN_OR_RETURN(SecretBytes hashed, SecretBytes::Allocate(SHA256_DIGEST_LENGTH));
  size_t size = kScalarSize;
  const std::span<uint8_t> z = agreed.Reveal(SecretAccess());
  if (context == nullptr || EVP_PKEY_derive_init(context.get()) != 1 ||
      EVP_PKEY_derive_set_peer_ex(context.get(), peer.get(), 0) != 1 ||
      EVP_PKEY_derive(context.get(), z.data(), &size) != 1 || size != kScalarSize) {
    return OpensslFailure("agreeing on a secret");
  }
  SHA256(z.data(), z.size(), hashed.Reveal(SecretAccess()).data());
  return hashed;
}

}  // namespace ddskey
