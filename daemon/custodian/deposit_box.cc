#include "daemon/custodian/deposit_box.h"

#include <algorithm>
#include <condition_variable>
#include <map>
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
    std::string lane;
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
  // Lane is the keys of its deposits, in `deposits_`, by serial: the newest is last.
  struct Lane {
    std::map<uint64_t, const std::string*> waiting;
    std::map<uint64_t, const std::string*> done;

    size_t size() const { return waiting.size() + done.size(); }
    // GivesWay is what is least of a loss: the oldest signature, which was collected or can be made again, or else the
    // newest work.
    const std::string& GivesWay() const { return done.empty() ? *waiting.rbegin()->second : *done.begin()->second; }
  };
  struct Owner {
    uint32_t user = 0;
    size_t size = 0;
    std::unordered_map<std::string, Lane> lanes;
  };
  using Deposits = std::unordered_map<std::string, Deposit>;
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
  bool MakeRoomLocked(const Order& order, std::vector<Cancellation>& cancelled);
  static const Lane& LongestOf(const Owner& owner);
  const Owner* FindCrowdLocked(const Order& order) const;
  Deposits::iterator AddLocked(const Order& order, const std::string& key);
  void RemoveLocked(Deposits::iterator entry, std::vector<Cancellation>& cancelled);
  void TickLocked(const Alarm& alarm, Time now, std::vector<Cancellation>& cancelled);
  void RunTimer();

  WorkerPool* const pool_;
  const Limits limits_;
  mutable std::mutex mutex_;
  std::condition_variable wake_;
  bool stopped_ = false;
  uint64_t next_serial_ = 0;
  Deposits deposits_;                                   // by owner and digest
  std::unordered_map<std::string, std::string> pairs_;  // pair to the key of its outstanding deposit
  std::unordered_map<std::string, Owner> owners_;
  std::unordered_map<uint32_t, size_t> users_;  // how many deposits they have
  std::priority_queue<Alarm, std::vector<Alarm>, std::greater<>> alarms_;
  std::thread timer_;
};

void DepositBox::Core::Collect(Order order, Time until, Done done) {
  const std::string key = order.owner + order.digest;
  std::vector<Cancellation> cancelled;
  // Of a new deposit.
  uint64_t serial = 0;
  {
    const std::lock_guard lock(mutex_);
    const Time now = std::chrono::steady_clock::now();
    if (stopped_) return Answer(std::move(done), std::nullopt);
    auto entry = deposits_.find(key);
    if (entry == deposits_.end()) {
      if (!MakeRoomLocked(order, cancelled)) {
        return Answer(std::move(done), absl::ResourceExhaustedError("too many handshakes of this process wait for "
                                                                    "signatures; try again when some are done"));
      }
      entry = AddLocked(order, key);
      serial = entry->second.serial;
    }
    Deposit& deposit = entry->second;
    if (deposit.signature.has_value()) return Answer(std::move(done), *deposit.signature);
    deposit.expires = std::max(now, until) + limits_.interest;
    SetAlarm(until > now ? until : deposit.expires, key, deposit);
    if (until > now) {
      deposit.waiters.push_back({until, std::move(done)});
      done = nullptr;
    }
    if (serial == 0) {
      if (done != nullptr) Answer(std::move(done), std::nullopt);
      return;
    }
  }
  for (const Cancellation& each : cancelled) each.backend->Cancel(each.work);
  // Outside the lock: a full queue answers before Submit returns.
  const KeyBackend::WorkId work =
      order.submit([core = shared_from_this(), key, serial](absl::StatusOr<Signature> result) {
        core->OnDone(key, serial, std::move(result));
      });
  // Not before: who is told that it is pending may count on what it superseded being given up.
  if (done != nullptr) Answer(std::move(done), std::nullopt);
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
    std::vector<Cancellation> none;
    RemoveLocked(entry, none);
    return;
  }
  deposit.signature = *std::move(result);
  Lane& lane = owners_.find(deposit.owner)->second.lanes.find(deposit.lane)->second;
  lane.done.insert(lane.waiting.extract(serial));
  deposit.expires = std::chrono::steady_clock::now() + limits_.keep;
  SetAlarm(deposit.expires, key, deposit);
}

