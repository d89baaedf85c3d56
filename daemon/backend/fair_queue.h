#ifndef DAEMON_BACKEND_FAIR_QUEUE_H_
#define DAEMON_BACKEND_FAIR_QUEUE_H_

#include <array>
#include <chrono>
#include <cstdint>
#include <deque>
#include <map>
#include <optional>
#include <set>
#include <string>
#include <unordered_map>
#include <utility>
#include <vector>

#include "absl/status/statusor.h"
#include "daemon/backend/key_backend.h"
#include "daemon/backend/key_work.h"

namespace ddskey {

// FairQueue decides which work a device does next (S-6). It knows no threads and no clock: the time is an argument.
//
// Completions and replies are two rings. In each, groups take turns, and within a group its lanes, one lane a fairness
// id; within a lane the oldest work is first. While both rings have work that may go, completions get every turn after
// a reply, and more turns when replies have taken more of the device's time (see Charge): at least half of the device,
// and replies never stand still.
//
// A reply needs a token of its fairness id: `reply_burst` at once, then `replies_per_second`. Without one it waits
// until its deadline; it is never refused for that. Replies with an empty fairness id are not limited, because they
// would limit each other: whoever submits one vouches that no stranger can cause it. They share one turn of the ring.
//
// Memory is bounded: at most `capacity` works, of which replies, which strangers can cause, take `reply_capacity`; at
// most `capacity_per_id` of one class and fairness id (the empty id: all that is left); and the token counts of at most
// `remembered_ids` idle ids, the longest idle being forgotten first. Whoever has much in a full queue makes room for
// whoever has little (see MakeRoom). Thread-compatible.
class FairQueue {
 public:
  using WorkId = KeyBackend::WorkId;
  using Time = std::chrono::steady_clock::time_point;
  using Duration = std::chrono::steady_clock::duration;

  struct Options {
    size_t capacity = 1024;
    size_t reply_capacity = 768;
    size_t capacity_per_id = 64;
    size_t remembered_ids = 4096;
    // 0 replies a second switches the limit off, which is for benchmarks.
    int reply_burst = 4;
    double replies_per_second = 2;
  };

  struct Entry {
    WorkId id = 0;
    WorkOptions options;
    KeyRequest request;
    KeyDone done;
    // For whoever submits it.
    Time submitted = {};
  };

  explicit FairQueue(const Options& options);
  FairQueue(const FairQueue&) = delete;
  FairQueue& operator=(const FairQueue&) = delete;

  // MakeRoom prepares a Push of work with these options. If the queue is full, the newest work of the longest lane of
  // the largest group is taken out and given back, provided that the new work's own group and lane stay smaller; work
  // with an empty fairness id never gives way. Replies give way to completions and completions to replies only as long
  // as the others have less than `capacity - reply_capacity`. RESOURCE_EXHAUSTED if there is no room to be made, or
  // none left for this fairness id.
  absl::StatusOr<std::optional<Entry>> MakeRoom(const WorkOptions& options, Time now);

  // Push adds `entry`, for which there is room and whose id was never used before.
  void Push(Entry entry, Time now);

  // Pop takes out the work whose turn it is, or nothing if there is none or all of it waits for tokens.
  std::optional<Entry> Pop(Time now);

  // Remove takes out a given work, or nothing if it is not here.
  std::optional<Entry> Remove(WorkId id, Time now);

  // Expire takes out all work whose deadline has come.
  std::vector<Entry> Expire(Time now);

  // Clear takes out everything.
  std::vector<Entry> Clear(Time now);

  // Charge notes for how long the device was busy with work of a class.
  void Charge(WorkClass work_class, Duration busy);

  // NextDeadline is the earliest deadline here; Time::max() if empty.
  Time NextDeadline() const;

  // NextToken is when the next waiting reply gets its token; Time::max() if none waits.
  Time NextToken() const;

  size_t size() const { return index_.size(); }
  size_t capacity() const { return options_.capacity; }
  // remembered is the number of fairness ids that take memory.
  size_t remembered() const { return rings_[0].lanes + rings_[1].lanes; }

 private:
  enum class Place { kNowhere, kRing, kThrottled };

  struct Group;

  struct Lane {
    Group* group = nullptr;
    std::string fairness;
    bool limited = false;
    Place place = Place::kNowhere;
    // When the last token taken is made up for: a token bucket told by one number.
    Time paid_until;
    // Ids grow, so the first is the oldest.
    std::map<WorkId, Entry> works;
  };

  struct Group {
    std::string name;
    std::unordered_map<std::string, Lane> lanes;
    std::deque<Lane*> turns;
    // Lanes that have work and a fairness id, by how much.
    std::set<std::pair<size_t, Lane*>> lengths;
    size_t size = 0;
  };

  struct Ring {
    std::unordered_map<std::string, Group> groups;
    // Groups that have turns, each once.
    std::deque<Group*> turns;
    std::set<std::pair<Time, Lane*>> throttled;
    // Limited lanes without work, which are kept until their bucket is full again.
    std::set<std::pair<Time, Lane*>> idle;
    size_t lanes = 0;
    size_t size = 0;
    // Device time used while the other ring had work, too.
    Duration used = Duration::zero();
  };

  static size_t IndexOf(WorkClass work_class) { return work_class == WorkClass::kReply ? 1 : 0; }
  Time TokenTime(const Lane& lane) const;
  Lane& FindOrAdd(Ring& ring, const WorkOptions& options, bool limited, Time now);
  static void Erase(Ring& ring, Lane& lane);
  static void NoteLength(Lane& lane, size_t before);
  static Lane* FindCrowd(Ring& ring, const Group* group, size_t length);
  void Enlist(Ring& ring, Lane& lane, Time now);
  void Leave(Ring& ring, Lane& lane, Time now);
  void Forget(Ring& ring, Time now);
  void Unthrottle(Ring& ring, Time now);
  std::optional<Entry> PopFrom(size_t index, Time now);
  Entry Extract(size_t index, Lane& lane, WorkId id);

  const Options options_;
  const Duration token_interval_;
  std::array<Ring, 2> rings_;
  std::unordered_map<WorkId, std::pair<size_t, Lane*>> index_;
  std::set<std::pair<Time, WorkId>> deadlines_;
  bool reply_was_last_ = true;
  // Whether both rings had work at the last Pop.
  bool contended_ = false;
};

}  // namespace ddskey

#endif  // DAEMON_BACKEND_FAIR_QUEUE_H_
