#include "daemon/trust/certificate.h"

#include <openssl/core_names.h>
#include <openssl/evp.h>
#include <openssl/rsa.h>
#include <openssl/x509.h>

#include <utility>

#include "absl/strings/str_cat.h"
#include "daemon/trust/openssl.h"
#include "daemon/trust/pem.h"
#include "proto/contract/status_macros.h"

namespace ddskey {

using trust::Library;
using trust::OpensslPtr;

struct Certificate::Parsed {
  OpensslPtr<X509> x509;
  std::string der;
  std::string subject;
  std::string issuer;
  std::string subject_der;
  std::string serial;
  absl::Time not_before;
  absl::Time not_after;
  std::string digest;
  std::string public_key;
  std::string token_algorithm;
};

namespace {

constexpr trust::PemLimits kDocumentLimits = {.octets = 64 * 1024, .blocks = 16};

// KeyText names a key as the identity token does; empty for keys that cannot be read.
std::string KeyText(EVP_PKEY* key) {
  if (key == nullptr) return {};
  if (EVP_PKEY_is_a(key, "RSA")) return absl::StrCat("RSA-", EVP_PKEY_get_bits(key));
  if (!EVP_PKEY_is_a(key, "EC")) return EVP_PKEY_get0_type_name(key);
  int is_explicit = 1;
  char group[64] = {};
  EVP_PKEY_get_int_param(key, OSSL_PKEY_PARAM_EC_DECODED_FROM_EXPLICIT_PARAMS, &is_explicit);
  if (is_explicit != 0 || EVP_PKEY_get_group_name(key, group, sizeof group, nullptr) != 1) return "EC-explicit";
  return absl::StrCat("EC-", group);
}

}  // namespace

Certificate::Certificate(std::shared_ptr<const Parsed> parsed) : parsed_(std::move(parsed)) {}

absl::StatusOr<Certificate> Certificate::ParseDer(std::string_view der) {
  auto parsed = std::make_shared<Parsed>();
  X509* x509 = X509_new_ex(Library(), nullptr);
  const auto* octets = reinterpret_cast<const unsigned char*>(der.data());
  const auto* const end = octets + der.size();
  // On failure d2i_X509 frees what it was given.
  if (x509 == nullptr || d2i_X509(&x509, &octets, static_cast<long>(der.size())) == nullptr) {
    return absl::InvalidArgumentError(absl::StrCat("a certificate is malformed: ", trust::TakeError()));
  }
  parsed->x509.reset(x509);
  if (octets != end) return absl::InvalidArgumentError("a certificate is followed by octets that do not belong to it");
  ASSIGN_OR_RETURN(parsed->not_before, trust::ReadTime(X509_get0_notBefore(x509)));
  ASSIGN_OR_RETURN(parsed->not_after, trust::ReadTime(X509_get0_notAfter(x509)));
  parsed->der = std::string(der);
  parsed->digest = trust::Sha256(der);
  parsed->subject = trust::NameText(X509_get_subject_name(x509));
  parsed->issuer = trust::NameText(X509_get_issuer_name(x509));
  parsed->subject_der = trust::Der(X509_get_subject_name(x509), i2d_X509_NAME);
  parsed->serial = trust::NumberText(X509_get0_serialNumber(x509));
  parsed->public_key = trust::Der(X509_get_X509_PUBKEY(x509), i2d_X509_PUBKEY);
  parsed->token_algorithm = KeyText(X509_get0_pubkey(x509));
  // Computes what OpenSSL would else compute at first use, under a lock.
  X509_check_purpose(x509, -1, 0);
  trust::TakeError();
  return Certificate(std::move(parsed));
}

absl::StatusOr<std::vector<Certificate>> Certificate::ParsePem(std::string_view pem) {
  ASSIGN_OR_RETURN(const std::vector<std::string> blocks, trust::ReadPem(pem, "CERTIFICATE", kDocumentLimits));
  if (blocks.empty()) return absl::InvalidArgumentError("the document holds no certificate");
  std::vector<Certificate> certificates;
  for (const std::string& block : blocks) {
    ASSIGN_OR_RETURN(Certificate certificate, ParseDer(block));
    certificates.push_back(std::move(certificate));
  }
  return certificates;
}

std::string Certificate::WithoutText(std::string_view pem) {
  return trust::WithoutText(pem, "CERTIFICATE", kDocumentLimits);
}

const std::string& Certificate::subject() const { return parsed_->subject; }
const std::string& Certificate::issuer() const { return parsed_->issuer; }
const std::string& Certificate::subject_der() const { return parsed_->subject_der; }
const std::string& Certificate::serial() const { return parsed_->serial; }
absl::Time Certificate::not_before() const { return parsed_->not_before; }
absl::Time Certificate::not_after() const { return parsed_->not_after; }
const std::string& Certificate::digest() const { return parsed_->digest; }
const std::string& Certificate::public_key() const { return parsed_->public_key; }
const std::string& Certificate::token_algorithm() const { return parsed_->token_algorithm; }
X509* Certificate::x509() const { return parsed_->x509.get(); }
std::string Certificate::pem() const { return trust::WritePem("CERTIFICATE", parsed_->der); }

absl::Status Certificate::VerifySignature(std::string_view octets, std::string_view signature) const {
  EVP_PKEY* const key = X509_get0_pubkey(x509());
  const bool rsa = key != nullptr && EVP_PKEY_is_a(key, "RSA");
  absl::Status refusal = absl::PermissionDeniedError(
      absl::StrCat("the signature does not verify with the key of ", trust::PrintableText(subject())));
  if (!rsa && (key == nullptr || !EVP_PKEY_is_a(key, "EC"))) return refusal;
  const OpensslPtr<EVP_MD_CTX> context(EVP_MD_CTX_new());
  EVP_PKEY_CTX* options = nullptr;
  bool good = EVP_DigestVerifyInit_ex(context.get(), &options, "SHA256", Library(), nullptr, key, nullptr) == 1;
  // The hash of MGF1 is that of the signature unless set otherwise. Peers use salts of any length (RFC 8017 9.1).
  good = good && (!rsa || (EVP_PKEY_CTX_set_rsa_padding(options, RSA_PKCS1_PSS_PADDING) == 1 &&
                           EVP_PKEY_CTX_set_rsa_pss_saltlen(options, RSA_PSS_SALTLEN_AUTO) == 1));
  // For ECDSA, OpenSSL encodes again what it decoded and refuses any other form of the same numbers.
  good = good &&
         EVP_DigestVerify(context.get(), reinterpret_cast<const unsigned char*>(signature.data()), signature.size(),
                          reinterpret_cast<const unsigned char*>(octets.data()), octets.size()) == 1;
  trust::TakeError();
  return good ? absl::OkStatus() : refusal;
}

}  // namespace ddskey
