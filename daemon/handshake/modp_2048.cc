#include "daemon/handshake/modp_2048.h"

#include <openssl/core_names.h>
#include <openssl/err.h>
#include <openssl/sha.h>

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
  // What fails here is the peer's, and no error of ours to be found in OpenSSL's queue.
  ERR_clear_error();
  if (integer == nullptr || at != Octets(value) + value.size()) return nullptr;
  return BignumPtr(ASN1_INTEGER_to_BN(integer.get(), nullptr));
}

// Padded is a number in 256 octets; empty if it has more than 2048 bits or is negative.
std::string Padded(const BIGNUM* number) {
  std::string padded(kPrimeSize, '\0');
  if (number == nullptr || BN_is_negative(number) == 1 ||
      BN_bn2binpad(number, reinterpret_cast<unsigned char*>(padded.data()), kPrimeSize) != kPrimeSize) {
    return "";
  }
  return padded;
}

// AsOctets and AsInteger read a public value in one form, as 256 octets; empty if it has not that form. A value may
// have both.
std::string AsOctets(std::string_view value) {
  if (value.size() > kPrimeSize) return "";
  return std::string(kPrimeSize - value.size(), '\0').append(value);
}
std::string AsInteger(std::string_view value) { return Padded(FromInteger(value).get()); }

// Imported is a number as a key of the group, or null if it is no element of order q.
PkeyPtr Imported(const std::string& padded) {
  PkeyPtr key(EVP_PKEY_new());
  if (key == nullptr || Group() == nullptr || EVP_PKEY_copy_parameters(key.get(), Group()) != 1 ||
      EVP_PKEY_set1_encoded_public_key(key.get(), Octets(padded), padded.size()) != 1) {
    return nullptr;
  }
  const PkeyCtxPtr context(EVP_PKEY_CTX_new_from_pkey(nullptr, key.get(), nullptr));
  // SP 800-56A 5.6.2.3.1: 1 < y < p - 1, and y^q = 1, which no element of another subgroup fulfils.
  const bool good = context != nullptr && EVP_PKEY_public_check(context.get()) == 1;
  ERR_clear_error();
  return good ? std::move(key) : nullptr;
}

// Checked is a peer's public value, and the form it has.
struct Checked {
  PkeyPtr key;
  bool is_integer = false;
};

// ReadPublic reads a public value in the form in which it is an element of order q: that it is one in both has a
// chance of 2^-1792.
absl::StatusOr<Checked> ReadPublic(std::string_view property, std::string_view value) {
  const std::string octets = AsOctets(value);
  const std::string integer = AsInteger(value);
  if (octets.empty() && integer.empty()) {
    return Refuse(property, "the public value is neither 256 octets nor an ASN.1 INTEGER of 2048 bits");
  }
  if (!octets.empty()) {
    if (PkeyPtr key = Imported(octets); key != nullptr) return Checked{std::move(key), false};
  }
  if (!integer.empty()) {
    if (PkeyPtr key = Imported(integer); key != nullptr) return Checked{std::move(key), true};
  }
  return Refuse(property, "the public value is not an element of the MODP group of order q");
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
  // One in 2^24 has the length of octets; Derive tells its own by that.
  if (static_cast<size_t>(size) == kPrimeSize) return GenerateKey(as_integer);
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
  ASSIGN_OR_RETURN(const Checked peer, ReadPublic(property, public_value));
  return GenerateKey(peer.is_integer);
}

bool Modp2048::Same(std::string_view a, std::string_view b) const {
  for (const std::string& one : {AsOctets(a), AsInteger(a)}) {
    if (!one.empty() && (one == AsOctets(b) || one == AsInteger(b))) return true;
  }
  return false;
}

absl::StatusOr<SecretBytes> Modp2048::Derive(const SecretBytes& private_value, std::string_view own_public_value,
                                             std::string_view property, std::string_view public_value) const {
  ASSIGN_OR_RETURN(const Checked peer, ReadPublic(property, public_value));
  const std::string own_octets =
      own_public_value.size() == kPrimeSize ? AsOctets(own_public_value) : AsInteger(own_public_value);
  const PkeyPtr own = FromPrivate(private_value.Reveal(SecretAccess()), own_octets);
  if (own == nullptr) return OpensslFailure("loading an ephemeral key");
  const PkeyCtxPtr context(EVP_PKEY_CTX_new_from_pkey(nullptr, own.get(), nullptr));
  ASSIGN_OR_RETURN(SecretBytes agreed, SecretBytes::Allocate(kPrimeSize));
  ASSIGN_OR_RETURN(SecretBytes hashed, SecretBytes::Allocate(SHA256_DIGEST_LENGTH));
  size_t size = kPrimeSize;
  const std::span<uint8_t> z = agreed.Reveal(SecretAccess());
  // Without padding: Cyclone DDS, Fast DDS and OpenDDS hash the number without its leading zeros. What the length would
  // tell of the secret helps nobody, since no private value is used twice.
  if (context == nullptr || EVP_PKEY_derive_init(context.get()) != 1 ||
      EVP_PKEY_derive_set_peer_ex(context.get(), peer.key.get(), 0) != 1 ||
      EVP_PKEY_derive(context.get(), z.data(), &size) != 1) {
    return OpensslFailure("agreeing on a secret");
  }
  SHA256(z.data(), size, hashed.Reveal(SecretAccess()).data());
  return hashed;
}

}  // namespace ddskey
