#include "daemon/rpc/request_shares.h"

namespace ddskey {
namespace {

template <typename Map, typename Key>
uint64_t Adjust(Map& map, const Key& key, uint64_t before, uint64_t now) {
  const auto entry = map.try_emplace(key, 0).first;
  entry->second += now - before;
  const uint64_t sum = entry->second;
  if (sum == 0) map.erase(entry);
  return sum;
}

}  // namespace

std::string RequestShares::Change(uid_t uid, const ProcessId& process, uint64_t before, uint64_t now) {
  if (now == before) return "";
  const std::lock_guard lock(mutex_);
  const uint64_t of_process = Adjust(processes_, process, before, now);
  const uint64_t of_uid = Adjust(uids_, uid, before, now);
  sum_ += now - before;
  if (now < before) return "";
  if (of_process > bounds_.per_process) return "this process";
  if (of_uid > bounds_.per_uid) return "this user";
  if (bounds_.total > 0 && sum_ > bounds_.total) return "all users";
  return "";
}

}  // namespace ddskey
