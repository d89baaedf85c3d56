#include "daemon/trust/trust_store.h"

#include <openssl/objects.h>
#include <openssl/x509.h>
#include <openssl/x509v3.h>

#include <algorithm>
#include <set>
#include <utility>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "daemon/trust/key_rules.h"
#include "daemon/trust/openssl.h"
#include "daemon/trust/pem.h"
#include "proto/contract/status_macros.h"

namespace ddskey {

using trust::Library;
using trust::OpensslPtr;

struct TrustStore::Parsed {
  std::vector<Certificate> anchors;
  std::vector<OpensslPtr<X509_CRL>> lists;
  std::vector<const X509*> revoked_anchors;
  std::vector<absl::Time> moments;
  // Of everything here. Sorted, so that the store's own does not depend on how the documents were put together.
  std::set<std::string> digests;
  std::string digest;
  OpensslPtr<X509_STORE> store{X509_STORE_new()};

  absl::Status AddAnchors(const std::string& document);
  absl::Status AddLists(const std::string& document);
  void FindRevokedAnchors();
};

namespace {

constexpr size_t kAnchorOctets = 64 * 1024;
constexpr trust::PemLimits kListLimits = {.octets = 8 * 1024 * 1024, .blocks = 64};

// ForEach gives the documents to `add`, and says in its refusal which one was wrong.
template <typename Add>
absl::Status ForEach(const char* kind, const std::vector<std::string>& documents, size_t limit, Add add) {
  size_t octets = 0;
  for (size_t i = 0; i < documents.size(); ++i) {
    octets += documents[i].size();
    const absl::Status added =
        octets > limit ? absl::InvalidArgumentError(absl::StrCat("the documents together exceed ", limit, " octets"))
                       : add(documents[i]);
    if (!added.ok()) return absl::InvalidArgumentError(absl::StrCat(kind, " document ", i + 1, ": ", added.message()));
  }
  return absl::OkStatus();
}

absl::Status CheckAnchor(const Certificate& anchor) {
  RETURN_IF_ERROR(trust::CheckAuthorityKey(anchor));
  // 1: basicConstraints say so; 3: a self-signed certificate of X.509 version 1, which has no extensions.
  const int kind = X509_check_ca(anchor.x509());
  if (kind == 1 || kind == 3) return absl::OkStatus();
  return absl::InvalidArgumentError(absl::StrCat("the certificate of ", trust::PrintableText(anchor.subject()),
                                                 " is not that of a certificate authority (basicConstraints)"));
}

bool HasGoodHash(const X509_CRL* list) {
  int hash = NID_undef;
  const int signature = X509_CRL_get_signature_nid(list);
  if (signature == NID_rsassaPss) return true;
  return OBJ_find_sigid_algs(signature, &hash, nullptr) == 1 &&
         (hash == NID_sha256 || hash == NID_sha384 || hash == NID_sha512);
}

absl::Status CheckList(X509_CRL* list, const std::vector<Certificate>& anchors) {
  const std::string issuer = trust::PrintableText(trust::NameText(X509_CRL_get_issuer(list)));
  const auto refuse = [&issuer](const char* reason) {
    return absl::InvalidArgumentError(absl::StrCat("the revocation list of ", issuer, " ", reason));
  };
  if (X509_CRL_get_ext_by_NID(list, NID_delta_crl, -1) >= 0) return refuse("only amends another (delta CRL)");
  if (X509_CRL_get0_nextUpdate(list) == nullptr) return refuse("does not say when the next one comes (nextUpdate)");
  if (!HasGoodHash(list)) return refuse("is signed with a weak hash");
  bool known = false;
  for (const Certificate& anchor : anchors) {
    if (X509_NAME_cmp(X509_get_subject_name(anchor.x509()), X509_CRL_get_issuer(list)) != 0) continue;
    known = true;
    if (X509_CRL_verify(list, X509_get0_pubkey(anchor.x509())) == 1) return absl::OkStatus();
  }
  trust::TakeError();
  return refuse(known ? "has a signature that does not verify with its issuer's key"
                      : "was not issued by one of the identity CAs");
}

absl::StatusOr<OpensslPtr<X509_CRL>> ParseList(const std::string& der) {
  X509_CRL* list = X509_CRL_new_ex(Library(), nullptr);
  const auto* at = reinterpret_cast<const unsigned char*>(der.data());
  const auto* const end = at + der.size();
  // On failure d2i_X509_CRL frees what it was given.
  OpensslPtr<X509_CRL> parsed(d2i_X509_CRL(&list, &at, static_cast<long>(der.size())));
  const std::string reason = trust::TakeError();
  if (parsed == nullptr) return absl::InvalidArgumentError(absl::StrCat("a revocation list is malformed: ", reason));
  if (at != end) return absl::InvalidArgumentError("a revocation list is followed by octets that do not belong to it");
  return parsed;
}

}  // namespace

absl::Status TrustStore::Parsed::AddAnchors(const std::string& document) {
  ASSIGN_OR_RETURN(std::vector<Certificate> certificates, Certificate::ParsePem(document));
  for (Certificate& anchor : certificates) {
    RETURN_IF_ERROR(CheckAnchor(anchor));
    if (!digests.insert("anchor" + anchor.digest()).second) continue;
    X509_STORE_add_cert(store.get(), anchor.x509());
    moments.insert(moments.end(), {anchor.not_before(), anchor.not_after()});
    anchors.push_back(std::move(anchor));
  }
  return absl::OkStatus();
}

absl::Status TrustStore::Parsed::AddLists(const std::string& document) {
  ASSIGN_OR_RETURN(const std::vector<std::string> blocks, trust::ReadPem(document, "X509 CRL", kListLimits));
  if (blocks.empty()) return absl::InvalidArgumentError("it holds no revocation list");
  for (const std::string& der : blocks) {
    ASSIGN_OR_RETURN(OpensslPtr<X509_CRL> list, ParseList(der));
    RETURN_IF_ERROR(CheckList(list.get(), anchors));
    if (!digests.insert("list" + trust::Sha256(der)).second) continue;
    for (const ASN1_TIME* time : {X509_CRL_get0_lastUpdate(list.get()), X509_CRL_get0_nextUpdate(list.get())}) {
      ASSIGN_OR_RETURN(const absl::Time moment, trust::ReadTime(time));
      moments.push_back(moment);
    }
    X509_STORE_add_crl(store.get(), list.get());
    lists.push_back(std::move(list));
  }
  return absl::OkStatus();
}

void TrustStore::Parsed::FindRevokedAnchors() {
  for (const Certificate& anchor : anchors) {
    for (const auto& list : lists) {
      X509_REVOKED* entry = nullptr;
      if (X509_NAME_cmp(X509_get_issuer_name(anchor.x509()), X509_CRL_get_issuer(list.get())) == 0 &&
          X509_CRL_get0_by_cert(list.get(), &entry, anchor.x509()) == 1) {
        revoked_anchors.push_back(anchor.x509());
      }
    }
  }
}

TrustStore::TrustStore(std::unique_ptr<const Parsed> parsed) : parsed_(std::move(parsed)) {}
TrustStore::~TrustStore() = default;

absl::StatusOr<std::shared_ptr<const TrustStore>> TrustStore::Parse(const std::vector<std::string>& anchors,
                                                                    const std::vector<std::string>& revocation_lists) {
  auto parsed = std::make_unique<Parsed>();
  RETURN_IF_ERROR(ForEach("identity CA", anchors, kAnchorOctets,
                          [&](const std::string& document) { return parsed->AddAnchors(document); }));
  if (parsed->anchors.empty()) return absl::InvalidArgumentError("there is no identity CA");
  RETURN_IF_ERROR(ForEach("revocation list", revocation_lists, kListLimits.octets,
                          [&](const std::string& document) { return parsed->AddLists(document); }));
  parsed->FindRevokedAnchors();
  std::sort(parsed->moments.begin(), parsed->moments.end());
  parsed->digest = trust::Sha256(absl::StrJoin(parsed->digests, ""));
  return std::shared_ptr<const TrustStore>(new TrustStore(std::move(parsed)));
}

const std::string& TrustStore::digest() const { return parsed_->digest; }
const std::vector<Certificate>& TrustStore::anchors() const { return parsed_->anchors; }
X509_STORE* TrustStore::store() const { return parsed_->store.get(); }
const std::vector<absl::Time>& TrustStore::moments() const { return parsed_->moments; }

bool TrustStore::HasListOf(const X509_NAME* issuer) const {
  return std::any_of(parsed_->lists.begin(), parsed_->lists.end(), [issuer](const auto& list) {
    return X509_NAME_cmp(X509_CRL_get_issuer(list.get()), issuer) == 0;
  });
}

bool TrustStore::IsRevokedAnchor(const X509* certificate) const {
  return std::any_of(parsed_->revoked_anchors.begin(), parsed_->revoked_anchors.end(),
                     [certificate](const X509* anchor) { return X509_cmp(anchor, certificate) == 0; });
}

}  // namespace ddskey