// MakeRoomLocked takes out what a new order supersedes, or else what gives way to it; false if there is no room.
bool DepositBox::Core::MakeRoomLocked(const Order& order, std::vector<Cancellation>& cancelled) {
  if (const auto older = pairs_.find(order.owner + order.pair); older != pairs_.end()) {
    RemoveLocked(deposits_.find(older->second), cancelled);
    return true;
  }
  const auto owner = owners_.find(order.owner);
  const Lane* crowd = nullptr;
  if (owner != owners_.end() && owner->second.size >= limits_.per_owner) {
    crowd = &LongestOf(owner->second);
    const auto own = owner->second.lanes.find(order.lane);
    const size_t length = own == owner->second.lanes.end() ? 0 : own->second.size();
    // One more in the place of one less must make it fairer, or two would displace each other for ever.
    if (crowd->size() < length + 2) crowd = length > 0 && !own->second.done.empty() ? &own->second : nullptr;
  } else if (deposits_.size() >= limits_.total) {
    const Owner* const largest = FindCrowdLocked(order);
    if (largest != nullptr) crowd = &LongestOf(*largest);
  } else {
    return true;
  }
  if (crowd == nullptr) return false;
  RemoveLocked(deposits_.find(crowd->GivesWay()), cancelled);
  return true;
}

const DepositBox::Core::Lane& DepositBox::Core::LongestOf(const Owner& owner) {
  return std::ranges::max_element(owner.lanes, {}, [](const auto& each) { return each.second.size(); })->second;
}

// FindCrowdLocked returns the largest process of the user who gives way to `order`, or null.
const DepositBox::Core::Owner* DepositBox::Core::FindCrowdLocked(const Order& order) const {
  const auto largest = std::ranges::max_element(users_, {}, [](const auto& each) { return each.second; });
  const auto mine = users_.find(order.user);
  const bool from_others = largest->second >= 2 + (mine == users_.end() ? 0 : mine->second);
  const uint32_t user = from_others ? largest->first : order.user;
  const Owner* crowd = nullptr;
  for (const auto& [name, owner] : owners_) {
    if (owner.user == user && (crowd == nullptr || owner.size > crowd->size)) crowd = &owner;
  }
  if (from_others || crowd == nullptr) return crowd;
  const auto owner = owners_.find(order.owner);
  return crowd->size >= 2 + (owner == owners_.end() ? 0 : owner->second.size) ? crowd : nullptr;
}

DepositBox::Core::Deposits::iterator DepositBox::Core::AddLocked(const Order& order, const std::string& key) {
  const uint64_t serial = ++next_serial_;
  const std::string pair = order.owner + order.pair;
  const auto entry = deposits_
                         .emplace(key, Deposit{.owner = order.owner,
                                               .lane = order.lane,
                                               .pair = pair,
                                               .backend = order.backend,
                                               .signature = std::nullopt,
                                               .waiters = {},
                                               .expires = {},
                                               .serial = serial})
                         .first;
  Owner& owner = owners_[order.owner];
  owner.user = order.user;
  ++owner.size;
  owner.lanes[order.lane].waiting.emplace(serial, &entry->first);
  ++users_[order.user];
  pairs_[pair] = key;
  return entry;
}

void DepositBox::Core::RemoveLocked(Deposits::iterator entry, std::vector<Cancellation>& cancelled) {
  Deposit& deposit = entry->second;
  for (Waiter& waiter : deposit.waiters) Answer(std::move(waiter.done), std::nullopt);
  if (deposit.has_work) cancelled.push_back({deposit.backend, deposit.work});
  pairs_.erase(deposit.pair);
  const auto owner = owners_.find(deposit.owner);
  const auto lane = owner->second.lanes.find(deposit.lane);
  lane->second.waiting.erase(deposit.serial);
  lane->second.done.erase(deposit.serial);
  if (lane->second.size() == 0) owner->second.lanes.erase(lane);
  const auto user = users_.find(owner->second.user);
  if (--user->second == 0) users_.erase(user);
  if (--owner->second.size == 0) owners_.erase(owner);
  deposits_.erase(entry);
}

void DepositBox::Core::TickLocked(const Alarm& alarm, Time now, std::vector<Cancellation>& cancelled) {
  const auto entry = deposits_.find(alarm.key);
  if (entry == deposits_.end() || entry->second.serial != alarm.serial) return;
  Deposit& deposit = entry->second;
  if (deposit.expires <= now) return RemoveLocked(entry, cancelled);
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
    std::vector<Cancellation> cancelled;
    TickLocked(alarm, now, cancelled);
    if (cancelled.empty()) continue;
    // Cancel calls the completion on this thread.
    lock.unlock();
    for (const Cancellation& each : cancelled) each.backend->Cancel(each.work);
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
  // The box may go as soon as the caller is answered, which can be before the work is submitted.
  const std::shared_ptr<Core> core = core_;
  core->Collect(std::move(order), until, std::move(done));
}

size_t DepositBox::size() const { return core_->size(); }

size_t DepositBox::alarms() const { return core_->alarms(); }

}  // namespace ddskey
