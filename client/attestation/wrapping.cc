#include "client/attestation/wrapping.h"

#include <openssl/err.h>
#include <openssl/rand.h>

#include <memory>

#include "absl/strings/escaping.h"
#include "absl/strings/str_cat.h"
#include "client/attestation/credential.h"
#include "client/attestation/tpm_structures.h"
#include "proto/contract/status_macros.h"

namespace ddskey::attestation {
namespace {

constexpr uint32_t kVersion = 1;
constexpr size_t kSecretSize = 32;
constexpr size_t kIvSize = 12;
constexpr size_t kTagSize = 16;
constexpr size_t kLargest = size_t{64} * 1024;

struct CipherDelete {
  void operator()(EVP_CIPHER* cipher) const { EVP_CIPHER_free(cipher); }
  void operator()(EVP_CIPHER_CTX* context) const { EVP_CIPHER_CTX_free(context); }
};

unsigned char* Octets(std::string& text) { return reinterpret_cast<unsigned char*>(text.data()); }
const unsigned char* Octets(std::string_view text) { return reinterpret_cast<const unsigned char*>(text.data()); }

std::string Random(size_t size) {
  std::string octets(size, '\0');
  return RAND_priv_bytes_ex(ca::Library(), Octets(octets), size, 0) == 1 ? octets : "";
}

// Cipher encrypts or decrypts with AES-256-GCM: the result, or nothing if the tag is wrong. `tag` is made or compared.
absl::StatusOr<std::string> Cipher(bool encrypt, std::string_view key, std::string_view iv, std::string_view kind,
                                   std::string_view identity, std::string_view text, std::string& tag) {
  const std::unique_ptr<EVP_CIPHER, CipherDelete> cipher(EVP_CIPHER_fetch(ca::Library(), "AES-256-GCM", nullptr));
  const std::unique_ptr<EVP_CIPHER_CTX, CipherDelete> context(EVP_CIPHER_CTX_new());
  std::string with = "ddskey-wrap-v1";
  with.append(kind).append(1, '\0').append(identity);
  std::string result(text.size(), '\0');
  int size = 0;
  int rest = 0;
  unsigned char none = 0;
  bool good = EVP_CipherInit_ex2(context.get(), cipher.get(), Octets(key), Octets(iv), encrypt ? 1 : 0, nullptr) == 1 &&
              EVP_CipherUpdate(context.get(), nullptr, &size, Octets(std::string_view(with)),
                               static_cast<int>(with.size())) == 1 &&
              EVP_CipherUpdate(context.get(), Octets(result), &size, Octets(text), static_cast<int>(text.size())) == 1;
  if (!encrypt) {
    good = good &&
           EVP_CIPHER_CTX_ctrl(context.get(), EVP_CTRL_AEAD_SET_TAG, static_cast<int>(tag.size()), tag.data()) == 1;
  }
  good = good && EVP_CipherFinal_ex(context.get(), &none, &rest) == 1 && static_cast<size_t>(size) == text.size();
  if (encrypt) {
    tag.resize(kTagSize);
    good = good &&
           EVP_CIPHER_CTX_ctrl(context.get(), EVP_CTRL_AEAD_GET_TAG, static_cast<int>(tag.size()), tag.data()) == 1;
  }
  ERR_clear_error();
  if (!good) return absl::FailedPreconditionError("the encryption does not fit");
  return result;
}

}  // namespace

absl::StatusOr<v1::WrappedDocument> Wrap(const Verdict& verdict, std::string_view identity, std::string_view kind,
                                         std::string_view document) {
  if (document.size() > kLargest) return absl::InvalidArgumentError("the document is over 64 KiB");
  const std::string secret = Random(kSecretSize);
  const std::string iv = Random(kIvSize);
  if (secret.empty() || iv.empty()) return ca::OpensslError("make a secret");
  ASSIGN_OR_RETURN(Credential credential, MakeCredential(verdict.ek.get(), verdict.ak_name, secret));
  std::string tag;
  ASSIGN_OR_RETURN(std::string ciphertext, Cipher(true, secret, iv, kind, identity, document, tag));
  v1::WrappedDocument wrapped;
  wrapped.set_version(kVersion);
  wrapped.set_kind(std::string(kind));
  wrapped.set_identity(std::string(identity));
  wrapped.set_ek_sha256(verdict.ek_sha256);
  wrapped.set_ak_name(verdict.ak_name);
  wrapped.set_credential(std::move(credential.credential));
  wrapped.set_encrypted_seed(std::move(credential.encrypted_seed));
  wrapped.set_iv(iv);
  wrapped.set_ciphertext(std::move(ciphertext));
  wrapped.set_tag(tag);
  return wrapped;
}

absl::StatusOr<std::string> Unwrap(const v1::WrappedDocument& wrapped, std::string_view identity, std::string_view kind,
                                   std::string_view secret) {
  if (wrapped.kind() != kind) {
    return absl::FailedPreconditionError(absl::StrCat("this is a ", wrapped.kind(), ", not a ", std::string(kind)));
  }
  if (wrapped.identity() != identity) {
    return absl::FailedPreconditionError(
        absl::StrCat("this is for the key \"", wrapped.identity(), "\", not for \"", std::string(identity), "\""));
  }
  std::string tag = wrapped.tag();
  if (secret.size() == kSecretSize) {
    auto document = Cipher(false, secret, wrapped.iv(), kind, identity, wrapped.ciphertext(), tag);
    if (document.ok()) return document;
  }
  return absl::FailedPreconditionError("the TPM opened it, but what is in it was altered");
}

absl::StatusOr<v1::WrappedDocument> ParseWrapped(std::string_view octets) {
  v1::WrappedDocument wrapped;
  if (wrapped.ParseFromArray(octets.data(), static_cast<int>(octets.size())) &&
      wrapped.GetReflection()->GetUnknownFields(wrapped).empty() && wrapped.version() == kVersion &&
      wrapped.iv().size() == kIvSize && wrapped.tag().size() == kTagSize && wrapped.ciphertext().size() <= kLargest) {
    return wrapped;
  }
  return absl::InvalidArgumentError("this is nothing that was encrypted to a TPM by this version of ddskeyctl");
}

std::string Token(std::string_view answer, std::string_view bundle) {
  return absl::BytesToHexString(Sha256(absl::StrCat("ddskey-bound-v1", std::string(answer), Sha256(bundle))));
}

}  // namespace ddskey::attestation
