#include "daemon/backend/software/key_sealer.h"

#include <openssl/err.h>
#include <openssl/x509.h>

#include <array>
#include <cstdint>
#include <span>
#include <string_view>

#include "absl/status/status.h"
#include "absl/strings/str_cat.h"
#include "daemon/backend/derive_secret.h"
#include "proto/contract/secret_access.h"
#include "proto/contract/status_macros.h"

namespace ddskey::software {
namespace {

constexpr std::string_view kMagic = "DKS1";
constexpr std::string_view kLabel = "ddskey/software/seal/1";
constexpr size_t kIdSize = 8;
constexpr size_t kSaltSize = 32;
constexpr size_t kTagSize = 16;
constexpr size_t kHeaderSize = kMagic.size() + kIdSize + kSaltSize;
constexpr size_t kLargestBlob = 8192;
constexpr std::array<uint8_t, 12> kNonce = {};

struct CipherDeleter {
  void operator()(EVP_CIPHER* cipher) const { EVP_CIPHER_free(cipher); }
  void operator()(EVP_CIPHER_CTX* context) const { EVP_CIPHER_CTX_free(context); }
};

const uint8_t* Octets(std::string_view text) { return reinterpret_cast<const uint8_t*>(text.data()); }

std::string Number(uint32_t value) {
  return {static_cast<char>(value >> 24), static_cast<char>(value >> 16), static_cast<char>(value >> 8),
          static_cast<char>(value)};
}

// Label is everything about a key that its blob is bound to.
std::string Label(std::string_view header, const SealedKey& key) {
  return absl::StrCat(std::string(header), Number(static_cast<uint32_t>(key.algorithm)),
                      Number(static_cast<uint32_t>(key.purpose)), Number(static_cast<uint32_t>(key.public_key.size())),
                      key.public_key);
}

// Gcm is one AES-256-GCM operation.
class Gcm {
 public:
  Gcm(const CryptoLibrary& library, const SecretBytes& key, bool encrypt)
      : cipher_(EVP_CIPHER_fetch(library.context(), "AES-256-GCM", nullptr)), context_(EVP_CIPHER_CTX_new()) {
    good_ = cipher_ != nullptr && context_ != nullptr &&
            EVP_CipherInit_ex2(context_.get(), cipher_.get(), key.Reveal(SecretAccess()).data(), kNonce.data(),
                               encrypt ? 1 : 0, nullptr) == 1;
  }
  void Authenticate(std::string_view label) {
    int size = 0;
    good_ = good_ && EVP_CipherUpdate(context_.get(), nullptr, &size, Octets(label), label.size()) == 1;
  }
  void Crypt(std::span<const uint8_t> input, uint8_t* output) {
    int size = 0;
    good_ = good_ && EVP_CipherUpdate(context_.get(), output, &size, input.data(), input.size()) == 1 &&
            size == static_cast<int>(input.size());
  }
  bool FinishEncryption(uint8_t* tag) {
    int size = 0;
    return good_ && EVP_CipherFinal_ex(context_.get(), nullptr, &size) == 1 &&
           EVP_CIPHER_CTX_ctrl(context_.get(), EVP_CTRL_AEAD_GET_TAG, kTagSize, tag) == 1;
  }
  bool FinishDecryption(std::string tag) {
    int size = 0;
    return good_ && EVP_CIPHER_CTX_ctrl(context_.get(), EVP_CTRL_AEAD_SET_TAG, kTagSize, tag.data()) == 1 &&
           EVP_CipherFinal_ex(context_.get(), nullptr, &size) == 1;
  }

