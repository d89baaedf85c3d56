#include "daemon/backend/tpm2/import_wrapping.h"

#include <openssl/bn.h>
#include <openssl/core_names.h>
#include <openssl/evp.h>
#include <openssl/rand.h>
#include <string.h>
#include <tss2/tss2_mu.h>

#include <algorithm>
#include <array>
#include <cstdint>
#include <memory>
#include <span>
#include <string>

#include "absl/status/status.h"
#include "daemon/backend/tpm2/session_salt.h"
#include "daemon/backend/tpm2/templates.h"
#include "daemon/backend/tpm2/tss_status.h"
#include "proto/contract/secret_access.h"
#include "proto/contract/status_macros.h"

namespace ddskey::tpm {
namespace {

constexpr size_t kSymmetricSize = 16;
constexpr size_t kDigestSize = 32;

struct Deleter {
  void operator()(BIGNUM* number) const { BN_clear_free(number); }
  void operator()(EVP_CIPHER* cipher) const { EVP_CIPHER_free(cipher); }
  void operator()(EVP_CIPHER_CTX* context) const { EVP_CIPHER_CTX_free(context); }
};
template <typename T>
using Owned = std::unique_ptr<T, Deleter>;

absl::Status Failed() { return absl::InternalError("wrapping a private key for the TPM failed in OpenSSL"); }

// Take writes the number `name` of `key` in `size` octets.
bool Take(const EVP_PKEY& key, const char* name, size_t size, uint8_t* out) {
  BIGNUM* number = nullptr;
  if (EVP_PKEY_get_bn_param(&key, name, &number) != 1) return false;
  return BN_bn2binpad(Owned<BIGNUM>(number).get(), out, static_cast<int>(size)) == static_cast<int>(size);
}

// FillPublic writes the public key into `area`.
bool FillPublic(const PrivateKey& key, TPMT_PUBLIC& area) {
  const auto size = static_cast<size_t>(KeyBits(key.algorithm)) / 8;
  if (IsRsa(key.algorithm)) {
    area.unique.rsa.size = static_cast<UINT16>(size);
    return Take(*key.key, OSSL_PKEY_PARAM_RSA_N, size, area.unique.rsa.buffer);
  }
  area.unique.ecc.x.size = static_cast<UINT16>(size);
  area.unique.ecc.y.size = static_cast<UINT16>(size);
  return Take(*key.key, OSSL_PKEY_PARAM_EC_PUB_X, size, area.unique.ecc.x.buffer) &&
         Take(*key.key, OSSL_PKEY_PARAM_EC_PUB_Y, size, area.unique.ecc.y.buffer);
}

// FillSensitive writes the private key into `area`: of RSA one prime factor (TPM 2.0 Part 2, 12.3.2.4).
bool FillSensitive(const PrivateKey& key, const SecretBytes* auth, TPMT_SENSITIVE& area) {
  const auto size = static_cast<size_t>(KeyBits(key.algorithm)) / 8;
  if (auth != nullptr) {
    const std::span<const uint8_t> octets = auth->Reveal(SecretAccess());
    area.authValue.size = static_cast<UINT16>(octets.size());
    std::ranges::copy(octets, area.authValue.buffer);
  }
  if (IsRsa(key.algorithm)) {
    area.sensitiveType = TPM2_ALG_RSA;
    area.sensitive.rsa.size = static_cast<UINT16>(size / 2);
    return Take(*key.key, OSSL_PKEY_PARAM_RSA_FACTOR1, size / 2, area.sensitive.rsa.buffer);
  }
  area.sensitiveType = TPM2_ALG_ECC;
  area.sensitive.ecc.size = static_cast<UINT16>(size);
  return Take(*key.key, OSSL_PKEY_PARAM_PRIV_KEY, size, area.sensitive.ecc.buffer);
}

bool Hash(const CryptoLibrary& library, std::span<const uint8_t> octets, uint8_t* digest) {
  size_t size = 0;
  return EVP_Q_digest(library.context(), "SHA256", nullptr, octets.data(), octets.size(), digest, &size) == 1;
}

// Plain is what the inner wrapper encrypts: the digest of sensitive area and name, and the sensitive area; erased at
// the end.
struct Plain {
  std::array<uint8_t, sizeof(TPM2B_SENSITIVE) + 128> octets = {};
  size_t size = 0;
  ~Plain() { explicit_bzero(octets.data(), octets.size()); }
};

bool FillPlain(const CryptoLibrary& library, const TPM2B_SENSITIVE& sensitive, const TPM2B_NAME& name, Plain& plain) {
  size_t end = 2 + kDigestSize;
  if (Tss2_MU_TPM2B_SENSITIVE_Marshal(&sensitive, plain.octets.data(), plain.octets.size(), &end) != TSS2_RC_SUCCESS ||
      end + name.size > plain.octets.size()) {
    return false;
  }
  // The name stands behind it while the digest is made.
  std::copy_n(name.name, name.size, plain.octets.data() + end);
  const size_t begin = 2 + kDigestSize;
  if (!Hash(library, std::span(plain.octets).subspan(begin, end - begin + name.size), plain.octets.data() + 2)) {
    return false;
  }
  plain.octets[1] = kDigestSize;
  plain.size = end;
  return true;
}

bool Encrypt(const CryptoLibrary& library, const Plain& plain, WrappedKey& wrapped) {
  if (plain.size > sizeof(wrapped.duplicate.buffer)) return false;
  wrapped.symmetric.size = kSymmetricSize;
  constexpr std::array<uint8_t, 16> kZero = {};
  const Owned<EVP_CIPHER> cipher(EVP_CIPHER_fetch(library.context(), "AES-128-CFB", nullptr));
  const Owned<EVP_CIPHER_CTX> context(EVP_CIPHER_CTX_new());
  int size = 0;
  const bool good =
      RAND_priv_bytes_ex(library.context(), wrapped.symmetric.buffer, kSymmetricSize, 0) == 1 && cipher != nullptr &&
      EVP_EncryptInit_ex2(context.get(), cipher.get(), wrapped.symmetric.buffer, kZero.data(), nullptr) == 1 &&
      EVP_EncryptUpdate(context.get(), wrapped.duplicate.buffer, &size, plain.octets.data(),
                        static_cast<int>(plain.size)) == 1 &&
      size == static_cast<int>(plain.size);
  wrapped.duplicate.size = static_cast<UINT16>(plain.size);
  return good;
}

}  // namespace

WrappedKey::~WrappedKey() {
  explicit_bzero(&symmetric, sizeof(symmetric));
  explicit_bzero(&duplicate, sizeof(duplicate));
}

WrappedKey::WrappedKey(WrappedKey&& other) noexcept
    : public_area(other.public_area),
      algorithm(other.algorithm),
      symmetric(other.symmetric),
      duplicate(other.duplicate) {}

TPM2B_PUBLIC ImportTemplate(KeyAlgorithm algorithm, KeyPurpose purpose) {
  TPM2B_PUBLIC result = KeyTemplate(algorithm, purpose);
  constexpr TPMA_OBJECT kOfKeysMadeHere =
      TPMA_OBJECT_FIXEDTPM | TPMA_OBJECT_FIXEDPARENT | TPMA_OBJECT_SENSITIVEDATAORIGIN;
  result.publicArea.objectAttributes &= ~kOfKeysMadeHere;
  return result;
}

bool IsFromImportTemplate(const TPM2B_PUBLIC& key, KeyAlgorithm algorithm, KeyPurpose purpose) {
  const TPMA_OBJECT difference = ImportTemplate(algorithm, purpose).publicArea.objectAttributes ^
                                 KeyTemplate(algorithm, purpose).publicArea.objectAttributes;
  TPM2B_PUBLIC as_made = key;
  if ((key.publicArea.objectAttributes & difference) != 0) return false;
  as_made.publicArea.objectAttributes |= difference;
  return IsFromTemplate(as_made, algorithm, purpose);
}

absl::StatusOr<WrappedKey> WrapForImport(const CryptoLibrary& library, const PrivateKey& key, KeyPurpose purpose,
                                         const SecretBytes* auth) {
  WrappedKey wrapped;
  wrapped.public_area = ImportTemplate(key.algorithm, purpose);
  wrapped.algorithm.algorithm = TPM2_ALG_AES;
  wrapped.algorithm.keyBits.aes = 8 * kSymmetricSize;
  wrapped.algorithm.mode.aes = TPM2_ALG_CFB;
  TPM2B_SENSITIVE sensitive = {};
  Plain plain;
  if (!FillPublic(key, wrapped.public_area.publicArea)) return Failed();
  ASSIGN_OR_RETURN(const TPM2B_NAME name, NameOf(library, wrapped.public_area));
  const bool good = FillSensitive(key, auth, sensitive.sensitiveArea) && FillPlain(library, sensitive, name, plain) &&
                    Encrypt(library, plain, wrapped);
  explicit_bzero(&sensitive, sizeof(sensitive));
  if (!good) return Failed();
  return wrapped;
}

}  // namespace ddskey::tpm
