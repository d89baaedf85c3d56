#include "daemon/backend/fair_queue.h"

#include <algorithm>

#include "absl/strings/str_cat.h"

namespace ddskey {
namespace {

constexpr size_t kReplies = 1;

FairQueue::Duration IntervalOf(double per_second) {
  if (per_second <= 0) return FairQueue::Duration::zero();
  return std::chrono::duration_cast<FairQueue::Duration>(std::chrono::duration<double>(1 / per_second));
}

}  // namespace

FairQueue::FairQueue(const Options& options)
    : options_(options), token_interval_(IntervalOf(options.replies_per_second)) {}

absl::Status FairQueue::Check(const WorkOptions& options) const {
  const Ring& ring = rings_[IndexOf(options.work_class)];
  if (index_.size() >= options_.capacity ||
      (options.work_class == WorkClass::kReply && ring.size >= options_.reply_capacity)) {
    return absl::ResourceExhaustedError(
        absl::StrCat("the queue of the key device is full: ", index_.size(), " works are waiting"));
  }
  if (options.fairness.empty()) return absl::OkStatus();
  const auto lane = ring.lanes.find(options.fairness);
  if (lane != ring.lanes.end() && lane->second.works.size() >= options_.capacity_per_id) {
    return absl::ResourceExhaustedError(
        absl::StrCat(lane->second.works.size(), " works of the same origin are waiting for the key device already"));
  }
  return absl::OkStatus();
}

void FairQueue::Push(Entry entry, Time now) {
  const size_t index = IndexOf(entry.options.work_class);
  Ring& ring = rings_[index];
  Forget(ring, now);
  const auto [found, added] = ring.lanes.try_emplace(entry.options.fairness);
  Lane& lane = found->second;
  if (added) {
    lane.fairness = entry.options.fairness;
    lane.limited = index == kReplies && !lane.fairness.empty() && token_interval_ > Duration::zero();
    lane.paid_until = now;
  } else if (lane.works.empty()) {
    ring.idle.erase({lane.paid_until, &lane});
  }
  const WorkId id = entry.id;
  index_.emplace(id, std::pair{index, &lane});
  deadlines_.emplace(entry.options.deadline, id);
  lane.works.emplace(id, std::move(entry));
  ++ring.size;
  if (lane.place == Place::kNowhere) Enlist(ring, lane, now);
}

std::optional<FairQueue::Entry> FairQueue::Pop(Time now) {
  for (Ring& ring : rings_) Unthrottle(ring, now);
  const bool completion = !rings_[0].turns.empty();
  const bool reply = !rings_[kReplies].turns.empty();
  if (!completion && !reply) return std::nullopt;
  const bool contended = completion && reply;
  if (contended && !contended_) {
    for (Ring& ring : rings_) ring.used = Duration::zero();
  }
  contended_ = contended;
  if (!contended) return PopFrom(reply ? kReplies : 0, now);
  const bool turn = !reply_was_last_ && rings_[kReplies].used <= rings_[0].used;
  return PopFrom(turn ? kReplies : 0, now);
}

std::optional<FairQueue::Entry> FairQueue::Remove(WorkId id, Time now) {
  const auto found = index_.find(id);
  if (found == index_.end()) return std::nullopt;
  const auto [index, lane] = found->second;
  Entry entry = Extract(index, *lane, id);
  if (lane->works.empty()) Leave(rings_[index], *lane, now);
  return entry;
}

std::vector<FairQueue::Entry> FairQueue::Expire(Time now) {
  std::vector<Entry> expired;
  while (!deadlines_.empty() && deadlines_.begin()->first <= now) {
    expired.push_back(*Remove(deadlines_.begin()->second, now));
  }
  return expired;
}

std::vector<FairQueue::Entry> FairQueue::Clear(Time now) {
  std::vector<Entry> all;
  while (!deadlines_.empty()) all.push_back(*Remove(deadlines_.begin()->second, now));
  return all;
}

void FairQueue::Charge(WorkClass work_class, Duration busy) { rings_[IndexOf(work_class)].used += busy; }

FairQueue::Time FairQueue::NextDeadline() const { return deadlines_.empty() ? Time::max() : deadlines_.begin()->first; }

FairQueue::Time FairQueue::NextToken() const {
  const auto& throttled = rings_[kReplies].throttled;
  return throttled.empty() ? Time::max() : throttled.begin()->first;
}

FairQueue::Time FairQueue::TokenTime(const Lane& lane) const {
  return lane.paid_until - std::max(0, options_.reply_burst - 1) * token_interval_;
}

// Enlist puts a lane that has work where its turn will come.
void FairQueue::Enlist(Ring& ring, Lane& lane, Time now) {
  if (lane.limited && TokenTime(lane) > now) {
    lane.place = Place::kThrottled;
    ring.throttled.emplace(TokenTime(lane), &lane);
  } else {
    lane.place = Place::kRing;
    ring.turns.push_back(&lane);
  }
}

// Leave takes a lane whose last work is gone out of its place; its token count is kept while it matters.
void FairQueue::Leave(Ring& ring, Lane& lane, Time now) {
  if (lane.place == Place::kThrottled) ring.throttled.erase({TokenTime(lane), &lane});
  if (lane.place == Place::kRing) ring.turns.erase(std::find(ring.turns.begin(), ring.turns.end(), &lane));
  lane.place = Place::kNowhere;
  if (lane.limited && lane.paid_until > now) {
    ring.idle.emplace(lane.paid_until, &lane);
    Forget(ring, now);
  } else {
    ring.lanes.erase(std::string(lane.fairness));
  }
}

void FairQueue::Forget(Ring& ring, Time now) {
  while (!ring.idle.empty() && (ring.idle.begin()->first <= now || ring.idle.size() > options_.remembered_ids)) {
    const Lane* lane = ring.idle.begin()->second;
    ring.idle.erase(ring.idle.begin());
    ring.lanes.erase(std::string(lane->fairness));
  }
}

void FairQueue::Unthrottle(Ring& ring, Time now) {
  while (!ring.throttled.empty() && ring.throttled.begin()->first <= now) {
    Lane* lane = ring.throttled.begin()->second;
    ring.throttled.erase(ring.throttled.begin());
    lane->place = Place::kRing;
    ring.turns.push_back(lane);
  }
}

std::optional<FairQueue::Entry> FairQueue::PopFrom(size_t index, Time now) {
  Ring& ring = rings_[index];
  reply_was_last_ = index == kReplies;
  Lane& lane = *ring.turns.front();
  ring.turns.pop_front();
  lane.place = Place::kNowhere;
  Entry entry = Extract(index, lane, lane.works.begin()->first);
  if (lane.limited) lane.paid_until = std::max(lane.paid_until, now) + token_interval_;
  if (lane.works.empty()) {
    Leave(ring, lane, now);
  } else {
    Enlist(ring, lane, now);
  }
  return entry;
}

FairQueue::Entry FairQueue::Extract(size_t index, Lane& lane, WorkId id) {
  auto node = lane.works.extract(id);
  deadlines_.erase({node.mapped().options.deadline, id});
  index_.erase(id);
  --rings_[index].size;
  return std::move(node.mapped());
}

}  // namespace ddskey
