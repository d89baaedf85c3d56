// How approvals of other values of a TPM's registers reach the keys that are bound to them.
#include <chrono>
#include <map>
#include <memory>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "daemon/backend/bound_blob.h"
#include "daemon/backend/key_backend.h"
#include "daemon/custodian/find_identity.h"
#include "daemon/custodian/identity_custodian.h"
#include "proto/contract/pcr_policy.h"
#include "proto/contract/status_macros.h"

namespace ddskey {
namespace {

constexpr std::chrono::seconds kApproveDeadline(30);

// Bound is a key of an identity that an authority can approve something for.
struct Bound {
  std::string uuid;
  SealedKey key;
  KeyBackend* backend;
};

}  // namespace

// Approval goes through the keys of an identity, one after the other.
struct IdentityCustodian::Approval {
  std::string name;
  PcrApproval approval;
  Trail trail;
  Done<KeyDescription> done;
  std::vector<Bound> keys;
  size_t next = 0;
  // By uuid.
  std::map<std::string, std::string> blobs;
  bool known = false;
  absl::Status refusal;
};

void IdentityCustodian::Approve(const Subject& caller, std::string name, PcrApproval approval,
                                Done<KeyDescription> done) {
  parts_.pool.Post(caller, [this, caller, name = std::move(name), approval = std::move(approval),
                            done = std::move(done)] {
    Trail trail(parts_.authorizer, caller, "ApprovePcrs", name);
    const absl::Status allowed = trail.Administer(parts_.authorizer, caller, Action::kPcrApprove, name);
    auto work = std::make_shared<Approval>(Approval{name, approval, std::move(trail), done, {}, 0, {}, false, {}});
    const auto identity = allowed.ok() ? FindActive(parts_.keys, name) : allowed;
    if (!identity.ok()) return FinishApproval(*work, identity.status());
    absl::Status away;
    for (const KeyGeneration& one : (*identity)->generations) {
      if (!BindingOf(one.blob).has_value()) continue;
      const auto entry = parts_.backends.FindForKey(one.backend_uuid, one.blob);
      if (!entry.ok()) away = entry.status();
      if (!entry.ok()) continue;
      work->keys.push_back({one.uuid, {one.algorithm, one.purpose, one.blob, one.public_key}, (*entry)->backend.get()});
    }
    if (work->keys.empty() && !away.ok()) return FinishApproval(*work, away);
    if (work->keys.empty()) {
      return FinishApproval(
          *work, absl::FailedPreconditionError(absl::StrCat("no key of \"", name, "\" is bound to registers")));
    }
    ApproveNext(work);
  });
}

void IdentityCustodian::ApproveNext(const std::shared_ptr<Approval>& work) {
  if (work->next == work->keys.size()) return StoreApproval(*work);
  const Bound& bound = work->keys[work->next];
  WorkOptions options;
  options.deadline = std::chrono::steady_clock::now() + kApproveDeadline;
  bound.backend->SubmitApprove(bound.key, work->approval, options, [this, work](absl::StatusOr<SealedKey> approved) {
    parts_.pool.Resume([this, work, approved = std::move(approved)] {
      const Bound& key = work->keys[work->next++];
      if (approved.ok()) work->blobs[key.uuid] = approved->blob;
      if (absl::IsAlreadyExists(approved.status())) work->known = true;
      if (!approved.ok() && work->refusal.ok()) work->refusal = approved.status();
      ApproveNext(work);
    });
  });
}

void IdentityCustodian::StoreApproval(Approval& work) {
  // An older key may have had another authority: it is enough that one of them takes it.
  if (work.blobs.empty() && !work.known) return FinishApproval(work, work.refusal);
  FinishApproval(
      work,
      Apply(work.name, [&](const std::shared_ptr<const Identity>& identity) -> absl::StatusOr<std::optional<Identity>> {
        if (identity->deleted) return NoSuchKey(work.name);
        Identity changed = *identity;
        bool any = false;
        for (const Bound& key : work.keys) {
          const auto blob = work.blobs.find(key.uuid);
          for (KeyGeneration& one : changed.generations) {
            // Not over what somebody else approved meanwhile.
            if (blob == work.blobs.end() || one.uuid != key.uuid) continue;
            if (one.blob != key.key.blob) return absl::AbortedError("the key was changed meanwhile: repeat it");
            one.blob = blob->second;
            any = true;
          }
        }
        if (!any) return std::nullopt;
        return changed;
      }));
}

void IdentityCustodian::FinishApproval(Approval& work, absl::StatusOr<KeyDescription> key) {
  work.trail.End(key.status());
  work.done(std::move(key));
}

}  // namespace ddskey
