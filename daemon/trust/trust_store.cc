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

using trust::OpensslPtr;

struct TrustStore::Parsed {
  std::vector<Certificate> anchors;
  std::vector<RevocationList> lists;
  std::vector<const X509*> revoked_anchors;
  std::vector<absl::Time> moments;
  // Of everything here. Sorted, so that the store's own does not depend on how the documents were put together.
  std::set<std::string> digests;
  std::string digest;
  OpensslPtr<X509_STORE> store{X509_STORE_new()};

  absl::Status AddAllAnchors(const std::vector<std::string>& documents);
  absl::Status AddAnchors(const std::string& document);
  absl::Status AddLists(const std::vector<RevocationList>& added, OtherIssuers others);
  // Finish makes the trust store of what was added.
  static std::shared_ptr<const TrustStore> Finish(std::unique_ptr<Parsed> parsed);
  void FindRevokedAnchors();
};

namespace {

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
// where an intermediate CA may have made it: OpenSSL checks it with that one's certificate when a peer brings it.
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
    X509_STORE_add_cert(store.get(), anchor.x509());
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
    X509_STORE_add_crl(store.get(), list.crl());
    lists.push_back(list);
  }
  return absl::OkStatus();
}

void TrustStore::Parsed::FindRevokedAnchors() {
  for (const Certificate& anchor : anchors) {
    for (const RevocationList& list : lists) {
      X509_REVOKED* entry = nullptr;
      if (X509_NAME_cmp(X509_get_issuer_name(anchor.x509()), X509_CRL_get_issuer(list.crl())) == 0 &&
          X509_CRL_get0_by_cert(list.crl(), &entry, anchor.x509()) == 1) {
        revoked_anchors.push_back(anchor.x509());
      }
    }
  }
}

TrustStore::TrustStore(std::unique_ptr<const Parsed> parsed) : parsed_(std::move(parsed)) {}
TrustStore::~TrustStore() = default;

std::shared_ptr<const TrustStore> TrustStore::Parsed::Finish(std::unique_ptr<Parsed> parsed) {
  parsed->FindRevokedAnchors();
  std::sort(parsed->moments.begin(), parsed->moments.end());
  parsed->digest = trust::Sha256(absl::StrJoin(parsed->digests, ""));
  return std::shared_ptr<const TrustStore>(new TrustStore(std::move(parsed)));
}

absl::Status TrustStore::Parsed::AddAllAnchors(const std::vector<std::string>& documents) {
  RETURN_IF_ERROR(ForEach("identity CA", documents, kAnchorOctets,
                          [this](const std::string& document) { return AddAnchors(document); }));
  return anchors.empty() ? absl::InvalidArgumentError("there is no identity CA") : absl::OkStatus();
}

absl::StatusOr<std::shared_ptr<const TrustStore>> TrustStore::Parse(const std::vector<std::string>& anchors,
                                                                    const std::vector<std::string>& revocation_lists,
                                                                    OtherIssuers others) {
  auto parsed = std::make_unique<Parsed>();
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
                                                                   OtherIssuers others) {
  auto parsed = std::make_unique<Parsed>();
  RETURN_IF_ERROR(parsed->AddAllAnchors(anchors));
  RETURN_IF_ERROR(parsed->AddLists(revocation_lists, others));
  return Parsed::Finish(std::move(parsed));
}

const std::string& TrustStore::digest() const { return parsed_->digest; }
const std::vector<Certificate>& TrustStore::anchors() const { return parsed_->anchors; }
X509_STORE* TrustStore::store() const { return parsed_->store.get(); }
const std::vector<absl::Time>& TrustStore::moments() const { return parsed_->moments; }

bool TrustStore::HasListOf(const X509_NAME* issuer) const {
  return std::any_of(parsed_->lists.begin(), parsed_->lists.end(), [issuer](const auto& list) {
    return X509_NAME_cmp(X509_CRL_get_issuer(list.crl()), issuer) == 0;
  });
}

bool TrustStore::IsRevokedAnchor(const X509* certificate) const {
  return std::any_of(parsed_->revoked_anchors.begin(), parsed_->revoked_anchors.end(),
                     [certificate](const X509* anchor) { return X509_cmp(anchor, certificate) == 0; });
}

}  // namespace ddskey
