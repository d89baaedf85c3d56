#include "daemon/backend/tpm2/session_salt.h"

#include <openssl/core_names.h>
#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/kdf.h>
#include <openssl/params.h>
#include <openssl/rand.h>
#include <openssl/rsa.h>
#include <openssl/x509.h>
#include <tss2/tss2_mu.h>

#include <algorithm>
#include <array>
#include <memory>
#include <span>
#include <string>

#include "absl/status/status.h"
#include "daemon/backend/tpm2/templates.h"
#include "proto/contract/secret_access.h"
#include "proto/contract/status_macros.h"

namespace ddskey::tpm {
namespace {

// The label of a session's salt, with its final zero (TPM 2.0 Part 1, B.10.3).
constexpr std::array<uint8_t, 7> kLabel = {'S', 'E', 'C', 'R', 'E', 'T', 0};

struct SaltDeleter {
  void operator()(EVP_MD* hash) const { EVP_MD_free(hash); }
  void operator()(EVP_KDF* kdf) const { EVP_KDF_free(kdf); }
  void operator()(EVP_KDF_CTX* context) const { EVP_KDF_CTX_free(context); }
  void operator()(EVP_PKEY_CTX* context) const { EVP_PKEY_CTX_free(context); }
};
template <typename T>
using Owned = std::unique_ptr<T, SaltDeleter>;

absl::Status Failed(const char* doing) {
  ERR_clear_error();
  return absl::InternalError(std::string(doing) + " failed in OpenSSL");
}

absl::StatusOr<const char*> HashName(TPMI_ALG_HASH hash) {
  switch (hash) {
    case TPM2_ALG_SHA256:
      return "SHA256";
    case TPM2_ALG_SHA384:
      return "SHA384";
    case TPM2_ALG_SHA512:
      return "SHA512";
    default:
      return absl::UnimplementedError("the TPM's storage root key has a name of another hash than SHA-2");
  }
}

absl::StatusOr<size_t> HashSize(const CryptoLibrary& library, const char* name) {
  const Owned<EVP_MD> hash(EVP_MD_fetch(library.context(), name, nullptr));
  if (hash == nullptr) return Failed("finding a hash");
  return static_cast<size_t>(EVP_MD_get_size(hash.get()));
}

absl::StatusOr<EvpKey> OpenSslKey(const CryptoLibrary& library, const TPM2B_PUBLIC& key) {
  ASSIGN_OR_RETURN(const std::string info, PublicKeyInfo(library, key));
  const auto* at = reinterpret_cast<const uint8_t*>(info.data());
  EvpKey result(d2i_PUBKEY_ex(nullptr, &at, static_cast<long>(info.size()), library.context(), nullptr));
  if (result == nullptr) return Failed("reading the TPM's storage root key");
  return result;
}

// TakeCoordinate moves a coordinate of a point 04 | x | y, of `size` octets each.
const uint8_t* TakeCoordinate(const uint8_t* at, size_t size, TPM2B_ECC_PARAMETER& out) {
  out.size = static_cast<UINT16>(size);
  std::copy(at, at + size, out.buffer);
  return at + size;
}

// Agree makes an ephemeral key on the curve of `theirs` and returns the x coordinate of the shared point.
absl::StatusOr<SecretBytes> Agree(const CryptoLibrary& library, EVP_PKEY& theirs, TPMS_ECC_POINT& ephemeral) {
  const Owned<EVP_PKEY_CTX> making(EVP_PKEY_CTX_new_from_pkey(library.context(), &theirs, nullptr));
  EVP_PKEY* raw = nullptr;
  if (making == nullptr || EVP_PKEY_keygen_init(making.get()) != 1 || EVP_PKEY_keygen(making.get(), &raw) != 1) {
    return Failed("making an ephemeral key");
  }
  const EvpKey own(raw);
  const size_t size = (static_cast<size_t>(EVP_PKEY_get_bits(own.get())) + 7) / 8;
  std::array<uint8_t, 1 + 2 * TPM2_MAX_ECC_KEY_BYTES> point;
  size_t written = 0;
  if (EVP_PKEY_get_octet_string_param(own.get(), OSSL_PKEY_PARAM_PUB_KEY, point.data(), point.size(), &written) != 1 ||
      written != 1 + 2 * size) {
    return Failed("writing an ephemeral key");
  }
  TakeCoordinate(TakeCoordinate(point.data() + 1, size, ephemeral.x), size, ephemeral.y);

  const Owned<EVP_PKEY_CTX> agreeing(EVP_PKEY_CTX_new_from_pkey(library.context(), own.get(), nullptr));
  ASSIGN_OR_RETURN(SecretBytes z, SecretBytes::Allocate(size));
  size_t length = size;
  if (agreeing == nullptr || EVP_PKEY_derive_init(agreeing.get()) != 1 ||
      EVP_PKEY_derive_set_peer(agreeing.get(), &theirs) != 1 ||
      EVP_PKEY_derive(agreeing.get(), z.Reveal(SecretAccess()).data(), &length) != 1 || length != size) {
    return Failed("agreeing on a salt");
  }
  return z;
}

absl::StatusOr<SessionSalt> EccSalt(const CryptoLibrary& library, const char* hash, const TPM2B_PUBLIC& key) {
  ASSIGN_OR_RETURN(const EvpKey theirs, OpenSslKey(library, key));
  TPMS_ECC_POINT ephemeral = {};
  ASSIGN_OR_RETURN(const SecretBytes z, Agree(library, *theirs, ephemeral));
  ASSIGN_OR_RETURN(SecretBytes value, Kdfe(library, hash, z, ephemeral.x, key.publicArea.unique.ecc.x));
  SessionSalt salt{std::move(value)};
  size_t size = 0;
  if (Tss2_MU_TPMS_ECC_POINT_Marshal(&ephemeral, salt.encrypted.secret, sizeof(salt.encrypted.secret), &size) !=
      TSS2_RC_SUCCESS) {
    return absl::InternalError("writing an ephemeral key failed");
  }
  salt.encrypted.size = static_cast<UINT16>(size);
  return salt;
}

absl::StatusOr<SessionSalt> RsaSalt(const CryptoLibrary& library, const char* hash, const TPM2B_PUBLIC& key) {
  ASSIGN_OR_RETURN(const EvpKey theirs, OpenSslKey(library, key));
  ASSIGN_OR_RETURN(const size_t hash_size, HashSize(library, hash));
  ASSIGN_OR_RETURN(SecretBytes value, SecretBytes::Allocate(hash_size));
  SessionSalt salt{std::move(value)};
  const std::span<uint8_t> octets = salt.value.Reveal(SecretAccess());
  if (RAND_priv_bytes_ex(library.context(), octets.data(), octets.size(), 0) != 1) return Failed("making a salt");
  std::string hash_name(hash);
  std::string padding(OSSL_PKEY_RSA_PAD_MODE_OAEP);
  std::array<uint8_t, kLabel.size()> label = kLabel;
  const std::array<OSSL_PARAM, 5> parameters = {
      OSSL_PARAM_construct_utf8_string(OSSL_ASYM_CIPHER_PARAM_PAD_MODE, padding.data(), 0),
      OSSL_PARAM_construct_utf8_string(OSSL_ASYM_CIPHER_PARAM_OAEP_DIGEST, hash_name.data(), 0),
      OSSL_PARAM_construct_utf8_string(OSSL_ASYM_CIPHER_PARAM_MGF1_DIGEST, hash_name.data(), 0),
      OSSL_PARAM_construct_octet_string(OSSL_ASYM_CIPHER_PARAM_OAEP_LABEL, label.data(), label.size()),
      OSSL_PARAM_construct_end()};
  const Owned<EVP_PKEY_CTX> context(EVP_PKEY_CTX_new_from_pkey(library.context(), theirs.get(), nullptr));
  size_t size = sizeof(salt.encrypted.secret);
  if (context == nullptr || EVP_PKEY_encrypt_init_ex(context.get(), parameters.data()) != 1 ||
      EVP_PKEY_encrypt(context.get(), salt.encrypted.secret, &size, octets.data(), octets.size()) != 1) {
    return Failed("encrypting a salt");
  }
  salt.encrypted.size = static_cast<UINT16>(size);
  return salt;
}

}  // namespace

absl::StatusOr<TPM2B_NAME> NameOf(const CryptoLibrary& library, const TPM2B_PUBLIC& key) {
  ASSIGN_OR_RETURN(const char* const hash_name, HashName(key.publicArea.nameAlg));
  std::array<uint8_t, sizeof(TPMT_PUBLIC)> area;
  size_t size = 0;
  if (Tss2_MU_TPMT_PUBLIC_Marshal(&key.publicArea, area.data(), area.size(), &size) != TSS2_RC_SUCCESS) {
    return absl::InternalError("the TPM gave a public area that is not well formed");
  }
  TPM2B_NAME name = {};
  name.name[0] = static_cast<BYTE>(key.publicArea.nameAlg >> 8);
  name.name[1] = static_cast<BYTE>(key.publicArea.nameAlg);
  size_t hash_size = 0;
  if (EVP_Q_digest(library.context(), hash_name, nullptr, area.data(), size, name.name + 2, &hash_size) != 1) {
    return Failed("hashing a public area");
  }
  name.size = static_cast<UINT16>(2 + hash_size);
  return name;
}

absl::StatusOr<SessionSalt> MakeSalt(const CryptoLibrary& library, const TPM2B_PUBLIC& key) {
  ASSIGN_OR_RETURN(const char* const hash, HashName(key.publicArea.nameAlg));
  return key.publicArea.type == TPM2_ALG_ECC ? EccSalt(library, hash, key) : RsaSalt(library, hash, key);
}

absl::StatusOr<SecretBytes> Kdfe(const CryptoLibrary& library, const char* hash_name, const SecretBytes& z,
                                 const TPM2B_ECC_PARAMETER& party_u, const TPM2B_ECC_PARAMETER& party_v) {
  ASSIGN_OR_RETURN(const size_t size, HashSize(library, hash_name));
  ASSIGN_OR_RETURN(SecretBytes result, SecretBytes::Allocate(size));
  std::string info(kLabel.begin(), kLabel.end());
  info.append(reinterpret_cast<const char*>(party_u.buffer), party_u.size);
  info.append(reinterpret_cast<const char*>(party_v.buffer), party_v.size);
  std::string hash(hash_name);
  const std::span<const uint8_t> input = z.Reveal(SecretAccess());
  const std::array<OSSL_PARAM, 4> parameters = {
      OSSL_PARAM_construct_utf8_string(OSSL_KDF_PARAM_DIGEST, hash.data(), 0),
      OSSL_PARAM_construct_octet_string(OSSL_KDF_PARAM_KEY, const_cast<uint8_t*>(input.data()), input.size()),
      OSSL_PARAM_construct_octet_string(OSSL_KDF_PARAM_INFO, info.data(), info.size()), OSSL_PARAM_construct_end()};
  // The concatenation KDF of SP 800-56A, which KDFe is.
  const Owned<EVP_KDF> kdf(EVP_KDF_fetch(library.context(), "SSKDF", nullptr));
  const Owned<EVP_KDF_CTX> context(EVP_KDF_CTX_new(kdf.get()));
  const std::span<uint8_t> output = result.Reveal(SecretAccess());
  if (context == nullptr || EVP_KDF_derive(context.get(), output.data(), output.size(), parameters.data()) != 1) {
    return Failed("deriving a salt");
  }
  return result;
}

}  // namespace ddskey::tpm
