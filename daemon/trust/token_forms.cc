#include "daemon/trust/token_forms.h"

#include <openssl/core_names.h>
#include <openssl/ec.h>
#include <openssl/objects.h>

#include <array>
#include <memory>

#include "daemon/trust/openssl.h"

namespace ddskey {
namespace {

using trust::Der;
using trust::OpensslPtr;

// An uncompressed point of the largest curve that OpenSSL knows is shorter.
constexpr size_t kLargestPoint = 256;

struct SignatureDelete {
  void operator()(ECDSA_SIG* signature) const { ECDSA_SIG_free(signature); }
};

absl::Status NotOurs() { return absl::InvalidArgumentError("this is no public key of RSA or on a named curve"); }

const unsigned char* Octets(std::string_view text) { return reinterpret_cast<const unsigned char*>(text.data()); }

std::string BigEndian(const EVP_PKEY& key, const char* parameter) {
  BIGNUM* value = nullptr;
  if (EVP_PKEY_get_bn_param(&key, parameter, &value) != 1) return {};
  const OpensslPtr<BIGNUM> owned(value);
  std::string octets(static_cast<size_t>(BN_num_bytes(value)), '\0');
  BN_bn2bin(value, reinterpret_cast<unsigned char*>(octets.data()));
  return octets;
}

absl::StatusOr<PublicKeyParts> SplitEc(const EVP_PKEY& key) {
  std::array<char, 64> group = {};
  std::array<unsigned char, kLargestPoint> point = {};
  size_t size = 0;
  if (EVP_PKEY_get_utf8_string_param(&key, OSSL_PKEY_PARAM_GROUP_NAME, group.data(), group.size(), nullptr) != 1 ||
      EVP_PKEY_get_octet_string_param(&key, OSSL_PKEY_PARAM_PUB_KEY, point.data(), point.size(), &size) != 1) {
    return NotOurs();
  }
  const ASN1_OBJECT* const curve = OBJ_nid2obj(OBJ_txt2nid(group.data()));
  const std::unique_ptr<ASN1_OCTET_STRING, decltype(&ASN1_OCTET_STRING_free)> octets(ASN1_OCTET_STRING_new(),
                                                                                     &ASN1_OCTET_STRING_free);
  if (curve == nullptr || OBJ_length(curve) == 0 || octets == nullptr ||
      ASN1_OCTET_STRING_set(octets.get(), point.data(), static_cast<int>(size)) != 1) {
    return NotOurs();
  }
  PublicKeyParts parts;
  parts.ec_params = Der(curve, i2d_ASN1_OBJECT);
  parts.ec_point = Der(octets.get(), i2d_ASN1_OCTET_STRING);
  return parts;
}

}  // namespace

absl::StatusOr<PublicKeyParts> SplitPublicKey(std::string_view public_key) {
  const unsigned char* at = Octets(public_key);
  const OpensslPtr<EVP_PKEY> key(
      d2i_PUBKEY_ex(nullptr, &at, static_cast<long>(public_key.size()), trust::Library(), nullptr));
  trust::TakeError();
  if (key == nullptr || at != Octets(public_key) + public_key.size()) return NotOurs();
  if (EVP_PKEY_is_a(key.get(), "EC") == 1) return SplitEc(*key);
  if (EVP_PKEY_is_a(key.get(), "RSA") != 1) return NotOurs();
  PublicKeyParts parts;
  parts.modulus = BigEndian(*key, OSSL_PKEY_PARAM_RSA_N);
  parts.public_exponent = BigEndian(*key, OSSL_PKEY_PARAM_RSA_E);
  return parts;
}

CertificateParts SplitCertificate(const Certificate& certificate) {
  X509* const x509 = certificate.x509();
  return {Der(x509, i2d_X509), certificate.subject_der(), Der(X509_get_issuer_name(x509), i2d_X509_NAME),
          Der(X509_get0_serialNumber(x509), i2d_ASN1_INTEGER)};
}

absl::StatusOr<std::string> RawEcdsa(std::string_view signature, size_t size) {
  const unsigned char* at = Octets(signature);
  const std::unique_ptr<ECDSA_SIG, SignatureDelete> parsed(
      d2i_ECDSA_SIG(nullptr, &at, static_cast<long>(signature.size())));
  trust::TakeError();
  std::string raw(2 * size, '\0');
  unsigned char* const out = reinterpret_cast<unsigned char*>(raw.data());
  if (parsed == nullptr || BN_bn2binpad(ECDSA_SIG_get0_r(parsed.get()), out, static_cast<int>(size)) < 0 ||
      BN_bn2binpad(ECDSA_SIG_get0_s(parsed.get()), out + size, static_cast<int>(size)) < 0) {
    return absl::InternalError("the key device made no ECDSA signature of this curve");
  }
  return raw;
}

}  // namespace ddskey
