#include "daemon/custodian/trust_custodian.h"

#include <algorithm>
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
  TrustDescription description = {.stored = trust, .anchors = {}, .revocation_lists = {}};
  if (!trust.anchors.empty()) {
    ASSIGN_OR_RETURN(description.anchors, Certificate::ParsePem(trust.anchors));
  }
  for (const StoredRevocationList& stored : trust.revocation_lists) {
    ASSIGN_OR_RETURN(const std::vector<RevocationList> lists, RevocationList::ParsePem(stored.pem));
    description.revocation_lists.insert(description.revocation_lists.end(), lists.begin(), lists.end());
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

absl::StatusOr<IdentityTrust> WithoutAnchor(const IdentityTrust& before, const std::string& digest) {
  if (digest.size() < kShortestDigest || !std::ranges::all_of(digest, absl::ascii_isxdigit)) {
    return absl::InvalidArgumentError(absl::StrCat("the CA is named by the SHA-256 of its certificate, at least ",
                                                   kShortestDigest,
                                                   " hexadecimal digits of it; see: ddskeyctl trust list"));
  }
  ASSIGN_OR_RETURN(const TrustDescription known, Describe(before));
  IdentityTrust trust = before;
  trust.anchors.clear();
  size_t removed = 0;
  for (const Certificate& anchor : known.anchors) {
    if (absl::StartsWith(absl::BytesToHexString(anchor.digest()), absl::AsciiStrToLower(digest))) {
      ++removed;
    } else {
      trust.anchors += anchor.pem();
    }
  }
  if (removed == 0) return absl::NotFoundError("no CA of this key has that SHA-256; see: ddskeyctl trust list");
  if (removed > 1) return absl::InvalidArgumentError("several CAs of this key begin so; give more digits");
  if (trust.anchors.empty()) {
    return absl::FailedPreconditionError("this is the only CA of the key; add another one before you remove it");
  }
  return trust;
}

absl::StatusOr<IdentityTrust> WithLists(const IdentityTrust& before, const std::string& added) {
  if (before.anchors.empty()) {
    return absl::FailedPreconditionError(
        "the key has no identity CA yet, so nobody's revocation list can be checked; see: ddskeyctl trust add");
  }
  ASSIGN_OR_RETURN(const std::vector<RevocationList> lists, RevocationList::ParsePem(added));
  std::map<std::string, StoredRevocationList> by_issuer;
  for (const StoredRevocationList& stored : before.revocation_lists) by_issuer.emplace(stored.issuer, stored);
  for (const RevocationList& list : lists) {
    if (const auto older = by_issuer.find(list.issuer_der()); older != by_issuer.end()) {
      ASSIGN_OR_RETURN(const std::vector<RevocationList> installed, RevocationList::ParsePem(older->second.pem));
      RETURN_IF_ERROR(list.CheckSupersedes(installed.front()));
    }
    by_issuer.insert_or_assign(
        list.issuer_der(),
        StoredRevocationList{
            .issuer = list.issuer_der(), .authority_key = "", .number = list.number(), .pem = list.pem()});
  }
  if (by_issuer.size() > RevocationList::kMostLists) {
    return absl::InvalidArgumentError(
        absl::StrCat("the key would have more than ", RevocationList::kMostLists, " revocation lists"));
  }
  IdentityTrust trust = before;
  trust.revocation_lists.clear();
  for (auto& [issuer, list] : by_issuer) trust.revocation_lists.push_back(std::move(list));
  return trust;
}

// PermissionsDigest is what a pinned document is recognised by: without the NULs at its end, which are not everybody's.
std::string PermissionsDigest(const std::string& document) {
  if (document.empty()) return "";
  const size_t last = document.find_last_not_of('\0');
  return Sha256(document.substr(0, last == std::string::npos ? 0 : last + 1));
}

IdentityTrust WithOptions(const IdentityTrust& before, const TrustOptionsChange& change) {
  IdentityTrust trust = before;
  ValidationOptions& options = trust.options;
  options.key_usage = change.key_usage.value_or(options.key_usage);
  options.missing_revocation_list = change.missing_revocation_list.value_or(options.missing_revocation_list);
  options.outdated_revocation_list = change.outdated_revocation_list.value_or(options.outdated_revocation_list);
  if (change.permissions.has_value()) trust.permissions_sha256 = PermissionsDigest(*change.permissions);
  trust.keep_pem_text = change.keep_pem_text.value_or(trust.keep_pem_text);
  return trust;
}

}  // namespace

// CheckOwn makes sure that a change of CAs or options does not take the identity itself out of use.
absl::Status TrustCustodian::CheckOwn(const Identity& identity, const IdentityTrust& trust) const {
  const std::string& chain = identity.current().certificate_chain;
  if (chain.empty() || trust.anchors.empty()) return absl::OkStatus();
  if (trust.anchors == identity.trust.anchors && trust.options == identity.trust.options) return absl::OkStatus();
  const auto validate = [&](const IdentityTrust& under) -> absl::Status {
    ASSIGN_OR_RETURN(const auto parsed, ParseTrust(under));
    return parts_.validator.Validate(chain, *parsed, parts_.clock()).status();
  };
  const absl::Status after = validate(trust);
  if (after.ok() || (!identity.trust.anchors.empty() && !validate(identity.trust).ok())) return absl::OkStatus();
  return absl::FailedPreconditionError(
      absl::StrCat("the key's own certificate would not be good any more: ", after.message()));
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

void TrustCustodian::Post(const Subject& caller, const char* operation, std::string key_name, Change change,
                          Done done) {
  parts_.pool.Post(caller, [this, caller, operation, key_name = std::move(key_name), change = std::move(change),
                            done = std::move(done)] {
    Trail trail(parts_.authorizer, caller, operation, key_name);
    const absl::Status allowed = trail.Administer(
        parts_.authorizer, caller, change == nullptr ? Action::kKeyList : Action::kTrustChange, key_name);
    auto result = allowed.ok() ? Apply(key_name, change) : allowed;
    trail.End(result.status());
    done(std::move(result));
  });
}

void TrustCustodian::Get(const Subject& caller, std::string key_name, Done done) {
  Post(caller, "GetTrust", std::move(key_name), nullptr, std::move(done));
}

void TrustCustodian::AddAnchors(const Subject& caller, std::string key_name, std::string anchors, Done done) {
  Post(
      caller, "AddTrustAnchors", std::move(key_name),
      [anchors = std::move(anchors)](const Identity& identity) { return WithAnchors(identity.trust, anchors); },
      std::move(done));
}

void TrustCustodian::RemoveAnchor(const Subject& caller, std::string key_name, std::string digest, Done done) {
  Post(
      caller, "RemoveTrustAnchor", std::move(key_name),
      [digest = std::move(digest)](const Identity& identity) { return WithoutAnchor(identity.trust, digest); },
      std::move(done));
}

void TrustCustodian::InstallRevocationLists(const Subject& caller, std::string key_name, std::string lists, Done done) {
  Post(
      caller, "InstallRevocationLists", std::move(key_name),
      [lists = std::move(lists)](const Identity& identity) { return WithLists(identity.trust, lists); },
      std::move(done));
}

void TrustCustodian::SetOptions(const Subject& caller, std::string key_name, TrustOptionsChange options, Done done) {
  Post(
      caller, "SetTrustOptions", std::move(key_name),
      [options = std::move(options)](const Identity& identity) { return WithOptions(identity.trust, options); },
      std::move(done));
}

}  // namespace ddskey
