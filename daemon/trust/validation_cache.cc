#include "daemon/trust/validation_cache.h"

namespace ddskey::trust {

std::optional<absl::StatusOr<std::shared_ptr<const Certificate>>> ValidationCache::Find(const std::string& key,
                                                                                        absl::Time now) {
  const std::lock_guard lock(mutex_);
  const auto found = index_.find(key);
  if (found == index_.end()) return std::nullopt;
  const Verdict& verdict = found->second->second;
  if (now < verdict.from || now >= verdict.until) return std::nullopt;
  entries_.splice(entries_.begin(), entries_, found->second);
  return verdict.result;
}

void ValidationCache::Put(const std::string& key, Verdict verdict) {
  const std::lock_guard lock(mutex_);
  if (const auto found = index_.find(key); found != index_.end()) {
    found->second->second = std::move(verdict);
    entries_.splice(entries_.begin(), entries_, found->second);
    return;
  }
  if (entries_.size() == capacity_) {
    index_.erase(entries_.back().first);
    entries_.pop_back();
  }
  entries_.emplace_front(key, std::move(verdict));
  index_.emplace(key, entries_.begin());
}

}  // namespace ddskey::trust
