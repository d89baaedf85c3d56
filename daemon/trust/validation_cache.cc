#include "daemon/trust/validation_cache.h"

#include <algorithm>
#include <iterator>
#include <utility>

namespace ddskey::trust {

std::optional<Verdict> ValidationCache::Find(const std::string& key, absl::Time now) {
  const std::lock_guard lock(mutex_);
  const auto found = index_.find(key);
  if (found == index_.end()) return std::nullopt;
  const Verdict& verdict = found->second->verdict;
  if (now < verdict.from || now >= verdict.until) return std::nullopt;
  Entries& entries = accounts_.find(found->second->account)->second;
  entries.splice(entries.begin(), entries, found->second);
  return verdict;
}

void ValidationCache::Put(const std::string& key, uint32_t account, Verdict verdict) {
  const std::lock_guard lock(mutex_);
  if (const auto found = index_.find(key); found != index_.end()) Remove(found->second);
  if (const auto own = accounts_.find(account); own != accounts_.end() && own->second.size() >= capacity_per_account_) {
    Remove(std::prev(own->second.end()));
  } else if (index_.size() >= capacity_) {
    const auto largest = std::ranges::max_element(accounts_, {}, [](const auto& each) { return each.second.size(); });
    Remove(std::prev(largest->second.end()));
  }
  Entries& entries = accounts_[account];
  entries.push_front({key, account, std::move(verdict)});
  index_.emplace(key, entries.begin());
}

size_t ValidationCache::size() const {
  const std::lock_guard lock(mutex_);
  return index_.size();
}

void ValidationCache::Remove(Entries::iterator entry) {
  index_.erase(entry->key);
  const auto account = accounts_.find(entry->account);
  account->second.erase(entry);
  if (account->second.empty()) accounts_.erase(account);
}

}  // namespace ddskey::trust
