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

absl::StatusOr<std::optional<FairQueue::Entry>> FairQueue::MakeRoom(const WorkOptions& options, Time now) {
  const size_t index = IndexOf(options.work_class);
  Ring& ring = rings_[index];
  const auto group = ring.groups.find(options.group);
  size_t length = 0;
  if (group != ring.groups.end()) {
    const auto lane = group->second.lanes.find(options.fairness);
    if (lane != group->second.lanes.end()) length = lane->second.works.size();
  }
  if (!options.fairness.empty() && length >= options_.capacity_per_id) {
    return absl::ResourceExhaustedError(
        absl::StrCat(length, " works of the same origin are waiting for the key device already"));
  }
  const bool full = index_.size() >= options_.capacity;
  if (!full && (index != kReplies || ring.size < options_.reply_capacity)) return std::nullopt;
  const size_t assured = options_.capacity - std::min(options_.capacity, options_.reply_capacity);
  Lane* crowd = nullptr;
  if (full && ring.size < assured) {
    crowd = FindCrowd(rings_[1 - index], nullptr, 0);
  } else {
    crowd = FindCrowd(ring, group == ring.groups.end() ? nullptr : &group->second, length);
  }
  if (crowd == nullptr) {
    return absl::ResourceExhaustedError(
        absl::StrCat("the queue of the key device is full: ", index_.size(), " works are waiting"));
  }
  return Remove(crowd->works.rbegin()->first, now);
}

void FairQueue::Push(Entry entry, Time now) {
  const size_t index = IndexOf(entry.options.work_class);
  Ring& ring = rings_[index];
  Forget(ring, now);
  Lane& lane = FindOrAdd(ring, entry.options, index == kReplies && token_interval_ > Duration::zero(), now);
  const WorkId id = entry.id;
  index_.emplace(id, std::pair{index, &lane});
  deadlines_.emplace(entry.options.deadline, id);
  lane.works.emplace(id, std::move(entry));
  NoteLength(lane, lane.works.size() - 1);
  ++lane.group->size;
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

FairQueue::Lane& FairQueue::FindOrAdd(Ring& ring, const WorkOptions& options, bool limited, Time now) {
  Group& group = ring.groups[options.group];
  const auto [found, added] = group.lanes.try_emplace(options.fairness);
  Lane& lane = found->second;
  if (added) {
    ++ring.lanes;
    group.name = options.group;
    lane.group = &group;
    lane.fairness = options.fairness;
    lane.limited = limited && !lane.fairness.empty();
    lane.paid_until = now;
  } else if (lane.works.empty()) {
    ring.idle.erase({lane.paid_until, &lane});
  }
  return lane;
}

void FairQueue::Erase(Ring& ring, Lane& lane) {
  Group& group = *lane.group;
  group.lanes.erase(std::string(lane.fairness));
  --ring.lanes;
  if (group.lanes.empty()) ring.groups.erase(std::string(group.name));
}

// NoteLength keeps `lengths` up to date when the number of a lane's works was `before`.
void FairQueue::NoteLength(Lane& lane, size_t before) {
  if (lane.fairness.empty()) return;
  if (before > 0) lane.group->lengths.erase({before, &lane});
  if (!lane.works.empty()) lane.group->lengths.emplace(lane.works.size(), &lane);
}

// FindCrowd returns the lane that gives way to work of a lane in `group` (null: of none that is here) which has
// `length` works, or null. One more in the place of one less must make things fairer, or two would displace each other
// for ever.
FairQueue::Lane* FairQueue::FindCrowd(Ring& ring, const Group* group, size_t length) {
  Group* largest = nullptr;
  for (auto& [name, each] : ring.groups) {
    if (!each.lengths.empty() && (largest == nullptr || each.size > largest->size)) largest = &each;
  }
  if (largest == nullptr) return nullptr;
  if (largest != group && (group == nullptr || largest->size >= group->size + 2)) {
    return largest->lengths.rbegin()->second;
  }
  if (group == nullptr || group->lengths.empty() || group->lengths.rbegin()->first < length + 2) return nullptr;
  return group->lengths.rbegin()->second;
}

// Enlist puts a lane that has work where its turn will come.
void FairQueue::Enlist(Ring& ring, Lane& lane, Time now) {
  if (lane.limited && TokenTime(lane) > now) {
    lane.place = Place::kThrottled;
    ring.throttled.emplace(TokenTime(lane), &lane);
  } else {
    lane.place = Place::kRing;
    if (lane.group->turns.empty()) ring.turns.push_back(lane.group);
    lane.group->turns.push_back(&lane);
  }
}

// Leave takes a lane whose last work is gone out of its place; its token count is kept while it matters.
void FairQueue::Leave(Ring& ring, Lane& lane, Time now) {
  if (lane.place == Place::kThrottled) ring.throttled.erase({TokenTime(lane), &lane});
  if (lane.place == Place::kRing) {
    auto& turns = lane.group->turns;
    turns.erase(std::find(turns.begin(), turns.end(), &lane));
    if (turns.empty()) ring.turns.erase(std::find(ring.turns.begin(), ring.turns.end(), lane.group));
  }
  lane.place = Place::kNowhere;
  if (lane.limited && lane.paid_until > now) {
    ring.idle.emplace(lane.paid_until, &lane);
    Forget(ring, now);
  } else {
    Erase(ring, lane);
  }
}

void FairQueue::Forget(Ring& ring, Time now) {
  while (!ring.idle.empty() && (ring.idle.begin()->first <= now || ring.idle.size() > options_.remembered_ids)) {
    Lane& lane = *ring.idle.begin()->second;
    ring.idle.erase(ring.idle.begin());
    Erase(ring, lane);
  }
}

void FairQueue::Unthrottle(Ring& ring, Time now) {
  while (!ring.throttled.empty() && ring.throttled.begin()->first <= now) {
    Lane& lane = *ring.throttled.begin()->second;
    ring.throttled.erase(ring.throttled.begin());
    Enlist(ring, lane, now);
  }
}

std::optional<FairQueue::Entry> FairQueue::PopFrom(size_t index, Time now) {
  Ring& ring = rings_[index];
  reply_was_last_ = index == kReplies;
  Group& group = *ring.turns.front();
  ring.turns.pop_front();
  Lane& lane = *group.turns.front();
  group.turns.pop_front();
  if (!group.turns.empty()) ring.turns.push_back(&group);
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
  NoteLength(lane, lane.works.size() + 1);
  --lane.group->size;
  --rings_[index].size;
  return std::move(node.mapped());
}

}  // namespace ddskey
