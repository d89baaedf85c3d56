#include "client/ca/certificate_authority.h"

#include <openssl/rand.h>

#include <algorithm>
#include <charconv>

#include "absl/strings/ascii.h"
#include "absl/strings/escaping.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "client/ca/openssl.h"
#include "proto/contract/status_macros.h"

namespace ddskey::ca {
namespace {

constexpr size_t kSerialSize = 16;
constexpr size_t kLargestDocument = size_t{64} * 1024;
constexpr size_t kLargestIndex = size_t{64} * 1024 * 1024;
// For clocks that are behind.
constexpr absl::Duration kBackdated = absl::Minutes(10);
constexpr absl::Duration kYear = absl::Hours(24 * 365 + 6);

constexpr char kIndex[] = "index.txt";
constexpr char kListNumber[] = "crlnumber";
constexpr char kNonces[] = "nonces.txt";
constexpr char kDocuments[] = "documents.txt";

std::string NameOf(AuthorityKind kind) { return kind == AuthorityKind::kIdentity ? "identity" : "permissions"; }
std::string CertificateFile(AuthorityKind kind) { return NameOf(kind) + "_ca.pem"; }
std::string KeyFile(AuthorityKind kind) { return NameOf(kind) + "_ca.key"; }

absl::StatusOr<std::string> NewSerial(const Index& index) {
  std::string serial(kSerialSize, '\0');
  do {
    if (RAND_bytes_ex(Library(), reinterpret_cast<unsigned char*>(serial.data()), serial.size(), 0) != 1) {
      return OpensslError("make a serial number");
    }
    // Positive, and never shorter.
    serial[0] = static_cast<char>((static_cast<unsigned char>(serial[0]) & 0x7f) | 0x40);
  } while (index.Find(absl::BytesToHexString(serial)) != nullptr);
  return serial;
}

// OneLine is a subject as OpenSSL's index has it.
std::string OneLine(const X509_NAME* name) {
  char* const text = X509_NAME_oneline(name, nullptr, 0);
  std::string line(text == nullptr ? "" : text);
  OPENSSL_free(text);
  return line;
}

// KindOf is "governance", "permissions", or empty for anything else.
std::string_view KindOf(std::string_view xml) {
  const bool governance = xml.find("<domain_access_rules") != std::string_view::npos;
  const bool permissions = xml.find("<permissions") != std::string_view::npos;
  if (xml.find("<dds") == std::string_view::npos || governance == permissions) return "";
  return governance ? "governance" : "permissions";
}

absl::StatusOr<std::unique_ptr<Folder>> MakeOrOpen(const std::string& path) {
  auto made = Folder::Make(path);
  return absl::IsAlreadyExists(made.status()) ? Folder::Open(path) : std::move(made);
}

}  // namespace

absl::Status CertificateAuthority::Init(const std::string& path, const Plan& plan, const SecretBytes& passphrase,
                                        absl::Time now) {
  ASSIGN_OR_RETURN(const std::unique_ptr<Folder> folder, MakeOrOpen(path));
  for (const AuthorityKind kind : plan.kinds) {
    const auto there = folder->Read(CertificateFile(kind), kLargestDocument);
    if (!there.ok() && !absl::IsNotFound(there.status())) return there.status();
    if (there.ok()) {
      return absl::AlreadyExistsError(absl::StrCat("there is a CA in ", path, "; choose another folder"));
    }
  }
  for (const AuthorityKind kind : plan.kinds) {
    Authority::Terms terms = {.kind = kind,
                              .subject = {{"CN", NameOf(kind) + " CA"}},
                              .algorithm = plan.algorithm,
                              .not_before = now - kBackdated,
                              .not_after = now + plan.years * kYear};
    if (!plan.organization.empty()) terms.subject.insert(terms.subject.begin(), {"O", plan.organization});
    ASSIGN_OR_RETURN(const Authority::Documents documents, Authority::Make(terms, passphrase));
    RETURN_IF_ERROR(folder->Create(KeyFile(kind), documents.key, 0600));
    if (kind == AuthorityKind::kIdentity) {
      RETURN_IF_ERROR(folder->MakeFolder("issued"));
      RETURN_IF_ERROR(folder->Create(kIndex, "", 0600));
      RETURN_IF_ERROR(folder->Create("index.txt.attr", "unique_subject = no\n", 0600));
      RETURN_IF_ERROR(folder->Create(kListNumber, "01\n", 0600));
    } else {
      RETURN_IF_ERROR(folder->Create(kDocuments, "", 0600));
    }
    // The last one: with it the CA is there.
    RETURN_IF_ERROR(folder->Create(CertificateFile(kind), documents.certificate, 0644));
  }
  return absl::OkStatus();
}

absl::StatusOr<CertificateAuthority> CertificateAuthority::Open(const std::string& path) {
  ASSIGN_OR_RETURN(std::unique_ptr<Folder> folder, Folder::Open(path));
  return CertificateAuthority(std::move(folder));
}

absl::StatusOr<Authority> CertificateAuthority::OpenAuthority(AuthorityKind kind, const SecretBytes& passphrase) const {
  Authority::Documents documents;
  ASSIGN_OR_RETURN(documents.certificate, folder_->Read(CertificateFile(kind), kLargestDocument));
  ASSIGN_OR_RETURN(documents.key, folder_->Read(KeyFile(kind), kLargestDocument));
  return Authority::Open(documents, passphrase);
}

absl::StatusOr<Index> CertificateAuthority::ReadIndex() const {
  ASSIGN_OR_RETURN(const std::string text, folder_->Read(kIndex, kLargestIndex));
  return Index::Parse(text);
}

absl::StatusOr<std::string> CertificateAuthority::Certify(const Request& request, absl::Time not_after,
                                                          const SecretBytes& passphrase, absl::Time now) {
  ASSIGN_OR_RETURN(Index index, ReadIndex());
  ASSIGN_OR_RETURN(const Authority authority, OpenAuthority(AuthorityKind::kIdentity, passphrase));
  if (not_after <= now) return absl::FailedPreconditionError("the certificate would end in the past");
  ASSIGN_OR_RETURN(const std::string serial, NewSerial(index));
  ASSIGN_OR_RETURN(const std::string certificate, authority.Certify(request, {serial, now - kBackdated, not_after}));
  Issued issued;
  issued.serial = absl::AsciiStrToUpper(absl::BytesToHexString(serial));
  issued.subject = OneLine(request.subject());
  issued.not_after = not_after;
  const std::string file = absl::StrCat("issued/", issued.serial, ".pem");
  RETURN_IF_ERROR(index.Add(std::move(issued)));
  // First the record: a certificate that is not in it could not be revoked.
  RETURN_IF_ERROR(folder_->Replace(kIndex, index.Format()));
  RETURN_IF_ERROR(folder_->Create(file, certificate, 0644));
  return certificate;
}

absl::StatusOr<Nonces> CertificateAuthority::ReadNonces() const {
  // Only identity CAs have any.
  RETURN_IF_ERROR(folder_->Read(CertificateFile(AuthorityKind::kIdentity), kLargestDocument).status());
  const auto text = folder_->Read(kNonces, kLargestIndex);
  if (absl::IsNotFound(text.status())) return Nonces();
  RETURN_IF_ERROR(text.status());
  return Nonces::Parse(*text);
}

absl::StatusOr<std::string> CertificateAuthority::IssueNonce(absl::Time now) {
  ASSIGN_OR_RETURN(Nonces nonces, ReadNonces());
  ASSIGN_OR_RETURN(std::string nonce, nonces.Issue(now));
  RETURN_IF_ERROR(folder_->Replace(kNonces, nonces.Format()));
  return nonce;
}

absl::Status CertificateAuthority::CheckNonce(std::string_view nonce, absl::Time now) const {
  ASSIGN_OR_RETURN(const Nonces nonces, ReadNonces());
  return nonces.Check(nonce, now);
}

absl::Status CertificateAuthority::UseNonce(std::string_view nonce, absl::Time now) {
  ASSIGN_OR_RETURN(Nonces nonces, ReadNonces());
  RETURN_IF_ERROR(nonces.Use(nonce, now));
  return folder_->Replace(kNonces, nonces.Format());
}

absl::StatusOr<std::string> CertificateAuthority::SignDocument(std::string_view xml, const SecretBytes& passphrase,
                                                               absl::Time now) {
  const std::string_view kind = KindOf(xml);
  if (kind.empty() || xml.size() > kLargestDocument || xml.find('\0') != std::string_view::npos) {
    return absl::InvalidArgumentError(
        "this is no governance or permissions document: XML of at most 64 KiB with <dds>, and in it either "
        "<domain_access_rules> or <permissions>");
  }
  ASSIGN_OR_RETURN(const Authority authority, OpenAuthority(AuthorityKind::kPermissions, passphrase));
  ASSIGN_OR_RETURN(std::string signed_document, authority.SignDocument(xml));
  ASSIGN_OR_RETURN(std::string documents, folder_->Read(kDocuments, kLargestIndex));
  absl::StrAppend(&documents, absl::FormatTime("%Y-%m-%dT%H:%M:%SZ", now, absl::UTCTimeZone()), "\t", Sha256Text(xml),
                  "\t", std::string(kind), "\n");
  RETURN_IF_ERROR(folder_->Replace(kDocuments, documents));
  return signed_document;
}

absl::Status CertificateAuthority::Revoke(std::string_view serial, std::string_view reason, absl::Time now) {
  ASSIGN_OR_RETURN(Index index, ReadIndex());
  RETURN_IF_ERROR(index.Revoke(serial, now, reason));
  return folder_->Replace(kIndex, index.Format());
}

absl::StatusOr<std::string> CertificateAuthority::MakeList(absl::Time next_update, const SecretBytes& passphrase,
                                                           absl::Time now) {
  ASSIGN_OR_RETURN(const Index index, ReadIndex());
  ASSIGN_OR_RETURN(const std::string text, folder_->Read(kListNumber, 64));
  const std::string digits(absl::StripAsciiWhitespace(text));
  uint64_t number = 0;
  const auto [end, error] = std::from_chars(digits.data(), digits.data() + digits.size(), number, 16);
  if (error != std::errc() || end != digits.data() + digits.size()) {
    return absl::DataLossError(absl::StrCat(folder_->path(), "/", kListNumber, " is damaged"));
  }
  ASSIGN_OR_RETURN(const Authority authority, OpenAuthority(AuthorityKind::kIdentity, passphrase));
  if (next_update <= now) return absl::FailedPreconditionError("the list would be outdated at once");
  ASSIGN_OR_RETURN(std::string list, authority.List(index, number, now, next_update));
  // First the number: two lists of one number would differ.
  const std::string next = absl::StrFormat("%X", number + 1);
  RETURN_IF_ERROR(folder_->Replace(kListNumber, absl::StrCat(next.size() % 2 == 0 ? "" : "0", next, "\n")));
  return list;
}

absl::Status CertificateAuthority::CheckIssued(std::string_view certificate) const {
  ASSIGN_OR_RETURN(const std::string serial, SerialOf(certificate));
  ASSIGN_OR_RETURN(const Index index, ReadIndex());
  const Issued* const issued = index.Find(serial);
  if (issued == nullptr) return absl::FailedPreconditionError("this CA has no record of that certificate");
  if (issued->revoked.has_value()) return absl::FailedPreconditionError("this CA has revoked that certificate");
  return absl::OkStatus();
}

absl::StatusOr<std::string> CertificateAuthority::SerialOf(std::string_view certificate) const {
  ASSIGN_OR_RETURN(const OpensslPtr<X509> parsed, ReadCertificate(certificate));
  ASSIGN_OR_RETURN(const std::string pem, folder_->Read(CertificateFile(AuthorityKind::kIdentity), kLargestDocument));
  ASSIGN_OR_RETURN(const OpensslPtr<X509> own, ReadCertificate(pem));
  if (X509_verify(parsed.get(), X509_get0_pubkey(own.get())) != 1) {
    return absl::FailedPreconditionError("this CA did not sign that certificate");
  }
  const OpensslPtr<BIGNUM> number(ASN1_INTEGER_to_BN(X509_get0_serialNumber(parsed.get()), nullptr));
  char* const digits = BN_bn2hex(number.get());
  std::string serial(digits == nullptr ? "" : digits);
  OPENSSL_free(digits);
  return serial;
}

}  // namespace ddskey::ca
