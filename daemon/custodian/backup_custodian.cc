#include "daemon/custodian/backup_custodian.h"

#include <sys/random.h>

#include <algorithm>
#include <string_view>
#include <utility>

#include "absl/strings/ascii.h"
#include "absl/strings/str_cat.h"
#include "daemon/custodian/find_identity.h"
#include "daemon/custodian/parse_trust.h"
#include "daemon/trust/certificate.h"
#include "proto/contract/status_macros.h"

namespace ddskey {
namespace {

constexpr size_t kMostSnapshots = 4;
constexpr size_t kMostGenerations = 64;
constexpr size_t kLongestUuid = 64;
constexpr size_t kLongestName = 32;

// CheckBackend holds names from a copy to what the configuration may contain, and to those with their kind behind them
// (StoredBackend).
absl::Status CheckBackend(const StoredBackend& backend) {
  const auto fits = [](std::string_view text) {
    return !text.empty() && text.size() <= kLongestName && std::ranges::all_of(text, [](unsigned char c) {
      return absl::ascii_islower(c) || absl::ascii_isdigit(c) || c == '-';
    });
  };
  std::string_view name = backend.name;
  const std::string behind = NameWithKind("", backend.kind);
  if (name.ends_with(behind)) name.remove_suffix(behind.size());
  if (fits(name) && fits(backend.kind)) return absl::OkStatus();
  return absl::InvalidArgumentError("a generation names no backend that there could be");
}

// CheckContent makes sure that what is read every time the identity is used can be read.
absl::Status CheckContent(const Identity& identity) {
  if (identity.generations.empty() || identity.generations.size() > kMostGenerations) {
    return absl::InvalidArgumentError(absl::StrCat("an identity has 1 to ", kMostGenerations, " generations"));
  }
  uint32_t number = 0;
  for (const KeyGeneration& generation : identity.generations) {
    if (generation.uuid.empty() || generation.uuid.size() > kLongestUuid || generation.number <= number) {
      return absl::InvalidArgumentError("generations have names, and numbers that rise");
    }
    number = generation.number;
    // S-1: what a key is for is the same for the life of an identity.
    if (generation.purpose != identity.generations.front().purpose) {
      return absl::InvalidArgumentError("the generations of an identity have one purpose");
    }
    if (generation.certificate_chain.empty()) continue;
    ASSIGN_OR_RETURN(const std::vector<Certificate> chain, Certificate::ParsePem(generation.certificate_chain));
    if (chain.front().public_key() != generation.public_key) {
      return absl::InvalidArgumentError(absl::StrCat("the certificate of generation ", number, " is for another key"));
    }
  }
  if (identity.uuid.empty() || identity.uuid.size() > kLongestUuid) {
    return absl::InvalidArgumentError("the identity has no name of its own");
  }
  if (identity.trust.anchors.empty()) return absl::OkStatus();
  return ParseTrust(identity.trust).status();
}

}  // namespace

absl::StatusOr<std::shared_ptr<const Snapshot>> BackupCustodian::Take(uint64_t snapshot) {
  const std::lock_guard lock(mutex_);
  if (snapshot != 0) {
    const auto found = std::ranges::find(kept_, snapshot, [](const auto& kept) { return kept->id; });
    if (found != kept_.end()) return *found;
    return absl::AbortedError("the copy that was begun is not kept any more; begin again");
  }
  auto taken = std::make_shared<Snapshot>();
  while (taken->id == 0) {
    if (getrandom(&taken->id, sizeof taken->id, 0) != sizeof taken->id) taken->id = 0;
  }
  taken->instance_uuid = parts_.keys.instance_uuid();
  taken->identities = parts_.keys.List();
  // After the identities, so that those of theirs are among them.
  taken->backends = parts_.keys.Backends();
  kept_.push_back(taken);
  if (kept_.size() > kMostSnapshots) kept_.pop_front();
  return std::shared_ptr<const Snapshot>(std::move(taken));
}

void BackupCustodian::Read(const Subject& caller, uint64_t snapshot, Done<std::shared_ptr<const Snapshot>> done) {
  parts_.pool.Post(caller, [this, caller, snapshot, done = std::move(done)] {
    Trail trail(parts_.authorizer, caller, "GetBackup", "");
    const absl::Status allowed = trail.Administer(parts_.authorizer, caller, Action::kBackup, "");
    auto taken = allowed.ok() ? Take(snapshot) : allowed;
    trail.End(taken.status());
    done(std::move(taken));
  });
}

absl::StatusOr<std::string> BackupCustodian::Register(const StoredBackend& backend) const {
  std::string name = backend.name;
  for (const StoredBackend& here : parts_.keys.Backends()) {
    // What has that name here keeps it.
    if (here.name == name && here.kind != backend.kind) name = NameWithKind(name, backend.kind);
  }
  return parts_.keys.RegisterBackend(name, backend.kind);
}

// CheckKeptOnce makes sure that no key of `identity` is here under another name.
absl::Status BackupCustodian::CheckKeptOnce(const Identity& identity) const {
  for (const KeyGeneration& generation : identity.generations) {
    const absl::Status kept = CheckNotKept(parts_.keys, identity.name, generation.public_key);
    if (!kept.ok()) return absl::InvalidArgumentError(kept.message());
  }
  return absl::OkStatus();
}

absl::Status BackupCustodian::Add(Identity identity, const std::vector<StoredBackend>& backends) const {
  RETURN_IF_ERROR(CheckContent(identity));
  RETURN_IF_ERROR(CheckKeptOnce(identity));
  for (size_t i = 0; i < identity.generations.size(); ++i) {
    RETURN_IF_ERROR(CheckBackend(backends[i]));
    ASSIGN_OR_RETURN(identity.generations[i].backend_uuid, Register(backends[i]));
  }
  return parts_.keys.AddIdentity(identity);
}

void BackupCustodian::Restore(const Subject& caller, std::string name, Identity identity,
                              std::vector<StoredBackend> backends, std::function<void(absl::Status)> done) {
  parts_.pool.Post(caller, [this, caller, name = std::move(name), identity = std::move(identity),
                            backends = std::move(backends), done = std::move(done)]() mutable {
    Trail trail(parts_.authorizer, caller, "RestoreIdentity", name);
    absl::Status status = trail.Administer(parts_.authorizer, caller, Action::kRestore, name);
    if (status.ok()) status = Add(std::move(identity), backends);
    trail.End(status);
    done(status);
  });
}

}  // namespace ddskey
