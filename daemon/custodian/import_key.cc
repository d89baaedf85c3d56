// How keys that were made elsewhere come into the keystore.
#include <chrono>
#include <mutex>
#include <utility>

#include "absl/strings/str_cat.h"
#include "daemon/custodian/find_identity.h"
#include "daemon/custodian/key_custodian.h"
#include "proto/contract/status_macros.h"

namespace ddskey {
namespace {

constexpr std::chrono::seconds kImportDeadline(60);

}  // namespace

void KeyCustodian::SubmitImport(const Subject& caller, const ImportedKey& key, Trail trail, Done<KeyDescription> done) {
  const auto refuse = [&](const absl::Status& status) {
    trail.End(status);
    done(status);
  };
  if (const absl::Status allowed = trail.Administer(parts_.authorizer, caller, Action::kKeyImport, key.name);
      !allowed.ok()) {
    return refuse(allowed);
  }
  const auto name = ParseKeyName(key.name);
  if (!name.ok()) return refuse(name.status());
  const auto purpose = ParsePurpose(key.purpose.empty() ? PurposeName(KeyPurpose::kHandshake) : key.purpose);
  if (!purpose.has_value()) return refuse(absl::InvalidArgumentError("the purpose must be handshake or digest"));
  const BackendSet::Entry* entry = parts_.backends.FindByName(key.backend);
  if (entry == nullptr) return refuse(absl::NotFoundError("there is no backend of that name; see: ddskeyctl status"));
  if (parts_.keys.Find(*name).ok()) {
    return refuse(
        absl::AlreadyExistsError(absl::StrCat("the name \"", key.name, "\" is taken; see: ddskeyctl key list --all")));
  }
  WorkOptions options;
  options.deadline = std::chrono::steady_clock::now() + kImportDeadline;
  entry->backend->SubmitImport(
      key.key, *purpose, std::move(options),
      [this, name = *name, entry, trail = std::move(trail), done = std::move(done)](absl::StatusOr<SealedKey> taken) {
        // Off the thread of the device: the keystore waits for the disk.
        parts_.pool.Resume([this, name, entry, taken = std::move(taken), trail, done]() mutable {
          auto stored = taken.ok() ? StoreImported(name, *entry, *taken) : taken.status();
          trail.End(stored.status());
          done(std::move(stored));
        });
      });
}

absl::StatusOr<KeyDescription> KeyCustodian::StoreImported(const KeyName& name, const BackendSet::Entry& entry,
                                                           const SealedKey& key) {
  // So that of two imports of one key at once, one sees the other.
  const std::lock_guard lock(importing_);
  RETURN_IF_ERROR(CheckNotKept(parts_.keys, name, key.public_key));
  ASSIGN_OR_RETURN(KeyDescription description, Store(name, entry, key, /*imported=*/true));
  description.warning = key.warning;
  return description;
}

void KeyCustodian::Import(const Subject& caller, ImportedKey key, Done<KeyDescription> done) {
  parts_.pool.Post(caller, [this, caller, key = std::move(key), done = std::move(done)] {
    SubmitImport(caller, key, Trail(parts_.authorizer, caller, "ImportKey", key.name), done);
  });
}

}  // namespace ddskey