 private:
  const std::unique_ptr<EVP_CIPHER, CipherDeleter> cipher_;
  const std::unique_ptr<EVP_CIPHER_CTX, CipherDeleter> context_;
  bool good_ = false;
};

absl::StatusOr<SecretBytes> PrivateDer(const EVP_PKEY& key) {
  const int size = i2d_PrivateKey(&key, nullptr);
  if (size <= 0) return absl::InternalError("encoding a private key failed in OpenSSL");
  ASSIGN_OR_RETURN(SecretBytes der, SecretBytes::Allocate(size));
  uint8_t* at = der.Reveal(SecretAccess()).data();
  if (i2d_PrivateKey(&key, &at) != size) return absl::InternalError("encoding a private key failed in OpenSSL");
  return der;
}

}  // namespace

absl::StatusOr<std::unique_ptr<KeySealer>> KeySealer::Create(const CryptoLibrary& library, SecretBytes secret) {
  ASSIGN_OR_RETURN(std::string id, SecretId(library, secret));
  return std::unique_ptr<KeySealer>(new KeySealer(library, std::move(secret), std::move(id)));
}

absl::StatusOr<SealedKey> KeySealer::Seal(const EVP_PKEY& key, KeyAlgorithm algorithm, KeyPurpose purpose) const {
  SealedKey sealed{algorithm, purpose, "", ""};
  ASSIGN_OR_RETURN(sealed.public_key, library_.PublicKeyInfo(key));
  ASSIGN_OR_RETURN(const SecretBytes der, PrivateDer(key));
  ASSIGN_OR_RETURN(const std::string salt, RandomOctets(library_, kSaltSize));
  ASSIGN_OR_RETURN(const SecretBytes sealing_key, DeriveSecret(library_, secret_, salt, kLabel));
  sealed.blob = absl::StrCat(std::string(kMagic), secret_id_, salt);
  Gcm gcm(library_, sealing_key, true);
  gcm.Authenticate(Label(sealed.blob, sealed));
  sealed.blob.resize(kHeaderSize + der.size() + kTagSize);
  uint8_t* const ciphertext = reinterpret_cast<uint8_t*>(sealed.blob.data()) + kHeaderSize;
  gcm.Crypt(der.Reveal(SecretAccess()), ciphertext);
  if (!gcm.FinishEncryption(ciphertext + der.size())) return absl::InternalError("sealing a key failed in OpenSSL");
  return sealed;
}

bool KeySealer::IsOwn(std::string_view blob) const {
  return blob.starts_with(kMagic) && blob.substr(kMagic.size(), kIdSize) == secret_id_;
}

absl::StatusOr<EvpKey> KeySealer::Unseal(const SealedKey& sealed) const {
  const std::string_view blob = sealed.blob;
  if (blob.size() <= kHeaderSize + kTagSize || blob.size() > kLargestBlob || !blob.starts_with(kMagic)) {
    return absl::DataLossError("the stored key is not one of the software backend, or damaged");
  }
  if (!IsOwn(blob)) {
    return absl::DataLossError(
        "the stored key was sealed under another secret; restore the software secret that belongs to this key store");
  }
  ASSIGN_OR_RETURN(const SecretBytes sealing_key,
                   DeriveSecret(library_, secret_, blob.substr(kMagic.size() + kIdSize, kSaltSize), kLabel));
  const std::string_view ciphertext = blob.substr(kHeaderSize, blob.size() - kHeaderSize - kTagSize);
  ASSIGN_OR_RETURN(SecretBytes der, SecretBytes::Allocate(ciphertext.size()));
  const std::span<uint8_t> plaintext = der.Reveal(SecretAccess());
  Gcm gcm(library_, sealing_key, false);
  gcm.Authenticate(Label(blob.substr(0, kHeaderSize), sealed));
  gcm.Crypt({Octets(ciphertext), ciphertext.size()}, plaintext.data());
  const bool authentic = gcm.FinishDecryption(std::string(blob.substr(blob.size() - kTagSize)));
  ERR_clear_error();
  if (!authentic) return absl::DataLossError("the stored key is damaged or does not belong to its record");
  const uint8_t* at = plaintext.data();
  EvpKey key(d2i_PrivateKey_ex(IsRsa(sealed.algorithm) ? EVP_PKEY_RSA : EVP_PKEY_EC, nullptr, &at,
                               static_cast<long>(plaintext.size()), library_.context(), nullptr));
  ERR_clear_error();
  if (key == nullptr || !IsAlgorithm(*key, sealed.algorithm)) {
    return absl::DataLossError("the stored key holds no key of its algorithm");
  }
  return key;
}

}  // namespace ddskey::software
