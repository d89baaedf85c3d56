#include "daemon/backend/device_queue.h"

#include <algorithm>
#include <string>
#include <utility>

#include "absl/strings/str_cat.h"

namespace ddskey {
namespace {

DeviceQueue::Time Now() { return std::chrono::steady_clock::now(); }

absl::Status Closed() { return absl::CancelledError("the key backend is shutting down"); }

// WaitUntil is wait_until without the overflow that Time::max() meets in some implementations.
void WaitUntil(std::condition_variable& condition, std::unique_lock<std::mutex>& lock, DeviceQueue::Time time) {
  if (time == DeviceQueue::Time::max()) {
    condition.wait(lock);
  } else {
    condition.wait_until(lock, time);
  }
}

}  // namespace

DeviceQueue::Turn::~Turn() {
  if (queue_ != nullptr) Fail(absl::InternalError("the key backend dropped the work"));
}

bool DeviceQueue::Turn::done() const {
  const std::lock_guard lock(queue_->mutex_);
  return !queue_->running_.contains(entry_.id);
}

void DeviceQueue::Turn::Fail(const absl::Status& error) {
  const auto done = std::exchange(queue_, nullptr)->TakeDone(entry_.id);
  if (done.has_value()) Refuse(*done, error);
}

DeviceQueue::DeviceQueue(const FairQueue::Options& options, std::function<std::string()> explain)
    : capacity_(options.capacity), explain_(std::move(explain)), waiting_(options) {
  expirer_ = std::thread([this] { Expire(); });
}

DeviceQueue::~DeviceQueue() {
  Close();
  Abandon();
  {
    const std::lock_guard lock(mutex_);
    stopping_ = true;
  }
  timer_.notify_all();
  expirer_.join();
}

DeviceQueue::WorkId DeviceQueue::SubmitAny(KeyRequest request, WorkOptions options, KeyDone done) {
  const Time now = Now();
  absl::Status refusal;
  std::optional<KeyDone> refused;
  std::optional<FairQueue::Entry> displaced;
  WorkId id = 0;
  bool earlier = false;
  {
    const std::lock_guard lock(mutex_);
    id = ++last_id_;
    if (closed_) {
      refusal = Closed();
    } else {
      refusal = CheckOptions(options, now);
    }
    if (refusal.ok()) {
      auto room = waiting_.MakeRoom(options, now);
      refusal = room.status();
      if (room.ok()) displaced = *std::move(room);
      if (!refusal.ok() || displaced.has_value()) ++counts_.rejected;
    }
    if (refusal.ok()) {
      earlier = options.deadline < next_expiry_;
      if (earlier) next_expiry_ = options.deadline;
      waiting_.Push({id, std::move(options), std::move(request), std::move(done), now}, now);
      owed_since_ = std::min(owed_since_, now);
    } else {
      refused = std::move(done);
    }
  }
  if (displaced.has_value()) {
    Refuse(displaced->done, absl::ResourceExhaustedError("the queue of the key device is full, and this origin has the "
                                                         "most in it"));
  }
  if (refused.has_value()) {
    Refuse(*refused, refusal);
    return id;
  }
  work_.notify_one();
  if (earlier) timer_.notify_one();
  return id;
}

void DeviceQueue::Cancel(WorkId id) {
  std::optional<FairQueue::Entry> entry;
  {
    const std::lock_guard lock(mutex_);
    entry = waiting_.Remove(id, Now());
  }
  if (entry.has_value()) Refuse(entry->done, absl::CancelledError("the work was cancelled"));
}

std::optional<DeviceQueue::Turn> DeviceQueue::Take(Time until) {
  std::unique_lock lock(mutex_);
  for (;;) {
    if (closed_ || std::exchange(nudged_, false)) return std::nullopt;
    const Time now = Now();
    if (RefuseExpired(lock, now)) continue;
    owed_since_ = Time::max();
    if (!paused_) {
      if (auto entry = waiting_.Pop(now); entry.has_value()) {
        counts_.waiting.Add(now - entry->submitted);
        running_.emplace(entry->id,
                         Running{std::move(entry->done), entry->options.work_class,
                                 std::holds_alternative<SignRequest>(entry->request), entry->options.deadline, now});
        if (waiting_.size() > 0) owed_since_ = now;
        return Turn(this, std::move(*entry));
      }
    }
    if (until <= now) {
      if (!paused_ && waiting_.size() > 0) owed_since_ = now;
      return std::nullopt;
    }
    WaitUntil(work_, lock, paused_ ? until : std::min(until, waiting_.NextToken()));
  }
}

void DeviceQueue::Nudge() {
  {
    const std::lock_guard lock(mutex_);
    nudged_ = true;
  }
  work_.notify_one();
}

void DeviceQueue::SetPaused(bool paused) {
  {
    const std::lock_guard lock(mutex_);
    paused_ = paused;
  }
  work_.notify_all();
}

void DeviceQueue::Close() {
  std::vector<FairQueue::Entry> waiting;
  {
    const std::lock_guard lock(mutex_);
    closed_ = true;
    waiting = waiting_.Clear(Now());
  }
  work_.notify_all();
  for (const FairQueue::Entry& entry : waiting) Refuse(entry.done, Closed());
}

void DeviceQueue::Abandon() {
  std::map<WorkId, Running> running;
  {
    const std::lock_guard lock(mutex_);
    running.swap(running_);
  }
  for (const auto& [id, work] : running) Refuse(work.done, Closed());
}

size_t DeviceQueue::size() const {
  const std::lock_guard lock(mutex_);
  return waiting_.size();
}

DeviceQueue::Time::duration DeviceQueue::Stalled(Time now) const {
  const std::lock_guard lock(mutex_);
  if (closed_ || !running_.empty() || waiting_.size() == 0 || owed_since_ >= now) return {};
  return now - owed_since_;
}

WorkCounts DeviceQueue::counts() const {
  const std::lock_guard lock(mutex_);
  WorkCounts counts = counts_;
  counts.running = running_.size();
  return counts;
}

void DeviceQueue::Note(const Running& work, Time now) {
  const Time::duration took = now - work.began;
  // From here on it has nothing to wait for.
  if (owed_since_ != Time::max()) owed_since_ = std::max(owed_since_, now);
  waiting_.Charge(work.work_class, took);
  counts_.busy += took;
  if (work.is_signature) counts_.signing.Add(took);
}

// TakeDone hands out the completion of work that an owner has, unless it was called already.
std::optional<KeyDone> DeviceQueue::TakeDone(WorkId id) {
  const std::lock_guard lock(mutex_);
  const auto found = running_.find(id);
  if (found == running_.end()) return std::nullopt;
  Note(found->second, Now());
  KeyDone done = std::move(found->second.done);
  running_.erase(found);
  return done;
}

DeviceQueue::Time DeviceQueue::NextDeadline() const {
  Time next = waiting_.NextDeadline();
  for (const auto& [id, work] : running_) next = std::min(next, work.deadline);
  return next;
}

std::vector<KeyDone> DeviceQueue::CollectExpired(Time now) {
  std::vector<KeyDone> expired;
  for (FairQueue::Entry& entry : waiting_.Expire(now)) expired.push_back(std::move(entry.done));
  for (auto work = running_.begin(); work != running_.end();) {
    if (work->second.deadline > now) {
      ++work;
      continue;
    }
    Note(work->second, now);
    expired.push_back(std::move(work->second.done));
    work = running_.erase(work);
  }
  counts_.expired += expired.size();
  return expired;
}

// RefuseExpired completes what has missed its deadline, with `lock` released meanwhile; false if there was nothing.
bool DeviceQueue::RefuseExpired(std::unique_lock<std::mutex>& lock, Time now) {
  if (NextDeadline() > now) return false;
  const std::vector<KeyDone> expired = CollectExpired(now);
  lock.unlock();
  const std::string reason = explain_ ? explain_() : "";
  const absl::Status status = absl::DeadlineExceededError(
      absl::StrCat("the key device did not get it done in time", reason.empty() ? "" : ": ", reason));
  for (const KeyDone& done : expired) Refuse(done, status);
  lock.lock();
  return true;
}

void DeviceQueue::Expire() {
  std::unique_lock lock(mutex_);
  while (!stopping_) {
    if (RefuseExpired(lock, Now())) continue;
    next_expiry_ = NextDeadline();
    WaitUntil(timer_, lock, next_expiry_);
  }
}

}  // namespace ddskey
