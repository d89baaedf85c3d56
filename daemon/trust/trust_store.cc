#include "daemon/trust/trust_store.h"

#include <openssl/x509.h>
#include <openssl/x509v3.h>

#include <algorithm>
#include <set>
#include <utility>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "daemon/trust/key_rules.h"
#include "daemon/trust/openssl.h"
#include "daemon/trust/revocation_list.h"
#include "proto/contract/status_macros.h"

namespace ddskey {

struct TrustStore::Parsed {
  std::vector<Certificate> anchors;
  std::vector<RevocationList> lists;
  ValidationOptions options;
  std::vector<const X509*> revoked_anchors;
  std::vector<absl::Time> moments;
  // Of everything here. Sorted, so that the store's own does not depend on how the documents were put together.
  std::set<std::string> digests;
  std::string digest;

  absl::Status AddAllAnchors(const std::vector<std::string>& documents);
  absl::Status AddAnchors(const std::string& document);
  absl::Status AddLists(const std::vector<RevocationList>& added, OtherIssuers others);
  // Finish makes the trust store of what was added.
  static std::shared_ptr<const TrustStore> Finish(std::unique_ptr<Parsed> parsed);
  bool MayHaveIssued(const RevocationList& list, const Certificate& anchor) const;
  void FindRevokedAnchors();
};

namespace {

std::string OptionsText(const ValidationOptions& options) {
  return absl::StrCat("options", static_cast<int>(options.key_usage), static_cast<int>(options.missing_revocation_list),
                      static_cast<int>(options.outdated_revocation_list));
}

constexpr size_t kAnchorOctets = 64 * 1024;

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

// CheckList makes sure that `list` is of one of the anchors. One of somebody else is taken in the store of an identity,
// where an intermediate CA may have made it: it is checked with that one's certificate when a peer brings it.
absl::Status CheckList(const RevocationList& list, const std::vector<Certificate>& anchors, OtherIssuers others) {
  const absl::Status issued = list.CheckIssuedBy(anchors);
  if (absl::IsNotFound(issued) && others == OtherIssuers::kAccept) return absl::OkStatus();
  return issued.ok() ? issued : absl::InvalidArgumentError(issued.message());
}

}  // namespace

absl::Status TrustStore::Parsed::AddAnchors(const std::string& document) {
  ASSIGN_OR_RETURN(std::vector<Certificate> certificates, Certificate::ParsePem(document));
  for (Certificate& anchor : certificates) {
    RETURN_IF_ERROR(CheckAnchor(anchor));
    if (!digests.insert("anchor" + anchor.digest()).second) continue;
    moments.insert(moments.end(), {anchor.not_before(), anchor.not_after()});
    anchors.push_back(std::move(anchor));
  }
  return absl::OkStatus();
}

absl::Status TrustStore::Parsed::AddLists(const std::vector<RevocationList>& added, OtherIssuers others) {
  for (const RevocationList& list : added) {
    RETURN_IF_ERROR(CheckList(list, anchors, others));
    if (!digests.insert("list" + list.digest()).second) continue;
    moments.insert(moments.end(), {list.this_update(), list.next_update()});
    lists.push_back(list);
  }
  return absl::OkStatus();
}

// MayHaveIssued is whether `list` is of the CA that issued `anchor`. The list of a CA that is no anchor itself cannot
// be verified here; it counts, unless `anchor` issued itself.
bool TrustStore::Parsed::MayHaveIssued(const RevocationList& list, const Certificate& anchor) const {
  if (X509_NAME_cmp(X509_get_issuer_name(anchor.x509()), X509_CRL_get_issuer(list.crl())) != 0) return false;
  const auto signer =
      std::ranges::find_if(anchors, [&list](const Certificate& each) { return list.IsKnownToBeSignedBy(each.x509()); });
  if (signer == anchors.end()) {
    return X509_NAME_cmp(X509_get_issuer_name(anchor.x509()), X509_get_subject_name(anchor.x509())) != 0;
  }
  const bool good = X509_verify(anchor.x509(), X509_get0_pubkey(signer->x509())) == 1;
  trust::TakeError();
  return good;
}

void TrustStore::Parsed::FindRevokedAnchors() {
  for (const Certificate& anchor : anchors) {
    for (const RevocationList& list : lists) {
      if (list.Revokes(anchor.x509()) && MayHaveIssued(list, anchor)) revoked_anchors.push_back(anchor.x509());
    }
  }
}

TrustStore::TrustStore(std::unique_ptr<const Parsed> parsed) : parsed_(std::move(parsed)) {}
TrustStore::~TrustStore() = default;

std::shared_ptr<const TrustStore> TrustStore::Parsed::Finish(std::unique_ptr<Parsed> parsed) {
  parsed->FindRevokedAnchors();
  std::sort(parsed->moments.begin(), parsed->moments.end());
  parsed->digest = trust::Sha256(absl::StrCat(absl::StrJoin(parsed->digests, ""), OptionsText(parsed->options)));
  return std::shared_ptr<const TrustStore>(new TrustStore(std::move(parsed)));
}

absl::Status TrustStore::Parsed::AddAllAnchors(const std::vector<std::string>& documents) {
  RETURN_IF_ERROR(ForEach("identity CA", documents, kAnchorOctets,
                          [this](const std::string& document) { return AddAnchors(document); }));
  return anchors.empty() ? absl::InvalidArgumentError("there is no identity CA") : absl::OkStatus();
}

absl::StatusOr<std::shared_ptr<const TrustStore>> TrustStore::Parse(const std::vector<std::string>& anchors,
                                                                    const std::vector<std::string>& revocation_lists,
                                                                    OtherIssuers others,
                                                                    const ValidationOptions& options) {
  auto parsed = std::make_unique<Parsed>();
  parsed->options = options;
  RETURN_IF_ERROR(parsed->AddAllAnchors(anchors));
  RETURN_IF_ERROR(ForEach("revocation list", revocation_lists, RevocationList::kLargestDocument,
                          [&](const std::string& document) -> absl::Status {
                            ASSIGN_OR_RETURN(const auto lists, RevocationList::ParsePem(document));
                            return parsed->AddLists(lists, others);
                          }));
  return Parsed::Finish(std::move(parsed));
}

absl::StatusOr<std::shared_ptr<const TrustStore>> TrustStore::Make(const std::vector<std::string>& anchors,
                                                                   const std::vector<RevocationList>& revocation_lists,
                                                                   OtherIssuers others,
                                                                   const ValidationOptions& options) {
  auto parsed = std::make_unique<Parsed>();
  parsed->options = options;
  RETURN_IF_ERROR(parsed->AddAllAnchors(anchors));
  RETURN_IF_ERROR(parsed->AddLists(revocation_lists, others));
  return Parsed::Finish(std::move(parsed));
}

const std::string& TrustStore::digest() const { return parsed_->digest; }
const std::vector<Certificate>& TrustStore::anchors() const { return parsed_->anchors; }
const std::vector<RevocationList>& TrustStore::revocation_lists() const { return parsed_->lists; }
const ValidationOptions& TrustStore::options() const { return parsed_->options; }
const std::vector<absl::Time>& TrustStore::moments() const { return parsed_->moments; }

bool TrustStore::HasTwins(const X509* authority) const {
  const Certificate* first = nullptr;
  for (const Certificate& anchor : parsed_->anchors) {
    if (X509_NAME_cmp(X509_get_subject_name(anchor.x509()), X509_get_subject_name(authority)) != 0) continue;
    if (first != nullptr && first->public_key() != anchor.public_key()) return true;
    first = &anchor;
  }
  return false;
}

bool TrustStore::IsRevokedAnchor(const X509* certificate) const {
  return std::any_of(parsed_->revoked_anchors.begin(), parsed_->revoked_anchors.end(),
                     [certificate](const X509* anchor) { return X509_cmp(anchor, certificate) == 0; });
}

}  // namespace ddskey
