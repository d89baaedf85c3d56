#include "daemon/custodian/identity_custodian.h"

#include <chrono>
#include <map>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "daemon/backend/bound_blob.h"
#include "daemon/custodian/find_identity.h"
#include "daemon/custodian/identity_life.h"
#include "daemon/custodian/parse_trust.h"
#include "daemon/custodian/sign_request.h"
#include "daemon/trust/certificate.h"
#include "daemon/trust/certification_request.h"
#include "proto/contract/pcr_binding.h"
#include "proto/contract/pcr_policy.h"
#include "proto/contract/status_macros.h"

namespace ddskey {
namespace {

// A TPM may take half a minute for an RSA key.
constexpr std::chrono::seconds kCreateDeadline(90);
// After a start participants need a while to come back and be seen.
constexpr absl::Duration kComeBack = absl::Minutes(10);
// How often a change is made again of what somebody else changed at the same time.
constexpr int kAttempts = 4;

absl::StatusOr<Certificate> LeafOf(const std::string& chain) {
  ASSIGN_OR_RETURN(const std::vector<Certificate> certificates, Certificate::ParsePem(chain));
  return certificates.front();
}

// CheckRenewable refuses identities that have nothing to renew.
absl::Status CheckRenewable(const Identity& identity) {
  const std::string& name = identity.name.text();
  if (identity.current().purpose == KeyPurpose::kDerive) {
    return absl::FailedPreconditionError("a key for deriving secrets has no certificate, so it is not renewed");
  }
  if (!identity.current().certificate_chain.empty()) return absl::OkStatus();
  return absl::FailedPreconditionError(
      absl::StrCat("\"", name, "\" has no certificate yet, so there is nothing to renew; see: ddskeyctl csr ", name,
                   " --subject /O=ORGANIZATION/CN=", name));
}

// Fits is whether the generation that is made already is what a renewal asks for.
bool Fits(const KeyGeneration& next, const Renewal& renewal, const BackendSet& backends) {
  if (!renewal.algorithm.empty() && renewal.algorithm != AlgorithmName(next.algorithm)) return false;
  if (renewal.backend.empty()) return true;
  const BackendSet::Entry* const entry = backends.FindByName(renewal.backend);
  const auto holder = backends.FindForKey(next.backend_uuid, next.blob);
  return holder.ok() && *holder == entry;
}

}  // namespace

absl::StatusOr<KeyDescription> IdentityCustodian::Describe(const std::shared_ptr<const Identity>& identity) const {
  return DescribeKey(identity, parts_.keys, parts_.backends, parts_.book.Counts());
}

absl::StatusOr<KeyDescription> IdentityCustodian::Apply(const std::string& name, const Change& change) const {
  absl::Status status;
  for (int attempt = 0; attempt < kAttempts; ++attempt) {
    ASSIGN_OR_RETURN(const KeyName parsed, ParseKeyName(name));
    const auto identity = parts_.keys.Find(parsed);
    if (!identity.ok()) return NoSuchKey(name);
    ASSIGN_OR_RETURN(const std::optional<Identity> changed, change(*identity));
    if (changed.has_value()) status = parts_.keys.ReplaceIdentity(*identity, *changed);
    if (absl::IsAborted(status)) continue;
    RETURN_IF_ERROR(status);
    if (changed.has_value()) parts_.changes.Bump();
    ASSIGN_OR_RETURN(const auto stored, parts_.keys.Find(parsed));
    return Describe(stored);
  }
  return status;
}

void IdentityCustodian::Post(const Subject& caller, const char* operation, Action action, std::string name,
                             Change change, Done<KeyDescription> done) {
  parts_.pool.Post(caller, [this, caller, operation, action, name = std::move(name), change = std::move(change),
                            done = std::move(done)] {
    Trail trail(parts_.authorizer, caller, operation, name);
    const absl::Status allowed = trail.Administer(parts_.authorizer, caller, action, name);
    auto key = allowed.ok() ? Apply(name, change) : allowed;
    trail.End(key.status());
    done(std::move(key));
  });
}

void IdentityCustodian::Renew(const Subject& caller, Renewal renewal, Done<RenewalRequest> done) {
  parts_.pool.Post(caller, [this, caller, renewal = std::move(renewal), done = std::move(done)] {
    SubmitRenewal(caller, renewal, Trail(parts_.authorizer, caller, "RenewIdentity", renewal.name), done);
  });
}

void IdentityCustodian::SubmitRenewal(const Subject& caller, const Renewal& renewal, Trail trail,
                                      Done<RenewalRequest> done) const {
  const auto refuse = [&](const absl::Status& status) {
    trail.End(status);
    done(status);
  };
  if (const absl::Status allowed = trail.Administer(parts_.authorizer, caller, Action::kIdentityRenew, renewal.name);
      !allowed.ok()) {
    return refuse(allowed);
  }
  const auto identity = FindActive(parts_.keys, renewal.name);
  if (!identity.ok()) return refuse(identity.status());
  if (const absl::Status renewable = CheckRenewable(**identity); !renewable.ok()) return refuse(renewable);
  const KeyGeneration& current = (*identity)->current();
  std::optional<KeyAlgorithm> algorithm = current.algorithm;
  if (!renewal.algorithm.empty()) algorithm = ParseAlgorithm(renewal.algorithm);
  if (!algorithm.has_value()) {
    return refuse(absl::InvalidArgumentError(absl::StrCat("the algorithm must be ", kAlgorithmNames)));
  }
  if (const KeyGeneration* const next = (*identity)->next(); next != nullptr) {
    if (!Fits(*next, renewal, parts_.backends)) return refuse(WithNext(**identity, *next).status());
    return FinishRenewal(renewal.name, std::move(trail), done);
  }
  const BackendSet::Entry* entry = parts_.backends.FindByName(renewal.backend);
  if (renewal.backend.empty()) {
    const auto holder = parts_.backends.FindForKey(current.backend_uuid, current.blob);
    // A key that is not here any more, as after a restore, is renewed where new keys are made.
    if (!holder.ok() && parts_.backends.MayHold(current.blob)) return refuse(holder.status());
    if (holder.ok()) entry = *holder;
  }
  if (entry == nullptr) return refuse(absl::NotFoundError("there is no backend of that name; see: ddskeyctl status"));
  // One whose binding is damaged must not be followed by one without.
  std::string_view blob = current.blob;
  auto binding = TakeBinding(blob);
  if (!binding.ok()) return refuse(binding.status());
  WorkOptions options;
  options.deadline = std::chrono::steady_clock::now() + kCreateDeadline;
  auto finish = [this, name = renewal.name, entry, trail = std::move(trail),
                 done = std::move(done)](absl::StatusOr<SealedKey> made) {
    // Off the thread of the device: the keystore waits for the disk.
    parts_.pool.Resume([this, name, entry, made = std::move(made), trail, done]() mutable {
      const absl::Status stored = made.ok() ? StoreNext(name, *entry, *made) : made.status();
      if (stored.ok()) return FinishRenewal(name, std::move(trail), done);
      trail.End(stored);
      done(stored);
    });
  };
  if (binding->has_value()) {
    PcrTerms terms{SelectionOf((*binding)->values), std::move((*binding)->authority), std::move((*binding)->label),
                   std::move((*binding)->approvals)};
    entry->backend->SubmitCreateBound(*algorithm, current.purpose, std::move(terms), options, std::move(finish));
  } else {
    entry->backend->SubmitCreate(*algorithm, current.purpose, options, std::move(finish));
  }
}

absl::Status IdentityCustodian::StoreNext(const std::string& name, const BackendSet::Entry& entry,
                                          const SealedKey& key) const {
  KeyGeneration generation;
  generation.backend_uuid = entry.uuid;
  generation.algorithm = key.algorithm;
  generation.blob = key.blob;
  generation.public_key = key.public_key;
  generation.created = parts_.clock();
  return Apply(name,
               [&](const std::shared_ptr<const Identity>& identity) -> absl::StatusOr<std::optional<Identity>> {
                 if (identity->deleted) return NoSuchKey(name);
                 if (identity->current().purpose != key.purpose) {
                   return absl::AbortedError("the key was replaced by another one meanwhile");
                 }
                 return WithNext(*identity, generation);
               })
      .status();
}

void IdentityCustodian::FinishRenewal(const std::string& name, Trail trail, const Done<RenewalRequest>& done) const {
  const auto build = [&]() -> absl::StatusOr<std::pair<std::shared_ptr<const Identity>, CertificationRequest>> {
    ASSIGN_OR_RETURN(auto identity, FindActive(parts_.keys, name));
    const KeyGeneration* const next = identity->next();
    if (next == nullptr) return absl::AbortedError("the next generation was given up meanwhile");
    ASSIGN_OR_RETURN(const Certificate current, LeafOf(identity->current().certificate_chain));
    ASSIGN_OR_RETURN(auto request,
                     CertificationRequest::BuildFor(next->algorithm, next->public_key, current.subject_der(), {}));
    return std::pair(std::move(identity), std::move(request));
  };
  const auto built = build();
  if (!built.ok()) {
    trail.End(built.status());
    return done(built.status());
  }
  const auto& [identity, request] = *built;
  SignRequest(parts_.pool, parts_.backends, *identity->next(), request,
              [this, identity = identity, trail = std::move(trail), done](absl::StatusOr<std::string> pem) mutable {
                trail.End(pem.status());
                if (!pem.ok()) return done(pem.status());
                auto key = Describe(identity);
                if (!key.ok()) return done(key.status());
                done(RenewalRequest{*std::move(key), *std::move(pem)});
              });
}

absl::Status IdentityCustodian::CheckGood(const Identity& identity, const std::string& chain) const {
  ASSIGN_OR_RETURN(const Certificate leaf, LeafOf(chain));
  const absl::Time now = parts_.clock();
  if (identity.trust.anchors.empty()) {
    // What is left to check are form and dates: the caller of a handshake brings the anchors.
    if (now >= leaf.not_before() && now <= leaf.not_after()) return absl::OkStatus();
    return absl::FailedPreconditionError("the certificate is not valid now");
  }
  IdentityTrust under = identity.trust;
  // Where a responder speaks instead of lists, what it says of this certificate is installed after it.
  if (!under.ocsp_response.empty()) under.options.missing_revocation_list = Strictness::kIgnore;
  ASSIGN_OR_RETURN(const auto trust, TrustInForce(under, identity.name.text(), parts_.file_lists));
  if (const auto good = parts_.validator.Validate(chain, *trust, now); !good.ok()) {
    return absl::FailedPreconditionError(
        absl::StrCat("the certificate is not good: ", good.status().message(),
                     "; if another identity CA signed it, add that first: ddskeyctl trust add ", identity.name.text(),
                     " --ca FILE"));
  }
  return absl::OkStatus();
}

absl::StatusOr<std::optional<Identity>> IdentityCustodian::CompletedWith(const Identity& identity,
                                                                         const std::string& chain) const {
  const std::string& name = identity.name.text();
  ASSIGN_OR_RETURN(const std::vector<Certificate> certificates, Certificate::ParsePem(chain));
  const Certificate& leaf = certificates.front();
  const KeyGeneration* const next = identity.next();
  if (next == nullptr && leaf.public_key() == identity.current().public_key) {
    ASSIGN_OR_RETURN(const Certificate current, LeafOf(identity.current().certificate_chain));
    // Asked again, because the answer was lost.
    if (current.digest() == leaf.digest()) return std::nullopt;
  }
  if (next == nullptr) return Switched(identity, chain, parts_.clock()).status();
  if (leaf.public_key() != next->public_key) {
    return absl::FailedPreconditionError(
        absl::StrCat("the certificate of ", leaf.subject(), " is for another key than the next generation of \"", name,
                     "\"; the first certificate must be made from: ddskeyctl identity renew ", name));
  }
  RETURN_IF_ERROR(CheckRenewable(identity));
  ASSIGN_OR_RETURN(const Certificate current, LeafOf(identity.current().certificate_chain));
  if (leaf.subject_der() != current.subject_der()) {
    return absl::FailedPreconditionError(
        absl::StrCat("the certificate has the subject ", leaf.subject(), ", the one it would replace ",
                     current.subject(), "; another subject is another identity: ddskeyctl identity create"));
  }
  RETURN_IF_ERROR(CheckGood(identity, chain));
  // Stored as parsed: text around the blocks goes nowhere.
  std::string clean;
  for (const Certificate& certificate : certificates) clean += certificate.pem();
  return Switched(identity, clean, parts_.clock());
}

void IdentityCustodian::Complete(const Subject& caller, const std::string& name, std::string chain,
                                 Done<KeyDescription> done) {
  Post(
      caller, "CompleteRenewal", Action::kIdentityRenew, name,
      [this, name, chain = std::move(chain)](
          const std::shared_ptr<const Identity>& identity) -> absl::StatusOr<std::optional<Identity>> {
        if (identity->deleted) return NoSuchKey(name);
        return CompletedWith(*identity, chain);
      },
      std::move(done));
}

void IdentityCustodian::Abandon(const Subject& caller, const std::string& name, Done<KeyDescription> done) {
  Post(
      caller, "AbandonRenewal", Action::kIdentityRenew, name,
      [name](const std::shared_ptr<const Identity>& identity) -> absl::StatusOr<std::optional<Identity>> {
        if (identity->deleted) return NoSuchKey(name);
        return WithoutNext(*identity);
      },
      std::move(done));
}

absl::StatusOr<std::optional<Identity>> IdentityCustodian::RolledBackIfGood(const Identity& identity) const {
  ASSIGN_OR_RETURN(Identity back, RolledBack(identity, parts_.clock()));
  RETURN_IF_ERROR(CheckGood(identity, back.current().certificate_chain));
  if (!parts_.backends.Holds(back.current().backend_uuid, back.current().blob)) {
    return absl::FailedPreconditionError("no backend of the configuration holds the key before any more");
  }
  return back;
}

void IdentityCustodian::RollBack(const Subject& caller, const std::string& name, Done<KeyDescription> done) {
  Post(
      caller, "RollBackIdentity", Action::kIdentityRenew, name,
      [this, name](const std::shared_ptr<const Identity>& identity) -> absl::StatusOr<std::optional<Identity>> {
        if (identity->deleted) return NoSuchKey(name);
        return RolledBackIfGood(*identity);
      },
      std::move(done));
}

void IdentityCustodian::SetEnabled(const Subject& caller, const std::string& name, bool enabled,
                                   Done<KeyDescription> done) {
  Post(
      caller, enabled ? "EnableIdentity" : "DisableIdentity", Action::kIdentityState, name,
      [name, enabled](const std::shared_ptr<const Identity>& identity) -> absl::StatusOr<std::optional<Identity>> {
        if (!enabled && identity->deleted) return NoSuchKey(name);
        if (identity->disabled == !enabled && !identity->deleted) return std::nullopt;
        Identity changed = *identity;
        changed.disabled = !enabled;
        changed.deleted = false;
        return changed;
      },
      std::move(done));
}

bool IdentityCustodian::MayGo(const KeyGeneration& generation, size_t participants) const {
  if (generation.state != GenerationState::kOld) return false;
  const absl::Time now = parts_.clock();
  if (now - generation.replaced <= kReplacedServes) return false;
  const auto leaf = LeafOf(generation.certificate_chain);
  if (!leaf.ok() || now > leaf->not_after()) return true;
  return now - generation.replaced > kReplacedStays && now - began_ > kComeBack && participants == 0;
}

void IdentityCustodian::RetireOld() {
  const std::map<std::string, size_t> counts = parts_.book.Counts();
  for (const auto& identity : parts_.keys.List()) {
    Identity changed = *identity;
    for (const KeyGeneration& generation : identity->generations) {
      const auto count = counts.find(generation.uuid);
      if (MayGo(generation, count == counts.end() ? 0 : count->second)) changed = Without(changed, generation.uuid);
    }
    if (changed.generations.size() == identity->generations.size()) continue;
    Trail trail(parts_.authorizer, Subject(), "RetireGeneration", identity->name.text());
    trail.Administrative();
    // Whoever changed it at the same time is first; the next time will come.
    trail.End(parts_.keys.ReplaceIdentity(identity, changed));
  }
}

}  // namespace ddskey
