#include "daemon/backend/derive_secret.h"

#include <openssl/core_names.h>
#include <openssl/kdf.h>
#include <openssl/params.h>
#include <openssl/rand.h>

#include <array>
#include <memory>

#include "absl/status/status.h"
#include "proto/contract/secret_access.h"
#include "proto/contract/status_macros.h"

namespace ddskey {
namespace {

constexpr size_t kSize = 32;
constexpr size_t kIdSize = 8;

struct KdfDeleter {
  void operator()(EVP_KDF* kdf) const { EVP_KDF_free(kdf); }
  void operator()(EVP_KDF_CTX* context) const { EVP_KDF_CTX_free(context); }
};

// OpenSSL's parameters are not const, but those of a derivation are only read.
OSSL_PARAM Parameter(const char* name, const void* octets, size_t size) {
  return OSSL_PARAM_construct_octet_string(name, const_cast<void*>(octets), size);
}

}  // namespace

absl::StatusOr<SecretBytes> DeriveSecret(const CryptoLibrary& library, const SecretBytes& secret, std::string_view salt,
                                         std::string_view label) {
  ASSIGN_OR_RETURN(SecretBytes derived, SecretBytes::Allocate(kSize));
  const std::unique_ptr<EVP_KDF, KdfDeleter> hkdf(EVP_KDF_fetch(library.context(), "HKDF", nullptr));
  const std::unique_ptr<EVP_KDF_CTX, KdfDeleter> context(EVP_KDF_CTX_new(hkdf.get()));
  const std::span<const uint8_t> input = secret.Reveal(SecretAccess());
  std::array<char, 7> hash = {"SHA256"};
  const std::array<OSSL_PARAM, 5> parameters = {OSSL_PARAM_construct_utf8_string(OSSL_KDF_PARAM_DIGEST, hash.data(), 0),
                                                Parameter(OSSL_KDF_PARAM_KEY, input.data(), input.size()),
                                                Parameter(OSSL_KDF_PARAM_SALT, salt.data(), salt.size()),
                                                Parameter(OSSL_KDF_PARAM_INFO, label.data(), label.size()),
                                                OSSL_PARAM_construct_end()};
  const std::span<uint8_t> output = derived.Reveal(SecretAccess());
  if (context == nullptr || EVP_KDF_derive(context.get(), output.data(), output.size(), parameters.data()) != 1) {
    return absl::InternalError("deriving a key failed in OpenSSL");
  }
  return derived;
}

absl::StatusOr<std::string> SecretId(const CryptoLibrary& library, const SecretBytes& secret) {
  ASSIGN_OR_RETURN(const SecretBytes derived, DeriveSecret(library, secret, "", "ddskey/secret-id/1"));
  const std::span<const uint8_t> octets = derived.Reveal(SecretAccess());
  return std::string(octets.begin(), octets.begin() + kIdSize);
}

absl::StatusOr<std::string> RandomOctets(const CryptoLibrary& library, size_t size) {
  std::string octets(size, '\0');
  if (RAND_bytes_ex(library.context(), reinterpret_cast<uint8_t*>(octets.data()), size, 0) != 1) {
    return absl::InternalError("getting random octets failed in OpenSSL");
  }
  return octets;
}

}  // namespace ddskey
