#include "daemon/audit/decision_statistics.h"

#include <algorithm>
#include <iterator>
#include <string_view>
#include <tuple>

namespace ddskey {
namespace {

constexpr size_t kMaxText = 512;
constexpr char kOther[] = "other";

// Shown is `text` as it can be shown anywhere.
std::string Shown(std::string_view text) {
  std::string out(text.substr(0, kMaxText));
  std::ranges::replace_if(
      out, [](char c) { return c < ' ' || c > '~'; }, '?');
  return out;
}

auto Kind(const DecisionStatistics::Refusal& refusal) {
  return std::tie(refusal.uid, refusal.code, refusal.operation, refusal.key, refusal.peer, refusal.reason);
}

}  // namespace

void DecisionStatistics::Record(const AuditRecord& record) {
  Refusal refusal;
  if (!record.outcome.ok()) {
    const absl::Time now = clock_();
    const absl::string_view reason = record.outcome.message();
    refusal = {.first = now,
               .last = now,
               .count = 1,
               .uid = record.uid,
               .pid = record.pid,
               .operation = Shown(record.operation),
               .key = Shown(record.key),
               .peer = Shown(record.peer),
               .code = record.outcome.code(),
               .reason = Shown({reason.data(), reason.size()})};
  }
  {
    const std::lock_guard lock(mutex_);
    auto of_operation = totals_.find(record.operation);
    if (of_operation == totals_.end()) {
      of_operation = totals_.try_emplace(totals_.size() < bounds_.operations ? record.operation : kOther).first;
    }
    Total& total = of_operation->second[record.outcome.code()];
    ++total.count;
    total.took += record.took;
    if (refusal.count > 0) Remember(std::move(refusal));
  }
  log_.Record(record);
}

void DecisionStatistics::Remember(Refusal refusal) {
  const auto known = std::ranges::find_if(refusals_, [&](const Refusal& r) { return Kind(r) == Kind(refusal); });
  if (known != refusals_.end()) {
    ++known->count;
    known->last = refusal.last;
    known->pid = refusal.pid;
    refusals_.splice(refusals_.begin(), refusals_, known);
    return;
  }
  MakeRoom(refusal.uid);
  refusals_.push_front(std::move(refusal));
}

void DecisionStatistics::MakeRoom(uid_t uid) {
  const auto of_uid = [uid](const Refusal& refusal) { return refusal.uid == uid; };
  if (static_cast<size_t>(std::ranges::count_if(refusals_, of_uid)) >= bounds_.refusals_per_uid) {
    const auto oldest = std::find_if(refusals_.rbegin(), refusals_.rend(), of_uid);
    refusals_.erase(std::next(oldest).base());
  } else if (refusals_.size() >= bounds_.refusals) {
    refusals_.pop_back();
  }
}

std::vector<DecisionStatistics::Count> DecisionStatistics::Counts() const {
  const std::lock_guard lock(mutex_);
  std::vector<Count> counts;
  for (const auto& [operation, totals] : totals_) {
    for (const auto& [code, total] : totals) counts.push_back({operation, code, total.count, total.took});
  }
  return counts;
}

std::vector<DecisionStatistics::Refusal> DecisionStatistics::Refusals() const {
  const std::lock_guard lock(mutex_);
  return {refusals_.begin(), refusals_.end()};
}

}  // namespace ddskey
