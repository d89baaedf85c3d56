#include "client/attestation/credential.h"

#include <openssl/core_names.h>
#include <openssl/kdf.h>
#include <openssl/params.h>
#include <openssl/rand.h>
#include <openssl/rsa.h>

#include <array>
#include <memory>

#include "client/attestation/tpm_structures.h"
#include "proto/contract/status_macros.h"

namespace ddskey::attestation {
namespace {

using ca::OpensslPtr;

constexpr size_t kHashSize = 32;
constexpr size_t kCipherKeySize = 16;
// With its final zero (TPM 2.0 Part 1, B.10.4 and C.6.4).
constexpr std::string_view kLabel("IDENTITY\0", 9);

struct PrimitiveDelete {
  void operator()(EVP_KDF* kdf) const { EVP_KDF_free(kdf); }
  void operator()(EVP_KDF_CTX* context) const { EVP_KDF_CTX_free(context); }
  void operator()(EVP_CIPHER* cipher) const { EVP_CIPHER_free(cipher); }
  void operator()(EVP_CIPHER_CTX* context) const { EVP_CIPHER_CTX_free(context); }
};
template <typename T>
using Owned = std::unique_ptr<T, PrimitiveDelete>;

// Seed is a fresh secret, in the clear and encrypted to the TPM.
struct Seed {
  std::string value;
  std::string encrypted;
};

unsigned char* Octets(std::string& text) { return reinterpret_cast<unsigned char*>(text.data()); }
const unsigned char* Octets(std::string_view text) { return reinterpret_cast<const unsigned char*>(text.data()); }

OSSL_PARAM Text(const char* name, std::string& value) {
  return OSSL_PARAM_construct_utf8_string(name, value.data(), 0);
}
OSSL_PARAM Value(const char* name, std::string& value) {
  return OSSL_PARAM_construct_octet_string(name, value.data(), value.size());
}

absl::StatusOr<std::string> Derive(const char* kdf_name, const OSSL_PARAM* parameters, size_t size) {
  const Owned<EVP_KDF> kdf(EVP_KDF_fetch(ca::Library(), kdf_name, nullptr));
  const Owned<EVP_KDF_CTX> context(EVP_KDF_CTX_new(kdf.get()));
  std::string result(size, '\0');
  if (context == nullptr || EVP_KDF_derive(context.get(), Octets(result), size, parameters) != 1) {
    return ca::OpensslError("derive a key");
  }
  return result;
}

absl::StatusOr<Seed> RsaSeed(EVP_PKEY* ek) {
  Seed seed{std::string(kHashSize, '\0'), std::string(static_cast<size_t>(EVP_PKEY_get_size(ek)), '\0')};
  if (RAND_priv_bytes_ex(ca::Library(), Octets(seed.value), seed.value.size(), 0) != 1) {
    return ca::OpensslError("make a seed");
  }
  std::string hash = "SHA256";
  std::string padding = OSSL_PKEY_RSA_PAD_MODE_OAEP;
  std::string label(kLabel);
  const std::array<OSSL_PARAM, 5> parameters = {
      Text(OSSL_ASYM_CIPHER_PARAM_PAD_MODE, padding), Text(OSSL_ASYM_CIPHER_PARAM_OAEP_DIGEST, hash),
      Text(OSSL_ASYM_CIPHER_PARAM_MGF1_DIGEST, hash), Value(OSSL_ASYM_CIPHER_PARAM_OAEP_LABEL, label),
      OSSL_PARAM_construct_end()};
  const OpensslPtr<EVP_PKEY_CTX> context(EVP_PKEY_CTX_new_from_pkey(ca::Library(), ek, nullptr));
  size_t size = seed.encrypted.size();
  if (context == nullptr || EVP_PKEY_encrypt_init_ex(context.get(), parameters.data()) != 1 ||
      EVP_PKEY_encrypt(context.get(), Octets(seed.encrypted), &size, Octets(std::string_view(seed.value)),
                       seed.value.size()) != 1) {
    return ca::OpensslError("encrypt to an endorsement key");
  }
  seed.encrypted.resize(size);
  return seed;
}

// PointOf is the public point of an EC key on P-256.
absl::StatusOr<TPMS_ECC_POINT> PointOf(const EVP_PKEY* key) {
  std::array<unsigned char, 1 + 2 * kHashSize> octets;
  size_t size = 0;
  if (EVP_PKEY_get_octet_string_param(key, OSSL_PKEY_PARAM_PUB_KEY, octets.data(), octets.size(), &size) != 1 ||
      size != octets.size()) {
    return ca::OpensslError("read a point");
  }
  TPMS_ECC_POINT point = {};
  point.x.size = kHashSize;
  point.y.size = kHashSize;
  std::copy_n(octets.begin() + 1, kHashSize, point.x.buffer);
  std::copy_n(octets.begin() + 1 + kHashSize, kHashSize, point.y.buffer);
  return point;
}

absl::StatusOr<Seed> EcSeed(EVP_PKEY* ek) {
  const OpensslPtr<EVP_PKEY> own(EVP_PKEY_Q_keygen(ca::Library(), nullptr, "EC", "P-256"));
  const OpensslPtr<EVP_PKEY_CTX> context(EVP_PKEY_CTX_new_from_pkey(ca::Library(), own.get(), nullptr));
  std::string z(kHashSize, '\0');
  size_t size = z.size();
  if (context == nullptr || EVP_PKEY_derive_init(context.get()) != 1 ||
      EVP_PKEY_derive_set_peer(context.get(), ek) != 1 || EVP_PKEY_derive(context.get(), Octets(z), &size) != 1 ||
      size != z.size()) {
    return ca::OpensslError("agree with an endorsement key");
  }
  ASSIGN_OR_RETURN(const TPMS_ECC_POINT ephemeral, PointOf(own.get()));
  ASSIGN_OR_RETURN(const TPMS_ECC_POINT theirs, PointOf(ek));
  Seed seed;
  ASSIGN_OR_RETURN(seed.value, Kdfe(z, attestation::Text(ephemeral.x), attestation::Text(theirs.x)));
  seed.encrypted = MarshalPoint(ephemeral);
  return seed;
}

absl::StatusOr<std::string> EncryptCfb(std::string_view key, std::string_view text) {
  const Owned<EVP_CIPHER> cipher(EVP_CIPHER_fetch(ca::Library(), "AES-128-CFB", nullptr));
  const Owned<EVP_CIPHER_CTX> context(EVP_CIPHER_CTX_new());
  // The key is used once.
  constexpr std::array<unsigned char, 16> kNoIv = {};
  std::string result(text.size(), '\0');
  int size = 0;
  if (EVP_EncryptInit_ex2(context.get(), cipher.get(), Octets(key), kNoIv.data(), nullptr) != 1 ||
      EVP_EncryptUpdate(context.get(), Octets(result), &size, Octets(text), static_cast<int>(text.size())) != 1 ||
      static_cast<size_t>(size) != text.size()) {
    return ca::OpensslError("encrypt a credential");
  }
  return result;
}

// Sized is `text` with its size in front, as in a TPM2B.
std::string Sized(std::string_view text) {
  std::string sized = {static_cast<char>(text.size() >> 8), static_cast<char>(text.size())};
  return sized.append(text);
}

}  // namespace

absl::StatusOr<std::string> Kdfa(std::string_view key, std::string_view label, std::string_view context, size_t size) {
  std::string mac = OSSL_MAC_NAME_HMAC;
  std::string hash = "SHA256";
  std::string mode = "COUNTER";
  std::string key_copy(key);
  std::string label_copy(label);
  std::string context_copy(context);
  const std::array<OSSL_PARAM, 7> parameters = {Text(OSSL_KDF_PARAM_MAC, mac),
                                                Text(OSSL_KDF_PARAM_DIGEST, hash),
                                                Text(OSSL_KDF_PARAM_MODE, mode),
                                                Value(OSSL_KDF_PARAM_KEY, key_copy),
                                                Value(OSSL_KDF_PARAM_SALT, label_copy),
                                                Value(OSSL_KDF_PARAM_INFO, context_copy),
                                                OSSL_PARAM_construct_end()};
  // The counter mode of SP 800-108, which KDFa is.
  return Derive("KBKDF", parameters.data(), size);
}

absl::StatusOr<std::string> Kdfe(std::string_view z, std::string_view party_u, std::string_view party_v) {
  std::string hash = "SHA256";
  std::string key(z);
  std::string info = std::string(kLabel).append(party_u).append(party_v);
  const std::array<OSSL_PARAM, 4> parameters = {Text(OSSL_KDF_PARAM_DIGEST, hash), Value(OSSL_KDF_PARAM_KEY, key),
                                                Value(OSSL_KDF_PARAM_INFO, info), OSSL_PARAM_construct_end()};
  // The concatenation KDF of SP 800-56A, which KDFe is.
  return Derive("SSKDF", parameters.data(), kHashSize);
}

absl::StatusOr<Credential> MakeCredential(EVP_PKEY* ek, std::string_view name, std::string_view secret) {
  if (secret.empty() || secret.size() > kHashSize) return absl::InvalidArgumentError("a credential has 1 to 32 octets");
  absl::StatusOr<Seed> seed = EVP_PKEY_is_a(ek, "RSA") == 1 ? RsaSeed(ek) : EcSeed(ek);
  if (!seed.ok()) return seed.status();
  ASSIGN_OR_RETURN(const std::string storage_key, Kdfa(seed->value, "STORAGE", name, kCipherKeySize));
  ASSIGN_OR_RETURN(const std::string encrypted, EncryptCfb(storage_key, Sized(secret)));
  ASSIGN_OR_RETURN(const std::string integrity_key, Kdfa(seed->value, "INTEGRITY", "", kHashSize));
  const std::string authenticated = std::string(encrypted).append(name);
  std::string mac(kHashSize, '\0');
  size_t size = 0;
  if (EVP_Q_mac(ca::Library(), "HMAC", nullptr, "SHA256", nullptr, integrity_key.data(), integrity_key.size(),
                Octets(std::string_view(authenticated)), authenticated.size(), Octets(mac), mac.size(),
                &size) == nullptr) {
    return ca::OpensslError("authenticate a credential");
  }
  return Credential{Sized(mac) + encrypted, std::move(seed->encrypted)};
}

}  // namespace ddskey::attestation
