#include "daemon/handshake/modp_2048.h"

#include <openssl/core_names.h>
#include <openssl/sha.h>

#include <algorithm>
#include <array>
#include <utility>

#include "daemon/handshake/check.h"
#include "daemon/handshake/evp_pointers.h"
#include "proto/contract/secret_access.h"
#include "proto/contract/status_macros.h"

namespace ddskey {
namespace {

constexpr size_t kPrimeSize = 256;
// q has 256 bits.
constexpr size_t kPrivateSize = 32;
constexpr unsigned char kDerInteger = 0x02;
char kGroup[] = "dh_2048_256";
// The type whose keys have a q, so that EVP_PKEY_public_check finds elements of small order.
constexpr char kKeyType[] = "DHX";

const unsigned char* Octets(std::string_view text) { return reinterpret_cast<const unsigned char*>(text.data()); }

// Group is a key with the parameters of the group and nothing else, made once. Null if OpenSSL fails.
EVP_PKEY* Group() {
  static EVP_PKEY* const group = [] {
    std::array<OSSL_PARAM, 2> params = {OSSL_PARAM_construct_utf8_string(OSSL_PKEY_PARAM_GROUP_NAME, kGroup, 0),
                                        OSSL_PARAM_construct_end()};
    const PkeyCtxPtr context(EVP_PKEY_CTX_new_from_name(nullptr, kKeyType, nullptr));
    EVP_PKEY* key = nullptr;
    if (context == nullptr || EVP_PKEY_fromdata_init(context.get()) != 1 ||
        EVP_PKEY_fromdata(context.get(), &key, EVP_PKEY_KEY_PARAMETERS, params.data()) != 1) {
      key = nullptr;
    }
    return key;
  }();
  return group;
}

// FromInteger reads an ASN.1 INTEGER that fills `value`, or returns nothing.
BignumPtr FromInteger(std::string_view value) {
  const unsigned char* at = Octets(value);
  const Asn1IntegerPtr integer(d2i_ASN1_INTEGER(nullptr, &at, static_cast<long>(value.size())));
  if (integer == nullptr || at != Octets(value) + value.size()) return nullptr;
  return BignumPtr(ASN1_INTEGER_to_BN(integer.get(), nullptr));
}

// IsInteger tells the forms apart. A number of the group has 256 octets but for a few leading zeros, which either form
// may leave out; with the header of an INTEGER it has more. Octets that could be both are as rare as 2^-32, and the
// handshake is made again.
bool IsInteger(std::string_view value) {
  return value.size() != kPrimeSize && !value.empty() && static_cast<unsigned char>(value[0]) == kDerInteger &&
         FromInteger(value) != nullptr;
}

// Padded returns the number of a public value in 256 octets, in whichever form it came; nothing if it is not a number
// of at most 2048 bits.
std::string Padded(std::string_view value) {
  BignumPtr number;
  if (IsInteger(value)) {
    number = FromInteger(value);
  } else if (value.size() <= kPrimeSize) {
    number.reset(BN_bin2bn(Octets(value), static_cast<int>(value.size()), nullptr));
  }
  std::string padded(kPrimeSize, '\0');
  if (number == nullptr || BN_is_negative(number.get()) == 1 ||
      BN_bn2binpad(number.get(), reinterpret_cast<unsigned char*>(padded.data()), kPrimeSize) != kPrimeSize) {
    return "";
  }
  return padded;
}

absl::StatusOr<PkeyPtr> CheckedPublic(std::string_view property, std::string_view value) {
  const std::string padded = Padded(value);
  if (padded.empty())
    return Refuse(property, "the public value is neither 256 octets nor an ASN.1 INTEGER of 2048 bits");
  PkeyPtr key(EVP_PKEY_new());
  if (key == nullptr || Group() == nullptr || EVP_PKEY_copy_parameters(key.get(), Group()) != 1) {
    return OpensslFailure("preparing a key of the MODP group");
  }
  if (EVP_PKEY_set1_encoded_public_key(key.get(), Octets(padded), padded.size()) != 1) {
    return Refuse(property, "the public value is not an element of the MODP group");
  }
  const PkeyCtxPtr context(EVP_PKEY_CTX_new_from_pkey(nullptr, key.get(), nullptr));
  // SP 800-56A 5.6.2.3.1: 1 < y < p - 1, and y^q = 1, which no element of another subgroup fulfils.
  if (context == nullptr || EVP_PKEY_public_check(context.get()) != 1) {
    return Refuse(property, "the public value is not an element of the MODP group of order q");
  }
  return key;
}

absl::StatusOr<EphemeralKey> GenerateKey(bool as_integer) {
  const PkeyCtxPtr context(Group() == nullptr ? nullptr : EVP_PKEY_CTX_new_from_pkey(nullptr, Group(), nullptr));
  EVP_PKEY* raw_key = nullptr;
  if (context == nullptr || EVP_PKEY_keygen_init(context.get()) != 1 ||
      EVP_PKEY_generate(context.get(), &raw_key) != 1) {
    return OpensslFailure("making an ephemeral key");
  }
  const PkeyPtr key(raw_key);
  BIGNUM* raw_private = nullptr;
  BIGNUM* raw_public = nullptr;
  const bool read = EVP_PKEY_get_bn_param(key.get(), OSSL_PKEY_PARAM_PRIV_KEY, &raw_private) == 1 &&
                    EVP_PKEY_get_bn_param(key.get(), OSSL_PKEY_PARAM_PUB_KEY, &raw_public) == 1;
  const BignumPtr private_number(raw_private);
  const BignumPtr public_number(raw_public);
  ASSIGN_OR_RETURN(SecretBytes private_value, SecretBytes::Allocate(kPrivateSize));
  std::string public_value(kPrimeSize, '\0');
  if (!read ||
      BN_bn2binpad(private_number.get(), private_value.Reveal(SecretAccess()).data(), kPrivateSize) != kPrivateSize ||
      BN_bn2binpad(public_number.get(), reinterpret_cast<unsigned char*>(public_value.data()), kPrimeSize) !=
          kPrimeSize) {
    return OpensslFailure("reading an ephemeral key");
  }
  if (!as_integer) return EphemeralKey{std::move(private_value), std::move(public_value)};
  const Asn1IntegerPtr integer(BN_to_ASN1_INTEGER(public_number.get(), nullptr));
  const int size = integer == nullptr ? 0 : i2d_ASN1_INTEGER(integer.get(), nullptr);
  if (size <= 0) return OpensslFailure("writing a public value");
  public_value.resize(static_cast<size_t>(size));
  auto* at = reinterpret_cast<unsigned char*>(public_value.data());
  i2d_ASN1_INTEGER(integer.get(), &at);
  return EphemeralKey{std::move(private_value), std::move(public_value)};
}

PkeyPtr FromPrivate(std::span<const uint8_t> private_value, std::string_view padded_public_value) {
  const BignumPtr private_number(BN_secure_new());
  const BignumPtr public_number(
      BN_bin2bn(Octets(padded_public_value), static_cast<int>(padded_public_value.size()), nullptr));
  const ParamBuildPtr build(OSSL_PARAM_BLD_new());
  if (private_number == nullptr || public_number == nullptr || build == nullptr ||
      BN_bin2bn(private_value.data(), static_cast<int>(private_value.size()), private_number.get()) == nullptr ||
      OSSL_PARAM_BLD_push_utf8_string(build.get(), OSSL_PKEY_PARAM_GROUP_NAME, kGroup, 0) != 1 ||
      OSSL_PARAM_BLD_push_BN(build.get(), OSSL_PKEY_PARAM_PUB_KEY, public_number.get()) != 1 ||
      OSSL_PARAM_BLD_push_BN(build.get(), OSSL_PKEY_PARAM_PRIV_KEY, private_number.get()) != 1) {
    return nullptr;
  }
  const ParamsPtr params(OSSL_PARAM_BLD_to_param(build.get()));
  const PkeyCtxPtr context(EVP_PKEY_CTX_new_from_name(nullptr, kKeyType, nullptr));
  EVP_PKEY* key = nullptr;
  if (params == nullptr || context == nullptr || EVP_PKEY_fromdata_init(context.get()) != 1 ||
      EVP_PKEY_fromdata(context.get(), &key, EVP_PKEY_KEYPAIR, params.get()) != 1) {
    return nullptr;
  }
  return PkeyPtr(key);
}

}  // namespace

absl::StatusOr<EphemeralKey> Modp2048::Generate() const { return GenerateKey(/*as_integer=*/false); }

absl::StatusOr<EphemeralKey> Modp2048::GenerateAnswer(std::string_view property, std::string_view public_value) const {
  RETURN_IF_ERROR(CheckedPublic(property, public_value).status());
  return GenerateKey(IsInteger(public_value));
}

bool Modp2048::Same(std::string_view a, std::string_view b) const { return Padded(a) == Padded(b); }

absl::StatusOr<SecretBytes> Modp2048::Derive(const SecretBytes& private_value, std::string_view own_public_value,
                                             std::string_view property, std::string_view public_value) const {
  ASSIGN_OR_RETURN(const PkeyPtr peer, CheckedPublic(property, public_value));
  const PkeyPtr own = FromPrivate(private_value.Reveal(SecretAccess()), Padded(own_public_value));
  if (own == nullptr) return OpensslFailure("loading an ephemeral key");
  const PkeyCtxPtr context(EVP_PKEY_CTX_new_from_pkey(nullptr, own.get(), nullptr));
  ASSIGN_OR_RETURN(SecretBytes agreed, SecretBytes::Allocate(kPrimeSize));
  ASSIGN_OR_RETURN(SecretBytes hashed, SecretBytes::Allocate(SHA256_DIGEST_LENGTH));
  size_t size = kPrimeSize;
  const std::span<uint8_t> z = agreed.Reveal(SecretAccess());
  // Without padding: Cyclone DDS, Fast DDS and OpenDDS hash the number without its leading zeros. What the length would
  // tell of the secret helps nobody, since no private value is used twice.
  if (context == nullptr || EVP_PKEY_derive_init(context.get()) != 1 ||
      EVP_PKEY_derive_set_peer_ex(context.get(), peer.get(), 0) != 1 ||
      EVP_PKEY_derive(context.get(), z.data(), &size) != 1) {
    return OpensslFailure("agreeing on a secret");
  }
  SHA256(z.data(), size, hashed.Reveal(SecretAccess()).data());
  return hashed;
}

}  // namespace ddskey
