#include "daemon/rpc/usage_limiter.h"

#include <mutex>
#include <unordered_map>
#include <utility>

#include "absl/strings/str_cat.h"

namespace ddskey {
namespace {

template <typename Map, typename Key>
uint32_t CountOf(const Map& map, const Key& key) {
  const auto found = map.find(key);
  return found == map.end() ? 0 : found->second;
}

template <typename Map, typename Key>
void Decrement(Map& map, const Key& key) {
  const auto found = map.find(key);
  if (--found->second == 0) map.erase(found);
}

bool Reached(uint32_t count, uint32_t limit) { return limit != 0 && count >= limit; }

}  // namespace

struct UsageLimiter::Counts {
  Counts(std::string what_arg, const Bounds& bounds_arg) : what(std::move(what_arg)), bounds(bounds_arg) {}

  absl::Status Refuse(const char* whose, uint32_t limit) const {
    return absl::ResourceExhaustedError(absl::StrCat("too many ", what, " of ", whose, "; the limit is ", limit));
  }

  const std::string what;
  const Bounds bounds;
  mutable std::mutex mutex;
  uint32_t total = 0;
  std::unordered_map<uid_t, uint32_t> uids;
  std::unordered_map<ProcessId, uint32_t, ProcessIdHash> processes;
};

struct UsageLimiter::Permit::Holder {
  Holder(std::shared_ptr<Counts> counts_arg, uid_t uid_arg, const ProcessId& process_arg)
      : counts(std::move(counts_arg)), uid(uid_arg), process(process_arg) {}
  Holder(const Holder&) = delete;
  Holder& operator=(const Holder&) = delete;

  ~Holder() {
    const std::lock_guard lock(counts->mutex);
    --counts->total;
    Decrement(counts->uids, uid);
    Decrement(counts->processes, process);
  }

  const std::shared_ptr<Counts> counts;
  const uid_t uid;
  const ProcessId process;
};

UsageLimiter::Permit::Permit(std::unique_ptr<Holder> holder) : holder_(std::move(holder)) {}
UsageLimiter::Permit::Permit() = default;
UsageLimiter::Permit::Permit(Permit&& other) noexcept = default;
UsageLimiter::Permit& UsageLimiter::Permit::operator=(Permit&& other) noexcept = default;
UsageLimiter::Permit::~Permit() = default;

UsageLimiter::UsageLimiter(std::string what, const Bounds& bounds)
    : counts_(std::make_shared<Counts>(std::move(what), bounds)) {}
UsageLimiter::~UsageLimiter() = default;

absl::StatusOr<UsageLimiter::Permit> UsageLimiter::Take(const Subject& subject) {
  const ProcessId process = {subject.pid, subject.start_time};
  {
    const std::lock_guard lock(counts_->mutex);
    const Bounds& bounds = counts_->bounds;
    if (Reached(CountOf(counts_->processes, process), bounds.per_process)) {
      return counts_->Refuse("this process", bounds.per_process);
    }
    if (Reached(CountOf(counts_->uids, subject.uid), bounds.per_uid)) {
      return counts_->Refuse("this user", bounds.per_uid);
    }
    if (Reached(counts_->total, bounds.total)) return counts_->Refuse("all callers", bounds.total);
    ++counts_->total;
    ++counts_->uids[subject.uid];
    ++counts_->processes[process];
  }
  return Permit(std::make_unique<Permit::Holder>(counts_, subject.uid, process));
}

bool UsageLimiter::IsFull(uid_t uid) const {
  const std::lock_guard lock(counts_->mutex);
  return Reached(CountOf(counts_->uids, uid), counts_->bounds.per_uid) ||
         Reached(counts_->total, counts_->bounds.total);
}

uint32_t UsageLimiter::in_use() const {
  const std::lock_guard lock(counts_->mutex);
  return counts_->total;
}

}  // namespace ddskey
