#include "daemon/custodian/trust_cache.h"

#include <algorithm>
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

absl::StatusOr<std::shared_ptr<const TrustStore>> TrustCache::Of(const std::shared_ptr<const Identity>& identity) {
  {
    const std::lock_guard lock(mutex_);
    const auto found = own_.find(identity.get());
    // Another identity may have had this address before.
    if (found != own_.end() && !found->second.identity.expired()) return found->second.store;
  }
  ASSIGN_OR_RETURN(std::shared_ptr<const TrustStore> store, ParseTrust(identity->trust));
  const std::lock_guard lock(mutex_);
  std::erase_if(own_, [](const auto& entry) { return entry.second.identity.expired(); });
  own_.insert_or_assign(identity.get(), OwnEntry{identity, store});
  return store;
}

}  // namespace ddskey
