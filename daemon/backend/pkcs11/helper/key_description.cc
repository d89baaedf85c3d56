#include "daemon/backend/pkcs11/helper/key_description.h"

#include <openssl/core_names.h>
#include <openssl/evp.h>
#include <openssl/param_build.h>
#include <openssl/x509.h>

#include <algorithm>
#include <memory>
#include <optional>
#include <utility>
#include <vector>

#include "proto/contract/status_macros.h"

namespace ddskey::pkcs11 {
namespace {

template <auto Free>
struct Deleter {
  template <typename T>
  void operator()(T* object) const {
    Free(object);
  }
};
using KeyContext = std::unique_ptr<EVP_PKEY_CTX, Deleter<EVP_PKEY_CTX_free>>;
using Certificate = std::unique_ptr<X509, Deleter<X509_free>>;
using Builder = std::unique_ptr<OSSL_PARAM_BLD, Deleter<OSSL_PARAM_BLD_free>>;
using Params = std::unique_ptr<OSSL_PARAM, Deleter<OSSL_PARAM_free>>;
using Number = std::unique_ptr<BIGNUM, Deleter<BN_free>>;

constexpr size_t kMaxName = 64;

const unsigned char* Bytes(const std::string& text) { return reinterpret_cast<const unsigned char*>(text.data()); }

absl::Status NoKeyOfOurs() {
  return absl::FailedPreconditionError(
      "the public key of that label is none on P-256 or P-384, and none of RSA with 2,048 or 3,072 bits");
}

absl::StatusOr<EvpKey> KeyFrom(const CryptoLibrary& library, const char* type, OSSL_PARAM_BLD* builder) {
  const Params params(OSSL_PARAM_BLD_to_param(builder));
  const KeyContext context(EVP_PKEY_CTX_new_from_name(library.context(), type, nullptr));
  EVP_PKEY* key = nullptr;
  if (params == nullptr || context == nullptr || EVP_PKEY_fromdata_init(context.get()) <= 0 ||
      EVP_PKEY_fromdata(context.get(), &key, EVP_PKEY_PUBLIC_KEY, params.get()) <= 0) {
    return NoKeyOfOurs();
  }
  return EvpKey(key);
}

// The DER of CKA_EC_PARAMS: an object identifier, or by some tokens the curve's name.
const char* CurveOf(const std::string& params) {
  static const std::string kP256("\x06\x08\x2a\x86\x48\xce\x3d\x03\x01\x07", 10);
  static const std::string kP384("\x06\x05\x2b\x81\x04\x00\x22", 7);
  if (params == kP256) return "prime256v1";
  return params == kP384 ? "secp384r1" : nullptr;
}

// CKA_EC_POINT is an OCTET STRING with the point; some tokens leave the wrapping out.
std::string PointOf(const std::string& value) {
  const auto octet = [&value](size_t i) { return static_cast<unsigned char>(value[i]); };
  constexpr unsigned char kOctetString = 0x04;
  if (value.size() > 2 && octet(0) == kOctetString && octet(1) == value.size() - 2) return value.substr(2);
  return value;
}

absl::StatusOr<EvpKey> EcKey(const ObjectView& view, const CryptoLibrary& library, CK_OBJECT_HANDLE object) {
  ASSIGN_OR_RETURN(const auto params, view.Octets(object, CKA_EC_PARAMS));
  ASSIGN_OR_RETURN(const auto value, view.Octets(object, CKA_EC_POINT));
  const char* const curve = CurveOf(params.value_or(""));
  if (curve == nullptr || !value.has_value()) return NoKeyOfOurs();
  const std::string point = PointOf(*value);
  const Builder builder(OSSL_PARAM_BLD_new());
  if (builder == nullptr || OSSL_PARAM_BLD_push_utf8_string(builder.get(), OSSL_PKEY_PARAM_GROUP_NAME, curve, 0) != 1 ||
      OSSL_PARAM_BLD_push_octet_string(builder.get(), OSSL_PKEY_PARAM_PUB_KEY, point.data(), point.size()) != 1) {
    return NoKeyOfOurs();
  }
  return KeyFrom(library, "EC", builder.get());
}

absl::StatusOr<EvpKey> RsaKey(const ObjectView& view, const CryptoLibrary& library, CK_OBJECT_HANDLE object) {
  ASSIGN_OR_RETURN(const auto modulus, view.Octets(object, CKA_MODULUS));
  ASSIGN_OR_RETURN(const auto exponent, view.Octets(object, CKA_PUBLIC_EXPONENT));
  constexpr size_t kMaxModulus = 512;
  if (!modulus.has_value() || !exponent.has_value() || modulus->size() > kMaxModulus ||
      exponent->size() > kMaxModulus) {
    return NoKeyOfOurs();
  }
  const Number n(BN_bin2bn(Bytes(*modulus), static_cast<int>(modulus->size()), nullptr));
  const Number e(BN_bin2bn(Bytes(*exponent), static_cast<int>(exponent->size()), nullptr));
  const Builder builder(OSSL_PARAM_BLD_new());
  if (n == nullptr || e == nullptr || builder == nullptr ||
      OSSL_PARAM_BLD_push_BN(builder.get(), OSSL_PKEY_PARAM_RSA_N, n.get()) != 1 ||
      OSSL_PARAM_BLD_push_BN(builder.get(), OSSL_PKEY_PARAM_RSA_E, e.get()) != 1) {
    return NoKeyOfOurs();
  }
  return KeyFrom(library, "RSA", builder.get());
}

absl::StatusOr<EvpKey> KeyOfCertificate(const ObjectView& view, const CryptoLibrary& library, CK_OBJECT_HANDLE object) {
  ASSIGN_OR_RETURN(const auto der, view.Octets(object, CKA_VALUE));
  if (!der.has_value()) return NoKeyOfOurs();
  X509* certificate = X509_new_ex(library.context(), nullptr);
  if (certificate == nullptr) return NoKeyOfOurs();
  const unsigned char* at = Bytes(*der);
  // It frees the certificate if it cannot be read.
  if (d2i_X509(&certificate, &at, static_cast<long>(der->size())) == nullptr) return NoKeyOfOurs();
  const Certificate owned(certificate);
  EvpKey key(X509_get_pubkey(certificate));
  if (key == nullptr) return NoKeyOfOurs();
  return key;
}

absl::StatusOr<EvpKey> PublicKeyOf(const ObjectView& view, const CryptoLibrary& library, CK_KEY_TYPE type,
                                   const std::string& id) {
  ASSIGN_OR_RETURN(const std::vector<CK_OBJECT_HANDLE> keys,
                   view.Find({.object_class = CKO_PUBLIC_KEY, .type = type, .id = id}));
  if (!keys.empty()) return type == CKK_RSA ? RsaKey(view, library, keys.front()) : EcKey(view, library, keys.front());
  ASSIGN_OR_RETURN(const std::vector<CK_OBJECT_HANDLE> certificates,
                   view.Find({.object_class = CKO_CERTIFICATE, .id = id}));
  if (!certificates.empty()) return KeyOfCertificate(view, library, certificates.front());
  return absl::FailedPreconditionError(
      "the token has neither a public key nor a certificate with the same CKA_ID as the private key");
}

absl::StatusOr<wire::KeyAnswer> Fill(const ObjectView& view, const CryptoLibrary& library, CK_OBJECT_HANDLE private_key,
                                     const EvpKey& public_key) {
  const auto algorithm = std::find_if(kAllAlgorithms.begin(), kAllAlgorithms.end(),
                                      [&](KeyAlgorithm known) { return IsAlgorithm(*public_key, known); });
  if (algorithm == kAllAlgorithms.end()) return NoKeyOfOurs();
  ASSIGN_OR_RETURN(const auto id, view.Octets(private_key, CKA_ID));
  ASSIGN_OR_RETURN(const auto label, view.Octets(private_key, CKA_LABEL));
  ASSIGN_OR_RETURN(const auto local, view.Flag(private_key, CKA_LOCAL));
  ASSIGN_OR_RETURN(const bool unreadable, IsUnreadable(view, private_key));
  ASSIGN_OR_RETURN(const bool never, WasNeverReadable(view, private_key));
  wire::KeyAnswer answer;
  answer.set_id(id.value_or(""));
  answer.set_label(label.value_or(""));
  answer.set_algorithm(static_cast<uint32_t>(*algorithm));
  ASSIGN_OR_RETURN(*answer.mutable_public_key(), library.PublicKeyInfo(*public_key));
  answer.set_was_made_inside(local.value_or(false));
  answer.set_is_unreadable(unreadable && never);
  return answer;
}

// What a key must be to sign for us whenever it is asked.
absl::Status CheckUse(const ObjectView& view, CK_OBJECT_HANDLE key) {
  ASSIGN_OR_RETURN(const auto signs, view.Flag(key, CKA_SIGN));
  if (!signs.value_or(false)) return absl::FailedPreconditionError("the key of that label is not for signatures");
  ASSIGN_OR_RETURN(const auto each_time, view.Flag(key, CKA_ALWAYS_AUTHENTICATE));
  if (each_time.value_or(false)) {
    return absl::FailedPreconditionError(
        "the key of that label wants the PIN for each signature (CKA_ALWAYS_AUTHENTICATE), which a daemon cannot give");
  }
  return absl::OkStatus();
}

}  // namespace

absl::StatusOr<wire::KeyAnswer> FindByLabel(const ObjectView& view, const CryptoLibrary& library,
                                            const std::string& label) {
  ASSIGN_OR_RETURN(const std::vector<CK_OBJECT_HANDLE> keys, view.Find({.label = label}));
  if (keys.empty()) return absl::NotFoundError("the token has no private key of that label");
  if (keys.size() > 1) {
    return absl::FailedPreconditionError("the token has several private keys of that label: give them different ones");
  }
  const CK_OBJECT_HANDLE key = keys.front();
  RETURN_IF_ERROR(CheckUse(view, key));
  ASSIGN_OR_RETURN(const auto id, view.Octets(key, CKA_ID));
  if (!id.has_value() || id->empty() || id->size() > kMaxName) {
    return absl::FailedPreconditionError("the key of that label needs a CKA_ID of 1 to 64 octets");
  }
  ASSIGN_OR_RETURN(const auto type, view.Octets(key, CKA_KEY_TYPE));
  CK_KEY_TYPE key_type = 0;
  if (!type.has_value() || type->size() != sizeof(key_type)) return NoKeyOfOurs();
  std::copy(type->begin(), type->end(), reinterpret_cast<char*>(&key_type));
  if (key_type != CKK_EC && key_type != CKK_RSA) return NoKeyOfOurs();
  // The key is asked for by its id later.
  RETURN_IF_ERROR(FindSigningKey(view, key_type, *id).status());
  ASSIGN_OR_RETURN(const EvpKey public_key, PublicKeyOf(view, library, key_type, *id));
  return Fill(view, library, key, public_key);
}

absl::StatusOr<wire::KeyAnswer> Describe(const ObjectView& view, const CryptoLibrary& library,
                                         CK_OBJECT_HANDLE private_key, CK_OBJECT_HANDLE public_key) {
  ASSIGN_OR_RETURN(const auto modulus, view.Octets(public_key, CKA_MODULUS));
  ASSIGN_OR_RETURN(const EvpKey key,
                   modulus.has_value() ? RsaKey(view, library, public_key) : EcKey(view, library, public_key));
  return Fill(view, library, private_key, key);
}

}  // namespace ddskey::pkcs11
