#include "client/ca/pcr_authority.h"

#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/x509.h>

#include <algorithm>
#include <cstdint>
#include <span>

#include "absl/status/status.h"
#include "client/ca/openssl.h"
#include "proto/contract/secret_access.h"
#include "proto/contract/status_macros.h"

namespace ddskey::ca {
namespace {

constexpr std::string_view kPrivate = "PRIVATE KEY-----";
constexpr std::string_view kPublic = "-----BEGIN PUBLIC KEY-----";

// GivePassphrase is OpenSSL's callback; without a passphrase there is none to give.
int GivePassphrase(char* buffer, int size, int, void* passphrase) {
  if (passphrase == nullptr) return -1;
  const std::span<const uint8_t> secret = static_cast<const SecretBytes*>(passphrase)->Reveal(SecretAccess());
  if (secret.size() > static_cast<size_t>(size)) return -1;
  std::ranges::copy(secret, buffer);
  return static_cast<int>(secret.size());
}

absl::StatusOr<std::string> PublicDer(EVP_PKEY* key) {
  uint8_t* der = nullptr;
  const int size = i2d_PUBKEY(key, &der);
  if (size <= 0) return OpensslError("write a public key");
  std::string result(reinterpret_cast<char*>(der), static_cast<size_t>(size));
  OPENSSL_free(der);
  return result;
}

}  // namespace

absl::StatusOr<std::string> ReadPublicKey(std::string_view pem) {
  if (pem.find(kPrivate) != std::string_view::npos) {
    return absl::InvalidArgumentError(
        "this file has a private key, which must not leave its owner; make the public one with: openssl pkey -pubout");
  }
  if (pem.find(kPublic) == std::string_view::npos) {
    return absl::InvalidArgumentError("this file has no public key (PEM, -----BEGIN PUBLIC KEY-----)");
  }
  const OpensslPtr<BIO> in = Reader(pem);
  const OpensslPtr<EVP_PKEY> key(
      PEM_read_bio_PUBKEY_ex(in.get(), nullptr, &GivePassphrase, nullptr, Library(), nullptr));
  ERR_clear_error();
  if (key == nullptr) return absl::InvalidArgumentError("the public key in this file cannot be read");
  return PublicDer(key.get());
}

bool IsEncrypted(std::string_view pem) { return pem.find("ENCRYPTED") != std::string_view::npos; }

absl::StatusOr<SignedApproval> Approve(std::string_view pem, const SecretBytes* passphrase, const PcrValues& values,
                                       const std::string& label) {
  if (pem.find(kPrivate) == std::string_view::npos) {
    return absl::InvalidArgumentError("the authority's file has no private key (PEM)");
  }
  const OpensslPtr<BIO> in = Reader(pem);
  // OpenSSL only lends it to the callback.
  void* const lent = const_cast<SecretBytes*>(passphrase);
  const OpensslPtr<EVP_PKEY> key(
      PEM_read_bio_PrivateKey_ex(in.get(), nullptr, &GivePassphrase, lent, Library(), nullptr));
  ERR_clear_error();
  if (key == nullptr) {
    return absl::PermissionDeniedError(
        "the authority's key does not open: the passphrase is wrong, or the file damaged");
  }
  SignedApproval result;
  ASSIGN_OR_RETURN(result.authority, PublicDer(key.get()));
  const std::string octets = ToBeApproved(values, label);
  const OpensslPtr<EVP_MD_CTX> context(EVP_MD_CTX_new());
  size_t size = 0;
  const auto* const data = reinterpret_cast<const unsigned char*>(octets.data());
  if (context == nullptr ||
      EVP_DigestSignInit_ex(context.get(), nullptr, "SHA256", Library(), nullptr, key.get(), nullptr) != 1 ||
      EVP_DigestSign(context.get(), nullptr, &size, data, octets.size()) != 1) {
    return OpensslError("sign with the authority's key");
  }
  std::string signature(size, '\0');
  if (EVP_DigestSign(context.get(), reinterpret_cast<unsigned char*>(signature.data()), &size, data, octets.size()) !=
      1) {
    return OpensslError("sign with the authority's key");
  }
  signature.resize(size);
  result.approval = {label, values, std::move(signature)};
  return result;
}

}  // namespace ddskey::ca
