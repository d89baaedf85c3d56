#include "daemon/custodian/trust_cache.h"

#include <algorithm>
#include <optional>
#include <utility>

#include "daemon/custodian/parse_trust.h"
#include "daemon/handshake/digest.h"
#include "daemon/handshake/field_codec.h"
#include "proto/contract/status_macros.h"

namespace ddskey {
namespace {

constexpr size_t kMost = 64;

}  // namespace

absl::StatusOr<std::shared_ptr<const TrustStore>> TrustCache::Get(const std::vector<std::string>& anchors,
                                                                  const std::vector<std::string>& revocation_lists) {
  FieldWriter writer;
  for (const std::string& document : anchors) writer.Put(document);
  writer.PutNumber(anchors.size());
  for (const std::string& document : revocation_lists) writer.Put(document);
  const std::string key = Sha256(writer.Take());
  {
    const std::lock_guard lock(mutex_);
    const auto found = std::ranges::find(entries_, key, &Entry::key);
    if (found != entries_.end()) {
      entries_.splice(entries_.begin(), entries_, found);
      return found->store;
    }
  }
  ASSIGN_OR_RETURN(std::shared_ptr<const TrustStore> store, TrustStore::Parse(anchors, revocation_lists));
  const std::lock_guard lock(mutex_);
  entries_.push_front({key, store});
  if (entries_.size() > kMost) entries_.pop_back();
  return store;
}

absl::StatusOr<TrustCache::OwnEntry> TrustCache::Parse(const std::shared_ptr<const Identity>& identity) {
  OwnEntry entry;
  entry.identity = identity;
  ASSIGN_OR_RETURN(entry.lists, ParseLists(identity->trust));
  ASSIGN_OR_RETURN(entry.anchors, Certificate::ParsePem(identity->trust.anchors));
  return entry;
}

absl::Status TrustCache::Renew(const Identity& identity, std::shared_ptr<const ListsInForce> in_force,
                               OwnEntry& entry) {
  const std::vector<RevocationList> lists =
      in_force == nullptr ? entry.lists : in_force->For(identity.name.text(), entry.anchors, entry.lists);
  std::vector<std::string> digests;
  for (const RevocationList& list : lists) digests.push_back(list.digest());
  // Most changes of files concern other identities.
  if (entry.store == nullptr || digests != entry.digests) {
    ASSIGN_OR_RETURN(entry.store, MakeTrust(identity.trust, lists));
  }
  entry.in_force = std::move(in_force);
  entry.digests = std::move(digests);
  return absl::OkStatus();
}

absl::StatusOr<std::shared_ptr<const TrustStore>> TrustCache::Of(const std::shared_ptr<const Identity>& identity) {
  const std::shared_ptr<const ListsInForce> in_force = files_ == nullptr ? nullptr : files_->in_force();
  std::optional<OwnEntry> entry;
  {
    const std::lock_guard lock(mutex_);
    const auto found = own_.find(identity.get());
    // Another identity may have had this address before.
    if (found != own_.end() && !found->second.identity.expired()) {
      if (found->second.in_force == in_force) return found->second.store;
      entry = found->second;
    }
  }
  if (!entry.has_value()) {
    ASSIGN_OR_RETURN(entry, Parse(identity));
  }
  RETURN_IF_ERROR(Renew(*identity, in_force, *entry));
  std::shared_ptr<const TrustStore> store = entry->store;
  const std::lock_guard lock(mutex_);
  std::erase_if(own_, [](const auto& other) { return other.second.identity.expired(); });
  own_.insert_or_assign(identity.get(), *std::move(entry));
  return store;
}

}  // namespace ddskey
