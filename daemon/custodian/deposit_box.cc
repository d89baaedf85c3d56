#include "daemon/custodian/deposit_box.h"

#include <algorithm>
#include <condition_variable>
#include <mutex>
#include <queue>
#include <thread>
#include <unordered_map>
#include <utility>
#include <vector>

namespace ddskey {

using Time = std::chrono::steady_clock::time_point;

// Core is what completions of devices may still reach after the box is gone.
class DepositBox::Core : public std::enable_shared_from_this<DepositBox::Core> {
 public:
  Core(WorkerPool& pool, Limits limits) : pool_(&pool), limits_(limits) {}

  void Start() {
    timer_ = std::thread([this] { RunTimer(); });
  }

  void Stop();
  void Collect(Order order, Time until, Done done);
  size_t size() const {
    const std::lock_guard lock(mutex_);
    return deposits_.size();
  }
  size_t alarms() const {
    const std::lock_guard lock(mutex_);
    return alarms_.size();
  }

 private:
  struct Waiter {
    Time until;
    Done done;
  };
  struct Deposit {
    std::string owner;
    std::string pair;
    KeyBackend* backend = nullptr;
    KeyBackend::WorkId work = 0;
    bool has_work = false;
    std::optional<Signature> signature;
    std::vector<Waiter> waiters;
    // When it is given up or forgotten.
    Time expires;
    // The earliest alarm that is set for it.
    Time alarm = Time::max();
    // Tells this deposit from a later one under the same key.
    uint64_t serial = 0;
  };
  struct Alarm {
    Time when;
    std::string key;
    uint64_t serial;
    bool operator>(const Alarm& other) const { return when > other.when; }
  };
  struct Cancellation {
    KeyBackend* backend;
    KeyBackend::WorkId work;
  };

  void Answer(Done done, std::optional<absl::StatusOr<Signature>> result) {
    pool_->Resume([done = std::move(done), result = std::move(result)]() mutable { done(std::move(result)); });
  }
  // SetAlarm makes sure that the timer looks at a deposit by `when`, or a little later: for many at once rather than
  // for each. A caller who asks all the time sets no alarm each time.
  void SetAlarm(Time when, const std::string& key, Deposit& deposit) {
    const Time tick(std::chrono::ceil<std::chrono::duration<int64_t, std::ratio<1, 50>>>(when.time_since_epoch()));
    if (deposit.alarm <= tick) return;
    deposit.alarm = tick;
    const bool is_next = alarms_.empty() || tick < alarms_.top().when;
    alarms_.push({tick, key, deposit.serial});
    if (is_next) wake_.notify_one();
  }
  void OnDone(const std::string& key, uint64_t serial, absl::StatusOr<Signature> result);
  std::optional<Cancellation> SupersedeLocked(const std::string& pair, const std::string& key);
  std::optional<Cancellation> RemoveLocked(std::unordered_map<std::string, Deposit>::iterator entry);
  std::optional<Cancellation> TickLocked(const Alarm& alarm, Time now);
  void RunTimer();

