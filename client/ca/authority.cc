#include "client/ca/authority.h"

#include <openssl/err.h>
#include <openssl/pem.h>
#include <openssl/pkcs12.h>
#include <openssl/rsa.h>

#include <algorithm>
#include <iterator>
#include <span>

#include "absl/strings/str_cat.h"
#include "proto/contract/secret_access.h"
#include "proto/contract/status_macros.h"

namespace ddskey::ca {
namespace {

// What `openssl pkcs8 -scrypt` takes, and five times its work: a passphrase is tried in a quarter of a second.
constexpr uint64_t kScryptN = 16384;
constexpr uint64_t kScryptR = 8;
constexpr uint64_t kScryptP = 5;

using Extensions = std::vector<std::pair<int, std::string>>;

absl::Status AddExtensions(const Extensions& extensions, X509* issuer, X509* certificate, X509_CRL* list) {
  X509V3_CTX context;
  X509V3_set_ctx(&context, issuer, certificate, nullptr, list, 0);
  for (const auto& [type, value] : extensions) {
    X509_EXTENSION* const extension = X509V3_EXT_nconf_nid(nullptr, &context, type, value.c_str());
    const bool added = extension != nullptr && (certificate != nullptr ? X509_add_ext(certificate, extension, -1)
                                                                       : X509_CRL_add_ext(list, extension, -1)) == 1;
    X509_EXTENSION_free(extension);
    if (!added) return OpensslError("make an extension");
  }
  return absl::OkStatus();
}

Extensions ExtensionsOf(AuthorityKind kind) {
  // No path goes on below: an identity CA here has no intermediate CAs.
  return {
      {NID_basic_constraints, "critical,CA:TRUE,pathlen:0"},
      {NID_key_usage, kind == AuthorityKind::kIdentity ? "critical,keyCertSign,cRLSign" : "critical,digitalSignature"},
      {NID_subject_key_identifier, "hash"}};
}

absl::Status SetValidity(X509* certificate, absl::Time not_before, absl::Time not_after) {
  const OpensslPtr<ASN1_TIME> begin = MakeTime(not_before);
  const OpensslPtr<ASN1_TIME> end = MakeTime(not_after);
  if (begin == nullptr || end == nullptr || X509_set1_notBefore(certificate, begin.get()) != 1 ||
      X509_set1_notAfter(certificate, end.get()) != 1) {
    return OpensslError("set the dates of a certificate");
  }
  return absl::OkStatus();
}

absl::Status SetSerial(X509* certificate, std::string_view serial) {
  const OpensslPtr<BIGNUM> number(
      BN_bin2bn(reinterpret_cast<const unsigned char*>(serial.data()), static_cast<int>(serial.size()), nullptr));
  if (number == nullptr || BN_to_ASN1_INTEGER(number.get(), X509_get_serialNumber(certificate)) == nullptr) {
    return OpensslError("set the serial number");
  }
  return absl::OkStatus();
}

absl::StatusOr<std::string> CertificatePem(X509* certificate) {
  const OpensslPtr<BIO> out(BIO_new(BIO_s_mem()));
  if (PEM_write_bio_X509(out.get(), certificate) != 1) return OpensslError("write a certificate");
  return Written(out.get());
}

absl::StatusOr<OpensslPtr<EVP_PKEY>> Generate(KeyAlgorithm algorithm) {
  OpensslPtr<EVP_PKEY> key(IsRsa(algorithm)
                               ? EVP_PKEY_Q_keygen(Library(), nullptr, "RSA", static_cast<size_t>(KeyBits(algorithm)))
                               : EVP_PKEY_Q_keygen(Library(), nullptr, "EC", CurveName(algorithm).c_str()));
  if (key == nullptr) return OpensslError("make a key");
  return key;
}

absl::StatusOr<std::string> Encrypt(const EVP_PKEY* key, const SecretBytes& passphrase) {
  const std::span<const uint8_t> secret = passphrase.Reveal(SecretAccess());
  const OpensslPtr<PKCS8_PRIV_KEY_INFO> plain(EVP_PKEY2PKCS8(key));
  OpensslPtr<X509_ALGOR> scheme(
      PKCS5_pbe2_set_scrypt(EVP_aes_256_cbc(), nullptr, 0, nullptr, kScryptN, kScryptR, kScryptP));
  if (plain == nullptr || scheme == nullptr) return OpensslError("encrypt a key");
  const OpensslPtr<X509_SIG> sealed(PKCS8_set0_pbe(reinterpret_cast<const char*>(secret.data()),
                                                   static_cast<int>(secret.size()), plain.get(), scheme.get()));
  if (sealed == nullptr) return OpensslError("encrypt a key");
  // It belongs to `sealed` now.
  (void)scheme.release();
  const OpensslPtr<BIO> out(BIO_new(BIO_s_mem()));
  if (PEM_write_bio_PKCS8(out.get(), sealed.get()) != 1) return OpensslError("write a key");
  return Written(out.get());
}

int GivePassphrase(char* buffer, int size, int, void* passphrase) {
  const std::span<const uint8_t> secret = static_cast<const SecretBytes*>(passphrase)->Reveal(SecretAccess());
  if (secret.size() > static_cast<size_t>(size)) return -1;
  std::ranges::copy(secret, buffer);
  return static_cast<int>(secret.size());
}

absl::StatusOr<OpensslPtr<X509>> MakeCertificate(const X509_NAME* subject, EVP_PKEY* key,
                                                 const Authority::Grant& grant) {
  OpensslPtr<X509> certificate(X509_new_ex(Library(), nullptr));
  if (certificate == nullptr || X509_set_version(certificate.get(), X509_VERSION_3) != 1 ||
      X509_set_subject_name(certificate.get(), subject) != 1 || X509_set_pubkey(certificate.get(), key) != 1) {
    return OpensslError("make a certificate");
  }
  RETURN_IF_ERROR(SetSerial(certificate.get(), grant.serial));
  RETURN_IF_ERROR(SetValidity(certificate.get(), grant.not_before, grant.not_after));
  return certificate;
}

// DDS Security knows SHA-256 only.
absl::Status SignCertificate(X509* certificate, EVP_PKEY* key) {
  if (X509_sign(certificate, key, EVP_sha256()) <= 0) return OpensslError("sign a certificate");
  return absl::OkStatus();
}

absl::Status AddRevoked(X509_CRL* list, const Issued& issued) {
  X509_REVOKED* const entry = X509_REVOKED_new();
  BIGNUM* raw = nullptr;
  BN_hex2bn(&raw, issued.serial.c_str());
  const OpensslPtr<BIGNUM> number(raw);
  const OpensslPtr<ASN1_INTEGER> serial(BN_to_ASN1_INTEGER(number.get(), nullptr));
  const OpensslPtr<ASN1_TIME> when = MakeTime(*issued.revoked);
  bool good = serial != nullptr && when != nullptr && X509_REVOKED_set_serialNumber(entry, serial.get()) == 1 &&
              X509_REVOKED_set_revocationDate(entry, when.get()) == 1;
  if (good && !issued.reason.empty()) {
    const OpensslPtr<ASN1_ENUMERATED> reason(ASN1_ENUMERATED_new());
    good = ASN1_ENUMERATED_set(reason.get(), std::ranges::find(kReasons, issued.reason) - std::begin(kReasons)) == 1 &&
           X509_REVOKED_add1_ext_i2d(entry, NID_crl_reason, reason.get(), 0, 0) == 1;
  }
  if (good && X509_CRL_add0_revoked(list, entry) == 1) return absl::OkStatus();
  X509_REVOKED_free(entry);
  return OpensslError("list a revoked certificate");
}

}  // namespace

absl::StatusOr<Authority::Documents> Authority::Make(const Terms& terms, const SecretBytes& passphrase) {
  const OpensslPtr<X509_NAME> subject(X509_NAME_new());
  for (const auto& [type, value] : terms.subject) {
    if (X509_NAME_add_entry_by_txt(subject.get(), type.c_str(), MBSTRING_UTF8,
                                   reinterpret_cast<const unsigned char*>(value.data()), static_cast<int>(value.size()),
                                   -1, 0) != 1) {
      ERR_clear_error();
      return absl::InvalidArgumentError(absl::StrCat("a CA cannot have ", type, "=", value, " in its subject"));
    }
  }
  ASSIGN_OR_RETURN(const OpensslPtr<EVP_PKEY> key, Generate(terms.algorithm));
  // The only certificate of that issuer that the CA's index does not have: one octet, while others have 16.
  ASSIGN_OR_RETURN(const OpensslPtr<X509> certificate,
                   MakeCertificate(subject.get(), key.get(), {"\x01", terms.not_before, terms.not_after}));
  if (X509_set_issuer_name(certificate.get(), subject.get()) != 1) return OpensslError("make a certificate");
  RETURN_IF_ERROR(AddExtensions(ExtensionsOf(terms.kind), certificate.get(), certificate.get(), nullptr));
  RETURN_IF_ERROR(SignCertificate(certificate.get(), key.get()));
  Documents documents;
  ASSIGN_OR_RETURN(documents.certificate, CertificatePem(certificate.get()));
  ASSIGN_OR_RETURN(documents.key, Encrypt(key.get(), passphrase));
  return documents;
}

absl::StatusOr<Authority> Authority::Open(const Documents& documents, const SecretBytes& passphrase) {
  auto certificate = ReadCertificate(documents.certificate);
  if (!certificate.ok()) return absl::DataLossError("the certificate of the CA is damaged");
  const OpensslPtr<BIO> in = Reader(documents.key);
  // OpenSSL only lends it to the callback.
  void* const lent = const_cast<SecretBytes*>(&passphrase);
  OpensslPtr<EVP_PKEY> key(PEM_read_bio_PrivateKey_ex(in.get(), nullptr, &GivePassphrase, lent, Library(), nullptr));
  ERR_clear_error();
  if (key == nullptr) return absl::PermissionDeniedError("the CA's key does not open: the passphrase is wrong");
  if (X509_check_private_key(certificate->get(), key.get()) != 1) {
    ERR_clear_error();
    return absl::DataLossError("the CA's certificate and its key do not belong together");
  }
  ASSIGN_OR_RETURN(const absl::Time not_after, ReadTime(X509_get0_notAfter(certificate->get())));
  return Authority(std::move(key), *std::move(certificate), not_after);
}

absl::StatusOr<std::string> Authority::Certify(const Request& request, const Grant& grant) const {
  if (grant.not_after > not_after_) {
    return absl::FailedPreconditionError(
        absl::StrCat("the certificate would outlive the CA's own, which ends on ", absl::FormatTime(not_after_)));
  }
  if (grant.not_after <= grant.not_before) return absl::FailedPreconditionError("the certificate would end at once");
  const X509_NAME* const issuer = X509_get_subject_name(certificate_.get());
  if (X509_NAME_cmp(request.subject(), issuer) == 0) {
    return absl::FailedPreconditionError("the request has the subject of the CA itself");
  }
  ASSIGN_OR_RETURN(const OpensslPtr<X509> certificate, MakeCertificate(request.subject(), request.public_key(), grant));
  if (X509_set_issuer_name(certificate.get(), issuer) != 1) return OpensslError("make a certificate");
  const Extensions extensions = {{NID_basic_constraints, "critical,CA:FALSE"},
                                 {NID_key_usage, "critical,digitalSignature"},
                                 {NID_subject_key_identifier, "hash"},
                                 {NID_authority_key_identifier, "keyid:always"}};
  RETURN_IF_ERROR(AddExtensions(extensions, certificate_.get(), certificate.get(), nullptr));
  RETURN_IF_ERROR(SignCertificate(certificate.get(), key_.get()));
  return CertificatePem(certificate.get());
}

absl::StatusOr<std::string> Authority::List(const Index& index, uint64_t number, absl::Time this_update,
                                            absl::Time next_update) const {
  if (next_update > not_after_) {
    return absl::FailedPreconditionError(
        absl::StrCat("the list would outlive the CA, which ends on ", absl::FormatTime(not_after_)));
  }
  const OpensslPtr<X509_CRL> list(X509_CRL_new_ex(Library(), nullptr));
  const OpensslPtr<ASN1_TIME> begin = MakeTime(this_update);
  const OpensslPtr<ASN1_TIME> end = MakeTime(next_update);
  if (begin == nullptr || end == nullptr || X509_CRL_set_version(list.get(), X509_CRL_VERSION_2) != 1 ||
      X509_CRL_set_issuer_name(list.get(), X509_get_subject_name(certificate_.get())) != 1 ||
      X509_CRL_set1_lastUpdate(list.get(), begin.get()) != 1 || X509_CRL_set1_nextUpdate(list.get(), end.get()) != 1) {
    return OpensslError("make a revocation list");
  }
  for (const Issued& issued : index.entries()) {
    if (issued.revoked.has_value()) RETURN_IF_ERROR(AddRevoked(list.get(), issued));
  }
  RETURN_IF_ERROR(
      AddExtensions({{NID_authority_key_identifier, "keyid:always"}}, certificate_.get(), nullptr, list.get()));
  const OpensslPtr<ASN1_INTEGER> count(ASN1_INTEGER_new());
  if (ASN1_INTEGER_set_uint64(count.get(), number) != 1 ||
      X509_CRL_add1_ext_i2d(list.get(), NID_crl_number, count.get(), 0, 0) != 1) {
    return OpensslError("number a revocation list");
  }
  if (X509_CRL_sort(list.get()) != 1 || X509_CRL_sign(list.get(), key_.get(), EVP_sha256()) <= 0) {
    return OpensslError("sign a revocation list");
  }
  const OpensslPtr<BIO> out(BIO_new(BIO_s_mem()));
  if (PEM_write_bio_X509_CRL(out.get(), list.get()) != 1) return OpensslError("write a revocation list");
  return Written(out.get());
}

absl::StatusOr<std::string> Authority::SignDocument(std::string_view xml) const {
  constexpr int kFlags = PKCS7_DETACHED | PKCS7_TEXT | PKCS7_STREAM;
  const OpensslPtr<BIO> in = Reader(xml);
  const OpensslPtr<PKCS7> signature(
      PKCS7_sign_ex(certificate_.get(), key_.get(), nullptr, in.get(), kFlags, Library(), nullptr));
  const OpensslPtr<BIO> out(BIO_new(BIO_s_mem()));
  if (signature == nullptr || SMIME_write_PKCS7(out.get(), signature.get(), in.get(), kFlags) != 1) {
    return OpensslError("sign a document");
  }
  return Written(out.get());
}

}  // namespace ddskey::ca
