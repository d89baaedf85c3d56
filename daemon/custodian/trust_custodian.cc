#include "daemon/custodian/trust_custodian.h"

#include <algorithm>
#include <cstddef>
#include <iterator>
#include <map>
#include <utility>

#include "absl/strings/ascii.h"
#include "absl/strings/escaping.h"
#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "daemon/custodian/find_identity.h"
#include "daemon/custodian/parse_trust.h"
#include "daemon/handshake/digest.h"
#include "proto/contract/status_macros.h"

namespace ddskey {
namespace {

// Enough of a digest to tell the CAs of an identity from each other.
constexpr size_t kShortestDigest = 8;

absl::StatusOr<TrustDescription> Describe(const IdentityTrust& trust) {
  TrustDescription description = {.stored = trust, .anchors = {}, .revocation_lists = {}, .ocsp_response = {}};
  if (!trust.anchors.empty()) {
    ASSIGN_OR_RETURN(description.anchors, Certificate::ParsePem(trust.anchors));
  }
  for (const StoredRevocationList& stored : trust.revocation_lists) {
    ASSIGN_OR_RETURN(const std::vector<RevocationList> lists, RevocationList::ParsePem(stored.pem));
    description.revocation_lists.insert(description.revocation_lists.end(), lists.begin(), lists.end());
  }
  if (!trust.ocsp_response.empty()) {
    ASSIGN_OR_RETURN(description.ocsp_response, OcspResponse::Parse(trust.ocsp_response));
  }
  return description;
}

absl::StatusOr<IdentityTrust> WithAnchors(const IdentityTrust& before, const std::string& added) {
  ASSIGN_OR_RETURN(const TrustDescription known, Describe(before));
  ASSIGN_OR_RETURN(const std::vector<Certificate> certificates, Certificate::ParsePem(added));
  IdentityTrust trust = before;
  for (const Certificate& certificate : certificates) {
    if (std::ranges::find(known.anchors, certificate.digest(), &Certificate::digest) == known.anchors.end()) {
      trust.anchors += certificate.pem();
    }
  }
  return trust;
}

// FindByDigest is the position of the only one of `all`, certificates or lists, whose SHA-256 begins with the
// hexadecimal digits of `digest`. `what` names one.
template <typename T>
absl::StatusOr<size_t> FindByDigest(const std::vector<T>& all, const std::string& digest, const char* what) {
  if (digest.size() < kShortestDigest || !std::ranges::all_of(digest, absl::ascii_isxdigit)) {
    return absl::InvalidArgumentError(absl::StrCat("the ", what, " is named by its SHA-256, at least ", kShortestDigest,
                                                   " hexadecimal digits of it"));
  }
  const std::string beginning = absl::AsciiStrToLower(digest);
  const auto is_it = [&beginning](const T& each) {
    return absl::StartsWith(absl::BytesToHexString(each.digest()), beginning);
  };
  const auto found = std::ranges::find_if(all, is_it);
  if (found == all.end()) return absl::NotFoundError(absl::StrCat("no ", what, " of this key has that SHA-256"));
  if (std::find_if(std::next(found), all.end(), is_it) != all.end()) {
    return absl::InvalidArgumentError(absl::StrCat("several of this key's begin so; give more digits"));
  }
  return static_cast<size_t>(found - all.begin());
}

absl::StatusOr<IdentityTrust> WithoutAnchor(const IdentityTrust& before, const std::string& digest) {
  ASSIGN_OR_RETURN(const TrustDescription known, Describe(before));
  ASSIGN_OR_RETURN(const size_t removed, FindByDigest(known.anchors, digest, "CA"));
  if (known.anchors.size() == 1) {
    return absl::FailedPreconditionError("this is the only CA of the key; add another one before you remove it");
  }
  IdentityTrust trust = before;
  trust.anchors.clear();
  for (size_t i = 0; i < known.anchors.size(); ++i) {
    if (i != removed) trust.anchors += known.anchors[i].pem();
  }
  return trust;
}

// ListKey says which lists take each other's place: those of one name and key.
using ListKey = std::pair<std::string, std::string>;

// KeyOf finds the key by the signature, if it is that of an identity CA: not every CA names its key in its lists. What
// a list speaks of is part of it.
ListKey KeyOf(const RevocationList& list, const std::vector<Certificate>& anchors) {
  const auto signer =
      std::ranges::find_if(anchors, [&list](const Certificate& anchor) { return list.IsSignedBy(anchor.x509()); });
  const std::string key = signer == anchors.end() ? list.authority_key() : Sha256(signer->public_key());
  return {list.issuer_der(), key + list.scope()};
}

absl::StatusOr<IdentityTrust> WithLists(const IdentityTrust& before, const std::string& added) {
  if (before.anchors.empty()) {
    return absl::FailedPreconditionError(
        "the key has no identity CA yet, so nobody's revocation list can be checked; see: ddskeyctl trust add");
  }
  ASSIGN_OR_RETURN(const TrustDescription known, Describe(before));
  ASSIGN_OR_RETURN(const std::vector<RevocationList> lists, RevocationList::ParsePem(added));
  std::map<ListKey, RevocationList> by_key;
  for (const RevocationList& list : known.revocation_lists) {
    const auto [place, first] = by_key.emplace(KeyOf(list, known.anchors), list);
    // The CA has become an identity CA since, and the lists turn out to be of one key.
    if (!first && list.CheckSupersedes(place->second).ok()) place->second = list;
  }
  for (const RevocationList& list : lists) {
    const auto [place, first] = by_key.emplace(KeyOf(list, known.anchors), list);
    if (first) continue;
    RETURN_IF_ERROR(list.CheckSupersedes(place->second));
    place->second = list;
  }
  if (by_key.size() > RevocationList::kMostLists) {
    return absl::InvalidArgumentError(
        absl::StrCat("the key would have more than ", RevocationList::kMostLists, " revocation lists"));
  }
  IdentityTrust trust = before;
  trust.revocation_lists.clear();
  for (const auto& [key, list] : by_key) {
    trust.revocation_lists.push_back(
        {.issuer = key.first, .authority_key = key.second, .number = list.number(), .pem = list.pem()});
  }
  return trust;
}

absl::StatusOr<IdentityTrust> WithoutList(const IdentityTrust& before, const std::string& digest) {
  ASSIGN_OR_RETURN(const TrustDescription known, Describe(before));
  ASSIGN_OR_RETURN(const size_t removed, FindByDigest(known.revocation_lists, digest, "revocation list"));
  IdentityTrust trust = before;
  trust.revocation_lists.erase(trust.revocation_lists.begin() + static_cast<ptrdiff_t>(removed));
  return trust;
}

IdentityTrust WithOptions(const IdentityTrust& before, const TrustOptionsChange& change) {
  IdentityTrust trust = before;
  ValidationOptions& options = trust.options;
  options.key_usage = change.key_usage.value_or(options.key_usage);
  options.missing_revocation_list = change.missing_revocation_list.value_or(options.missing_revocation_list);
  options.outdated_revocation_list = change.outdated_revocation_list.value_or(options.outdated_revocation_list);
  if (change.permissions.has_value())
    trust.permissions_sha256 = change.permissions->empty() ? "" : PermissionsDigest(*change.permissions);
  trust.keep_pem_text = change.keep_pem_text.value_or(trust.keep_pem_text);
  return trust;
}

}  // namespace

// CheckOwn makes sure that a change of CAs, options or the OCSP response, or that a list is gone, does not take the
// identity itself out of use.
absl::Status TrustCustodian::CheckOwn(const Identity& identity, const IdentityTrust& trust) const {
  const std::string& chain = identity.current().certificate_chain;
  if (chain.empty() || trust.anchors.empty()) return absl::OkStatus();
  // A new list may revoke the identity itself.
  if (trust.anchors == identity.trust.anchors && trust.options == identity.trust.options &&
      trust.revocation_lists.size() >= identity.trust.revocation_lists.size() &&
      trust.ocsp_response == identity.trust.ocsp_response) {
    return absl::OkStatus();
  }
  const auto validate = [&](const IdentityTrust& under) -> absl::Status {
    ASSIGN_OR_RETURN(const auto parsed, TrustInForce(under, identity.name.text(), parts_.file_lists));
    return parts_.validator.Validate(chain, *parsed, parts_.clock(), 0, under.ocsp_response).status();
  };
  const absl::Status after = validate(trust);
  if (after.ok() || (!identity.trust.anchors.empty() && !validate(identity.trust).ok())) return absl::OkStatus();
  return absl::FailedPreconditionError(
      absl::StrCat("the key's own certificate would not be good any more: ", after.message()));
}

absl::StatusOr<IdentityTrust> TrustCustodian::WithOcspResponse(const Identity& identity,
                                                               const std::string& response) const {
  IdentityTrust trust = identity.trust;
  trust.ocsp_response = response;
  if (response.empty()) return trust;
  const std::string& chain = identity.current().certificate_chain;
  if (chain.empty() || trust.anchors.empty()) {
    return absl::FailedPreconditionError(
        "the key has no certificate or no identity CA yet, by which the response could be checked");
  }
  ASSIGN_OR_RETURN(const OcspResponse parsed, OcspResponse::Parse(response));
  ASSIGN_OR_RETURN(const auto under, TrustInForce(trust, identity.name.text(), parts_.file_lists));
  const auto status = parts_.validator.StatusOf(chain, *under, parts_.clock(), 0, response);
  if (!status.ok()) return absl::FailedPreconditionError(status.status().message());
  if (status->kind != CertificateStatus::Kind::kGood) {
    return absl::FailedPreconditionError(
        status->kind == CertificateStatus::Kind::kRevoked
            ? "the OCSP response says that the key's certificate is revoked"
            : "the OCSP response says that its responder does not know the certificate");
  }
  if (identity.trust.ocsp_response.empty()) return trust;
  ASSIGN_OR_RETURN(const OcspResponse installed, OcspResponse::Parse(identity.trust.ocsp_response));
  if (parsed.this_update() < installed.this_update()) {
    return absl::FailedPreconditionError("the OCSP response is older (thisUpdate) than the installed one, which stays");
  }
  return trust;
}

absl::StatusOr<TrustDescription> TrustCustodian::Apply(const std::string& key_name, const Change& change) const {
  ASSIGN_OR_RETURN(const auto identity, FindActive(parts_.keys, key_name));
  if (change == nullptr) return Describe(identity->trust);
  ASSIGN_OR_RETURN(const IdentityTrust trust, change(*identity));
  if (!trust.anchors.empty()) RETURN_IF_ERROR(ParseTrust(trust).status());
  RETURN_IF_ERROR(CheckOwn(*identity, trust));
  RETURN_IF_ERROR(parts_.keys.SetTrust(identity->name, identity, trust));
  parts_.changes.Bump();
  return Describe(trust);
}

void TrustCustodian::Post(const Subject& caller, Action action, const char* operation, std::string key_name,
                          Change change, Done done) {
  parts_.pool.Post(caller, [this, caller, action, operation, key_name = std::move(key_name), change = std::move(change),
                            done = std::move(done)] {
    Trail trail(parts_.authorizer, caller, operation, key_name);
    const absl::Status allowed = trail.Administer(parts_.authorizer, caller, action, key_name);
    auto result = allowed.ok() ? Apply(key_name, change) : allowed;
    trail.End(result.status());
    done(std::move(result));
  });
}

void TrustCustodian::Get(const Subject& caller, std::string key_name, Done done) {
  Post(caller, Action::kKeyList, "GetTrust", std::move(key_name), nullptr, std::move(done));
}

void TrustCustodian::AddAnchors(const Subject& caller, std::string key_name, std::string anchors, Done done) {
  Post(
      caller, Action::kTrustChange, "AddTrustAnchors", std::move(key_name),
      [anchors = std::move(anchors)](const Identity& identity) { return WithAnchors(identity.trust, anchors); },
      std::move(done));
}

void TrustCustodian::RemoveAnchor(const Subject& caller, std::string key_name, std::string digest, Done done) {
  Post(
      caller, Action::kTrustChange, "RemoveTrustAnchor", std::move(key_name),
      [digest = std::move(digest)](const Identity& identity) { return WithoutAnchor(identity.trust, digest); },
      std::move(done));
}

void TrustCustodian::InstallRevocationLists(const Subject& caller, std::string key_name, std::string lists, Done done) {
  Post(
      caller, Action::kTrustChange, "InstallRevocationLists", std::move(key_name),
      [lists = std::move(lists)](const Identity& identity) { return WithLists(identity.trust, lists); },
      std::move(done));
}

void TrustCustodian::RemoveRevocationList(const Subject& caller, std::string key_name, std::string digest, Done done) {
  Post(
      caller, Action::kTrustChange, "RemoveRevocationList", std::move(key_name),
      [digest = std::move(digest)](const Identity& identity) { return WithoutList(identity.trust, digest); },
      std::move(done));
}

void TrustCustodian::InstallOcspResponse(const Subject& caller, std::string key_name, std::string response, Done done) {
  Post(
      caller, Action::kOcspInstall, "InstallOcspResponse", std::move(key_name),
      [this, response = std::move(response)](const Identity& identity) { return WithOcspResponse(identity, response); },
      std::move(done));
}

void TrustCustodian::SetOptions(const Subject& caller, std::string key_name, TrustOptionsChange options, Done done) {
  Post(
      caller, Action::kTrustChange, "SetTrustOptions", std::move(key_name),
      [options = std::move(options)](const Identity& identity) { return WithOptions(identity.trust, options); },
      std::move(done));
}

}  // namespace ddskey