  WorkerPool* const pool_;
  const Limits limits_;
  mutable std::mutex mutex_;
  std::condition_variable wake_;
  bool stopped_ = false;
  uint64_t next_serial_ = 0;
  std::unordered_map<std::string, Deposit> deposits_;   // by owner and digest
  std::unordered_map<std::string, std::string> pairs_;  // pair to the key of its outstanding deposit
  std::unordered_map<std::string, size_t> owners_;
  std::priority_queue<Alarm, std::vector<Alarm>, std::greater<>> alarms_;
  std::thread timer_;
};

void DepositBox::Core::Collect(Order order, Time until, Done done) {
  const std::string key = order.owner + order.digest;
  const std::string pair = order.owner + order.pair;
  std::optional<Cancellation> superseded;
  uint64_t serial = 0;
  {
    const std::lock_guard lock(mutex_);
    const Time now = std::chrono::steady_clock::now();
    if (stopped_) return Answer(std::move(done), std::nullopt);
    auto entry = deposits_.find(key);
    const bool is_new = entry == deposits_.end();
    if (is_new) {
      const auto owned = owners_.find(order.owner);
      if ((owned != owners_.end() && owned->second >= limits_.per_owner) || deposits_.size() >= limits_.total) {
        return Answer(std::move(done), absl::ResourceExhaustedError("too many handshakes of this process wait for "
                                                                    "signatures; try again when some are done"));
      }
      ++owners_[order.owner];
      superseded = SupersedeLocked(pair, key);
      serial = ++next_serial_;
      entry = deposits_
                  .emplace(key, Deposit{.owner = order.owner,
                                        .pair = pair,
                                        .backend = order.backend,
                                        .signature = std::nullopt,
                                        .waiters = {},
                                        .expires = {},
                                        .serial = serial})
                  .first;
    }
    Deposit& deposit = entry->second;
    if (deposit.signature.has_value()) return Answer(std::move(done), *deposit.signature);
    deposit.expires = std::max(now, until) + limits_.interest;
    SetAlarm(until > now ? until : deposit.expires, key, deposit);
    if (until > now) {
      deposit.waiters.push_back({until, std::move(done)});
    } else {
      Answer(std::move(done), std::nullopt);
    }
    if (!is_new) return;
  }
  if (superseded.has_value()) superseded->backend->Cancel(superseded->work);
  // Outside the lock: a full queue answers before Submit returns.
  const KeyBackend::WorkId work =
      order.submit([core = shared_from_this(), key, serial](absl::StatusOr<Signature> result) {
        core->OnDone(key, serial, std::move(result));
      });
  {
    const std::lock_guard lock(mutex_);
    const auto entry = deposits_.find(key);
    if (entry != deposits_.end() && entry->second.serial == serial) {
      entry->second.work = work;
      entry->second.has_work = !entry->second.signature.has_value();
      return;
    }
  }
  // Given up while it was being submitted, when there was nothing to cancel yet.
  order.backend->Cancel(work);
}

void DepositBox::Core::OnDone(const std::string& key, uint64_t serial, absl::StatusOr<Signature> result) {
  const std::lock_guard lock(mutex_);
  const auto entry = deposits_.find(key);
  if (stopped_ || entry == deposits_.end() || entry->second.serial != serial) return;
  Deposit& deposit = entry->second;
  for (Waiter& waiter : deposit.waiters) Answer(std::move(waiter.done), result);
  deposit.waiters.clear();
  deposit.has_work = false;
  if (!result.ok()) {
    RemoveLocked(entry);
    return;
  }
  deposit.signature = *std::move(result);
  deposit.expires = std::chrono::steady_clock::now() + limits_.keep;
  SetAlarm(deposit.expires, key, deposit);
}

std::optional<DepositBox::Core::Cancellation> DepositBox::Core::SupersedeLocked(const std::string& pair,
                                                                                const std::string& key) {
  std::optional<Cancellation> cancellation;
  const auto older = pairs_.find(pair);
  if (older != pairs_.end()) {
    const auto entry = deposits_.find(older->second);
    if (entry != deposits_.end()) cancellation = RemoveLocked(entry);
  }
  pairs_[pair] = key;
  return cancellation;
}

std::optional<DepositBox::Core::Cancellation> DepositBox::Core::RemoveLocked(
    std::unordered_map<std::string, Deposit>::iterator entry) {
  Deposit& deposit = entry->second;
  for (Waiter& waiter : deposit.waiters) Answer(std::move(waiter.done), std::nullopt);
  std::optional<Cancellation> cancellation;
  if (deposit.has_work) cancellation = Cancellation{deposit.backend, deposit.work};
  const auto pair = pairs_.find(deposit.pair);
  if (pair != pairs_.end() && pair->second == entry->first) pairs_.erase(pair);
  const auto owner = owners_.find(deposit.owner);
  if (owner != owners_.end() && --owner->second == 0) owners_.erase(owner);
  deposits_.erase(entry);
  return cancellation;
}

std::optional<DepositBox::Core::Cancellation> DepositBox::Core::TickLocked(const Alarm& alarm, Time now) {
  const auto entry = deposits_.find(alarm.key);
  if (entry == deposits_.end() || entry->second.serial != alarm.serial) return std::nullopt;
  Deposit& deposit = entry->second;
  if (deposit.expires <= now) return RemoveLocked(entry);
  Time next = deposit.expires;
  std::vector<Waiter> rest;
  for (Waiter& waiter : deposit.waiters) {
    if (waiter.until <= now) {
      Answer(std::move(waiter.done), std::nullopt);
    } else {
      next = std::min(next, waiter.until);
      rest.push_back(std::move(waiter));
    }
  }
  deposit.waiters = std::move(rest);
  if (deposit.alarm <= now) deposit.alarm = Time::max();
  SetAlarm(next, alarm.key, deposit);
  return std::nullopt;
}

void DepositBox::Core::RunTimer() {
  std::unique_lock lock(mutex_);
  while (!stopped_) {
    if (alarms_.empty()) {
      wake_.wait(lock);
      continue;
    }
    const Time now = std::chrono::steady_clock::now();
    if (alarms_.top().when > now) {
      const Time when = alarms_.top().when;
      wake_.wait_until(lock, when);
      continue;
    }
    const Alarm alarm = alarms_.top();
    alarms_.pop();
    const std::optional<Cancellation> cancellation = TickLocked(alarm, now);
    if (!cancellation.has_value()) continue;
    // Cancel calls the completion on this thread.
    lock.unlock();
    cancellation->backend->Cancel(cancellation->work);
    lock.lock();
  }
}

void DepositBox::Core::Stop() {
  {
    const std::lock_guard lock(mutex_);
    stopped_ = true;
    for (auto& [key, deposit] : deposits_) {
      for (Waiter& waiter : deposit.waiters) Answer(std::move(waiter.done), std::nullopt);
    }
    deposits_.clear();
  }
  wake_.notify_all();
  timer_.join();
}

DepositBox::DepositBox(WorkerPool& pool, Limits limits) : core_(std::make_shared<Core>(pool, limits)) {
  core_->Start();
}

DepositBox::~DepositBox() { core_->Stop(); }

void DepositBox::Collect(Order order, Time until, Done done) {
  core_->Collect(std::move(order), until, std::move(done));
}

size_t DepositBox::size() const { return core_->size(); }

size_t DepositBox::alarms() const { return core_->alarms(); }

}  // namespace ddskey
