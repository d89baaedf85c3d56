#include "daemon/trust/revocation_list.h"

#include <openssl/objects.h>
#include <openssl/x509.h>
#include <openssl/x509v3.h>

#include <algorithm>
#include <initializer_list>
#include <mutex>
#include <optional>
#include <utility>

#include "absl/strings/str_cat.h"
#include "daemon/trust/list_scope.h"
#include "daemon/trust/openssl.h"
#include "daemon/trust/pem.h"
#include "proto/contract/status_macros.h"

namespace ddskey {

using trust::Library;
using trust::OpensslPtr;

struct RevocationList::Parsed {
  OpensslPtr<X509_CRL> crl;
  std::string der;
  std::string issuer;
  std::string issuer_der;
  std::string number;
  std::string authority_key;
  std::string scope_digest;
  absl::Time this_update;
  absl::Time next_update;
  size_t size = 0;
  std::string digest;
  std::optional<trust::ListScope> scope;
  // DER of public keys with which the signature verified.
  mutable std::mutex mutex;
  mutable std::vector<std::string> signers;
};

namespace {

constexpr char kLabel[] = "X509 CRL";
// Public keys remembered: one, unless somebody writes it in several ways.
constexpr size_t kMostSigners = 4;
constexpr trust::PemLimits kLimits = {.octets = RevocationList::kLargestDocument, .blocks = RevocationList::kMostLists};

bool HasGoodHash(const X509_CRL* crl) {
  int hash = NID_undef;
  const int signature = X509_CRL_get_signature_nid(crl);
  if (signature == NID_rsassaPss) return true;
  return OBJ_find_sigid_algs(signature, &hash, nullptr) == 1 &&
         (hash == NID_sha256 || hash == NID_sha384 || hash == NID_sha512);
}

absl::StatusOr<OpensslPtr<X509_CRL>> ParseCrl(std::string_view der) {
  X509_CRL* crl = X509_CRL_new_ex(Library(), nullptr);
  const auto* at = reinterpret_cast<const unsigned char*>(der.data());
  const auto* const end = at + der.size();
  // On failure d2i_X509_CRL frees what it was given.
  OpensslPtr<X509_CRL> parsed(d2i_X509_CRL(&crl, &at, static_cast<long>(der.size())));
  const std::string reason = trust::TakeError();
  if (parsed == nullptr) return absl::InvalidArgumentError(absl::StrCat("a revocation list is malformed: ", reason));
  if (at != end) return absl::InvalidArgumentError("a revocation list is followed by octets that do not belong to it");
  return parsed;
}

// NumberOf is the CRL number in hexadecimal; empty if there is none, an error if there is one that cannot be read.
absl::StatusOr<std::string> NumberOf(const X509_CRL* crl) {
  int found = 0;
  auto* const integer = static_cast<ASN1_INTEGER*>(X509_CRL_get_ext_d2i(crl, NID_crl_number, &found, nullptr));
  if (integer == nullptr) {
    if (found == -1) return std::string();
    return absl::InvalidArgumentError("has a CRL number that cannot be read");
  }
  std::string number = trust::NumberText(integer);
  ASN1_INTEGER_free(integer);
  // RFC 5280, 5.2.3: at most 20 octets, and not negative.
  if (number.empty() || number.front() == '-' || number.size() > 40) {
    return absl::InvalidArgumentError("has a CRL number out of bounds");
  }
  return number;
}

// AuthorityKeyOf is the key identifier of the issuer; empty if there is none that can be read.
std::string AuthorityKeyOf(const X509_CRL* crl) {
  auto* const identifier =
      static_cast<AUTHORITY_KEYID*>(X509_CRL_get_ext_d2i(crl, NID_authority_key_identifier, nullptr, nullptr));
  if (identifier == nullptr) return {};
  std::string key;
  if (const ASN1_OCTET_STRING* octets = identifier->keyid; octets != nullptr) {
    key.assign(reinterpret_cast<const char*>(ASN1_STRING_get0_data(octets)),
               static_cast<size_t>(ASN1_STRING_length(octets)));
  }
  AUTHORITY_KEYID_free(identifier);
  return key;
}

// ScopeOf is the digest of the issuing distribution point; empty if there is none.
std::string ScopeOf(const X509_CRL* crl) {
  const int at = X509_CRL_get_ext_by_NID(crl, NID_issuing_distribution_point, -1);
  if (at < 0) return {};
  const ASN1_OCTET_STRING* const octets = X509_EXTENSION_get_data(X509_CRL_get_ext(crl, at));
  return trust::Sha256(std::string_view(reinterpret_cast<const char*>(ASN1_STRING_get0_data(octets)),
                                        static_cast<size_t>(ASN1_STRING_length(octets))));
}

// HasUnknownCritical is whether there is a critical extension that says something else than what is known here.
template <typename Object>
bool HasUnknownCritical(const Object* object, int count, X509_EXTENSION* (*get)(const Object*, int),
                        std::initializer_list<int> known) {
  for (int i = 0; i < count; ++i) {
    X509_EXTENSION* const extension = get(object, i);
    if (X509_EXTENSION_get_critical(extension) == 0) continue;
    if (std::ranges::find(known, OBJ_obj2nid(X509_EXTENSION_get_object(extension))) == known.end()) return true;
  }
  return false;
}

bool HasUnknownCritical(X509_CRL* crl) {
  if (HasUnknownCritical<X509_CRL>(crl, X509_CRL_get_ext_count(crl), X509_CRL_get_ext,
                                   {NID_issuing_distribution_point, NID_authority_key_identifier, NID_crl_number})) {
    return true;
  }
  STACK_OF(X509_REVOKED)* const revoked = X509_CRL_get_REVOKED(crl);
  for (int i = 0; i < sk_X509_REVOKED_num(revoked); ++i) {
    const X509_REVOKED* const entry = sk_X509_REVOKED_value(revoked, i);
    if (HasUnknownCritical<X509_REVOKED>(entry, X509_REVOKED_get_ext_count(entry), X509_REVOKED_get_ext,
                                         {NID_crl_reason, NID_invalidity_date})) {
      return true;
    }
  }
  return false;
}

// IsLower compares hexadecimal numbers without leading zeros.
bool IsLower(const std::string& a, const std::string& b) { return a.size() != b.size() ? a.size() < b.size() : a < b; }

}  // namespace

absl::StatusOr<RevocationList> RevocationList::ParseDer(std::string_view der) {
  auto parsed = std::make_shared<Parsed>();
  ASSIGN_OR_RETURN(parsed->crl, ParseCrl(der));
  X509_CRL* const crl = parsed->crl.get();
  parsed->issuer = trust::NameText(X509_CRL_get_issuer(crl));
  const auto refuse = [&parsed](std::string_view reason) {
    return absl::InvalidArgumentError(
        absl::StrCat("the revocation list of ", trust::PrintableText(parsed->issuer), " ", std::string(reason)));
  };
  if (X509_CRL_get_ext_by_NID(crl, NID_delta_crl, -1) >= 0) return refuse("only amends another (delta CRL)");
  if (X509_CRL_get0_nextUpdate(crl) == nullptr) return refuse("does not say when the next one comes (nextUpdate)");
  if (!HasGoodHash(crl)) return refuse("is signed with a weak hash");
  auto scope = trust::ListScope::Read(crl);
  if (!scope.ok()) return refuse(scope.status().message().data());
  parsed->scope = *std::move(scope);
  if (HasUnknownCritical(crl)) return refuse("has a critical extension that is not known here");
  auto number = NumberOf(crl);
  parsed->authority_key = AuthorityKeyOf(crl);
  parsed->scope_digest = ScopeOf(crl);
  trust::TakeError();
  if (!number.ok()) return refuse(number.status().message().data());
  parsed->number = *std::move(number);
  ASSIGN_OR_RETURN(parsed->this_update, trust::ReadTime(X509_CRL_get0_lastUpdate(crl)));
  ASSIGN_OR_RETURN(parsed->next_update, trust::ReadTime(X509_CRL_get0_nextUpdate(crl)));
  parsed->issuer_der = trust::Der(X509_CRL_get_issuer(crl), i2d_X509_NAME);
  const STACK_OF(X509_REVOKED)* const revoked = X509_CRL_get_REVOKED(crl);
  parsed->size = revoked == nullptr ? 0 : static_cast<size_t>(sk_X509_REVOKED_num(revoked));
  parsed->der = der;
  parsed->digest = trust::Sha256(der);
  return RevocationList(std::move(parsed));
}

absl::StatusOr<std::vector<RevocationList>> RevocationList::ParsePem(std::string_view pem) {
  ASSIGN_OR_RETURN(const std::vector<std::string> blocks, trust::ReadPem(pem, kLabel, kLimits));
  if (blocks.empty()) return absl::InvalidArgumentError("it holds no revocation list");
  std::vector<RevocationList> lists;
  for (const std::string& der : blocks) {
    ASSIGN_OR_RETURN(RevocationList list, ParseDer(der));
    lists.push_back(std::move(list));
  }
  return lists;
}

absl::StatusOr<std::vector<RevocationList>> RevocationList::Parse(std::string_view document) {
  // A DER SEQUENCE begins as the digit 0 does, with which text in front of a PEM block may begin.
  if (document.empty() || document.front() != '\x30' || document.find("-----BEGIN") != std::string_view::npos) {
    return ParsePem(document);
  }
  if (document.size() > kLargestDocument) {
    return absl::InvalidArgumentError(absl::StrCat("the document is larger than ", kLargestDocument, " octets"));
  }
  ASSIGN_OR_RETURN(RevocationList list, ParseDer(document));
  return std::vector<RevocationList>{std::move(list)};
}

bool RevocationList::IsKnownToBeSignedBy(X509* authority) const {
  const std::string key = trust::Der(X509_get_X509_PUBKEY(authority), i2d_X509_PUBKEY);
  const std::lock_guard lock(parsed_->mutex);
  return std::ranges::find(parsed_->signers, key) != parsed_->signers.end();
}

bool RevocationList::IsSignedBy(X509* authority) const {
  if (IsKnownToBeSignedBy(authority)) return true;
  EVP_PKEY* const key = X509_get0_pubkey(authority);
  const bool good = key != nullptr && X509_CRL_verify(crl(), key) == 1;
  trust::TakeError();
  if (!good) return false;
  const std::lock_guard lock(parsed_->mutex);
  if (parsed_->signers.size() < kMostSigners) {
    parsed_->signers.push_back(trust::Der(X509_get_X509_PUBKEY(authority), i2d_X509_PUBKEY));
  }
  return true;
}

bool RevocationList::MayBeOfKey(X509* authority) const {
  const ASN1_OCTET_STRING* const identifier = X509_get0_subject_key_id(authority);
  if (identifier == nullptr || authority_key().empty()) return true;
  return authority_key() == std::string_view(reinterpret_cast<const char*>(ASN1_STRING_get0_data(identifier)),
                                             static_cast<size_t>(ASN1_STRING_length(identifier)));
}

bool RevocationList::Covers(X509* certificate) const { return parsed_->scope->Covers(certificate); }

bool RevocationList::Revokes(X509* certificate) const {
  X509_REVOKED* entry = nullptr;
  // 2 is a certificate that a delta list would take off this one.
  return X509_CRL_get0_by_cert(crl(), &entry, certificate) == 1;
}

absl::Status RevocationList::CheckIssuedBy(const std::vector<Certificate>& authorities) const {
  bool known = false;
  for (const Certificate& authority : authorities) {
    if (X509_NAME_cmp(X509_get_subject_name(authority.x509()), X509_CRL_get_issuer(crl())) != 0) continue;
    if (IsSignedBy(authority.x509())) return absl::OkStatus();
    known = known || MayBeOfKey(authority.x509());
  }
  const std::string list = absl::StrCat("the revocation list of ", trust::PrintableText(issuer()));
  if (known) {
    return absl::InvalidArgumentError(
        absl::StrCat(list, " has a signature that does not verify with its issuer's key"));
  }
  return absl::NotFoundError(absl::StrCat(list, " was not issued by one of the identity CAs"));
}

absl::Status RevocationList::CheckSupersedes(const RevocationList& older) const {
  const auto refuse = [this](std::string_view reason) {
    return absl::FailedPreconditionError(absl::StrCat("the revocation list of ", trust::PrintableText(issuer()), " ",
                                                      std::string(reason), "; the installed one stays"));
  };
  if (number().empty() && !older.number().empty()) return refuse("has no number, and the installed one has");
  if (IsLower(number(), older.number())) {
    return refuse(absl::StrCat("has the number 0x", number(), ", lower than 0x", older.number()));
  }
  if (this_update() < older.this_update()) return refuse("is older (thisUpdate) than the installed one");
  return absl::OkStatus();
}

RevocationList::RevocationList(std::shared_ptr<const Parsed> parsed) : parsed_(std::move(parsed)) {}

const std::string& RevocationList::issuer() const { return parsed_->issuer; }
const std::string& RevocationList::issuer_der() const { return parsed_->issuer_der; }
const std::string& RevocationList::number() const { return parsed_->number; }
const std::string& RevocationList::authority_key() const { return parsed_->authority_key; }
const std::string& RevocationList::scope() const { return parsed_->scope_digest; }
absl::Time RevocationList::this_update() const { return parsed_->this_update; }
absl::Time RevocationList::next_update() const { return parsed_->next_update; }
size_t RevocationList::size() const { return parsed_->size; }
const std::string& RevocationList::digest() const { return parsed_->digest; }
const std::string& RevocationList::der() const { return parsed_->der; }
std::string RevocationList::pem() const { return trust::WritePem(kLabel, parsed_->der); }
X509_CRL* RevocationList::crl() const { return parsed_->crl.get(); }

}  // namespace ddskey
