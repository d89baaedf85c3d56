#ifndef DAEMON_BACKEND_DEVICE_QUEUE_H_
#define DAEMON_BACKEND_DEVICE_QUEUE_H_

#include <atomic>
#include <chrono>
#include <condition_variable>
#include <functional>
#include <map>
#include <mutex>
#include <optional>
#include <string>
#include <thread>
#include <utility>
#include <variant>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "daemon/backend/attester.h"
#include "daemon/backend/fair_queue.h"
#include "daemon/backend/key_backend.h"
#include "daemon/backend/key_work.h"
#include "daemon/backend/work_counts.h"

namespace ddskey {

// DeviceQueue stands between the callers of a KeyBackend and the thread that owns the device: a FairQueue that keeps
// its word about completions. Each is called exactly once: by the owner through Turn; with DEADLINE_EXCEEDED at the
// deadline, by a thread of the backend, whether the work waits or the owner is busy with it, so that a stuck device
// delays nobody beyond the deadline; with CANCELLED by Cancel and Close; with RESOURCE_EXHAUSTED by a Submit for which
// it made room (FairQueue::MakeRoom). No lock is held while one is called.
//
// Any thread may call any method. The destructor closes; every Turn must be gone before.
class DeviceQueue {
 public:
  using WorkId = KeyBackend::WorkId;
  using Time = FairQueue::Time;

  // Turn is one work in the hands of the owner. If it is destroyed unfinished the completion is called with INTERNAL.
  class Turn {
   public:
    Turn(Turn&& other) noexcept : queue_(std::exchange(other.queue_, nullptr)), entry_(std::move(other.entry_)) {}
    Turn& operator=(Turn&&) = delete;
    ~Turn();

    const KeyRequest& request() const { return entry_.request; }
    Time deadline() const { return entry_.options.deadline; }
    // done is true once the completion was called: what the device still does for it is for nothing.
    bool done() const;

    // Finish calls the completion, unless it was called before. The result must fit the request.
    template <typename Result>
    void Finish(absl::StatusOr<Result> result) {
      FinishWith<std::function<void(absl::StatusOr<Result>)>>(std::move(result));
    }
    void Finish(Signature signature) { Finish(absl::StatusOr<Signature>(std::move(signature))); }
    // FinishUnlock is for what has no result but its status.
    void FinishUnlock(const absl::Status& result) { FinishWith<KeyBackend::UnlockDone>(result); }
    void Fail(const absl::Status& error);

   private:
    friend class DeviceQueue;
    Turn(DeviceQueue* queue, FairQueue::Entry entry) : queue_(queue), entry_(std::move(entry)) {}
    template <typename Done, typename Result>
    void FinishWith(Result result) {
      auto done = std::exchange(queue_, nullptr)->TakeDone(entry_.id);
      if (done.has_value()) std::get<Done> (*done)(std::move(result));
    }

    DeviceQueue* queue_;
    FairQueue::Entry entry_;
  };

  // `explain`, if given, says what is wrong with the device, for the message at a missed deadline. It is called
  // on a thread of the backend and must not block.
  explicit DeviceQueue(const FairQueue::Options& options = {}, std::function<std::string()> explain = nullptr);
  ~DeviceQueue();
  DeviceQueue(const DeviceQueue&) = delete;
  DeviceQueue& operator=(const DeviceQueue&) = delete;

  // Submit queues work. What cannot be queued is completed before Submit returns: RESOURCE_EXHAUSTED if there is no
  // room, DEADLINE_EXCEEDED if the deadline has passed, INVALID_ARGUMENT for a fairness id of over 64 octets, CANCELLED
  // after Close.
  template <typename Request>
  // NOLINTNEXTLINE(performance-unnecessary-value-param): all of them are moved on where this is instantiated.
  WorkId Submit(Request request, WorkOptions options, typename Request::Done done) {
    return SubmitAny(std::move(request), std::move(options), std::move(done));
  }

  // Cancel completes waiting work with CANCELLED before it returns, and leaves alone what the owner has.
  void Cancel(WorkId id);

  // Take waits for the next work until `until`. Nothing comes back at that time, after Close, and after Nudge.
  std::optional<Turn> Take(Time until = Time::max());

  // Nudge makes one Take return now, or the next one if nobody waits in Take.
  void Nudge();

  // SetPaused keeps work in the queue, where it expires and can be cancelled, until it is unset.
  void SetPaused(bool paused);

  // Close completes everything that waits with CANCELLED and lets Take return nothing from now on.
  void Close();

  // Abandon completes with CANCELLED what owners still have; for an owner that does not come back from its device.
  void Abandon();

  bool closed() const { return closed_; }
  size_t size() const;
  size_t capacity() const { return capacity_; }

  // Stalled is how long work has waited until `now` although no owner has any whose time is not over, and none has
  // looked for some: the owners hang. Zero if they do not, or if no work waits.
  Time::duration Stalled(Time now = std::chrono::steady_clock::now()) const;
  // counts is what became of the work until now.
  WorkCounts counts() const;

 private:
  // Running is work in the hands of an owner whose completion was not called yet.
  struct Running {
    KeyDone done;
    WorkClass work_class;
    bool is_signature;
    Time deadline;
    Time began;
  };

  WorkId SubmitAny(KeyRequest request, WorkOptions options, KeyDone done);
  std::optional<KeyDone> TakeDone(WorkId id);
  // Note counts the time of work that the owner had.
  void Note(const Running& work, Time now);
  std::vector<KeyDone> CollectExpired(Time now);
  Time NextDeadline() const;
  bool RefuseExpired(std::unique_lock<std::mutex>& lock, Time now);
  void Expire();

  const size_t capacity_;
  const std::function<std::string()> explain_;
  mutable std::mutex mutex_;
  std::condition_variable work_;
  std::condition_variable timer_;
  FairQueue waiting_;
  std::map<WorkId, Running> running_;
  WorkCounts counts_;
  WorkId last_id_ = 0;
  Time next_expiry_ = Time::max();
  // Since when an owner should have looked for work; the latest time if one has since there was some.
  Time owed_since_ = Time::max();
  bool paused_ = false;
  bool nudged_ = false;
  bool stopping_ = false;
  std::atomic<bool> closed_ = false;
  std::thread expirer_;
};

}  // namespace ddskey

#endif  // DAEMON_BACKEND_DEVICE_QUEUE_H_
