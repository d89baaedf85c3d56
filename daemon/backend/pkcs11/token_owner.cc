// How a token is opened, looked after and handed works. What the works are: token_work.cc.
#include "daemon/backend/pkcs11/token_owner.h"

#include <algorithm>
#include <optional>
#include <utility>

#include "absl/strings/str_cat.h"

namespace ddskey::pkcs11 {
namespace {

using std::chrono::milliseconds;

// Between attempts to open a token that is away: doubled each time, so that one that is back is used within a second.
constexpr milliseconds kFirstPause{20};
constexpr milliseconds kLongestPause{500};
// When it is there, but cannot be used as it is configured.
constexpr milliseconds kRefusedPause{10000};
constexpr size_t kCheckers = 2;
constexpr size_t kKnownKeys = 256;
// What is longer need not be told from for ever, and overflows nowhere.
constexpr std::chrono::hours kLong{1};

DeviceQueue::Time Now() { return std::chrono::steady_clock::now(); }

bool IsPinRefused(const absl::Status& status) { return status.GetPayload(kPinRefused).has_value(); }

// WasTried is whether the token compared the PIN and said no, as it did not when it was locked already.
bool WasTried(const absl::Status& status) {
  const auto why = status.GetPayload(kPinRefused);
  return why.has_value() && *why != "locked" && *why != "missing" && *why != "untried";
}

std::string AskForPin(const absl::Status& why) {
  return absl::StrCat(std::string(why.message()), "; the PIN is given with: ddskeyctl backend unlock");
}

}  // namespace

TokenOwner::TokenOwner(std::unique_ptr<Token> token, std::unique_ptr<CryptoLibrary> library, Options options)
    : library_(std::move(library)),
      probe_interval_(options.probe_interval),
      open_timeout_(options.open_timeout),
      public_keys_(kKnownKeys),
      queue_(options.queue, [this] { return monitor_.problem(); }),
      next_open_(Now()),
      next_look_(Now()),
      pause_(kFirstPause),
      pins_(std::move(options.pin)),
      token_(std::move(token)) {
  thread_ = std::thread([this] { Run(); });
  for (size_t i = 0; i < kCheckers; ++i) checkers_.emplace_back([this] { Check(); });
}

TokenOwner::~TokenOwner() {
  {
    const std::lock_guard lock(mutex_);
    stopped_ = true;
  }
  queue_.Close();
  Wake();
  thread_.join();
  // It answers what it still has.
  token_.reset();
  {
    const std::lock_guard lock(checks_mutex_);
    checked_ = true;
  }
  to_check_.notify_all();
  for (std::thread& checker : checkers_) checker.join();
  queue_.Abandon();
}

DeviceQueue::Time::duration TokenOwner::Stalled() {
  const std::lock_guard lock(mutex_);
  return under_way_ > 0 ? DeviceQueue::Time::duration::zero() : queue_.Stalled();
}

void TokenOwner::Run() {
  std::unique_lock lock(mutex_);
  while (!stopped_) {
    if (stand_ == Stand::kOpening || (stand_ == Stand::kClosed && Now() < next_open_)) {
      changed_.wait_until(lock, stand_ == Stand::kOpening ? Now() + kLong : next_open_);
    } else if (stand_ == Stand::kClosed) {
      Open(lock);
    } else if (stand_ == Stand::kOpen && !looks_ && probe_interval_.count() > 0 && Now() >= next_look_) {
      Look(lock);
    } else if (under_way_ >= sessions_) {
      changed_.wait_until(lock, looks_ || probe_interval_.count() == 0 ? Now() + kLong : next_look_);
    } else if (const TaskPtr task = Next(lock); task != nullptr) {
      lock.unlock();
      Start(task);
      lock.lock();
    }
  }
}

// Next is the work whose turn it is, with `lock` released while it waits for one; null if there is something else to
// do.
TokenOwner::TaskPtr TokenOwner::Next(std::unique_lock<std::mutex>& lock) {
  if (!again_.empty()) {
    TaskPtr task = std::move(again_.front());
    again_.pop_front();
    return task->turn.done() ? nullptr : task;
  }
  const bool may_look = stand_ == Stand::kOpen && !looks_ && probe_interval_.count() > 0;
  const Time until = may_look ? next_look_ : Now() + kLong;
  lock.unlock();
  std::optional<DeviceQueue::Turn> turn = queue_.Take(until);
  lock.lock();
  return turn.has_value() ? std::make_shared<Task>(*std::move(turn)) : nullptr;
}

void TokenOwner::Open(std::unique_lock<std::mutex>& lock) {
  if (unlocking_ != nullptr && unlocking_->turn.done()) unlocking_ = nullptr;
  std::shared_ptr<const SecretBytes> pin =
      unlocking_ == nullptr ? pins_.pin() : std::get<UnlockRequest>(unlocking_->turn.request()).value;
  stand_ = Stand::kOpening;
  lock.unlock();
  token_->Open(pin, Now() + open_timeout_,
               [this, pin](const absl::StatusOr<TokenState>& state) { Opened(pin, state); });
  lock.lock();
}

void TokenOwner::Opened(const std::shared_ptr<const SecretBytes>& pin, const absl::StatusOr<TokenState>& state) {
  const bool refused = IsPinRefused(state.status());
  TaskPtr unlocked;
  {
    const std::lock_guard lock(mutex_);
    if (stopped_) return;
    if (state.ok()) {
      stand_ = Stand::kOpen;
      ++opening_;
      sessions_ = std::max<size_t>(state->sessions, 1);
      pause_ = kFirstPause;
      next_look_ = Now() + probe_interval_;
      pins_.Accept(pin);
      monitor_.SetToken(*state);
    } else if (refused) {
      LosePin(pin, state.status());
    } else {
      stand_ = Stand::kClosed;
      next_open_ = Now() + (absl::IsFailedPrecondition(state.status()) ? kRefusedPause : pause_);
      pause_ = std::min(2 * pause_, kLongestPause);
      monitor_.SetProblem(std::string(state.status().message()), /*is_locked=*/false);
    }
    if (state.ok() || refused) unlocked = std::exchange(unlocking_, nullptr);
  }
  if (unlocked != nullptr) {
    unlocked->turn.FinishUnlock(
        state.ok() ? absl::OkStatus()
                   : absl::FailedPreconditionError(absl::StrCat(std::string(state.status().message()),
                                                                "; what was given is forgotten and not tried again")));
  }
  Wake();
}

// Look asks the token whether it is there, without waiting for the answer.
void TokenOwner::Look(std::unique_lock<std::mutex>& lock) {
  looks_ = true;
  const std::shared_ptr<const SecretBytes> pin = pins_.pin();
  const uint64_t opening = opening_;
  lock.unlock();
  token_->Open(pin, Now() + open_timeout_,
               [this, pin, opening](const absl::StatusOr<TokenState>& state) { Looked(pin, opening, state); });
  lock.lock();
}

void TokenOwner::Looked(const std::shared_ptr<const SecretBytes>& pin, uint64_t opening,
                        const absl::StatusOr<TokenState>& state) {
  {
    const std::lock_guard lock(mutex_);
    looks_ = false;
    next_look_ = Now() + probe_interval_;
    if (stopped_) return;
    if (state.ok() && stand_ == Stand::kOpen) {
      sessions_ = std::max<size_t>(state->sessions, 1);
      monitor_.SetToken(*state);
    } else if (IsPinRefused(state.status())) {
      LosePin(pin, state.status());
    } else if (!state.ok()) {
      Lose(opening, state.status());
    }
  }
  Wake();
}

// Lose, with the lock, has the token opened again, unless it was since.
void TokenOwner::Lose(uint64_t opening, const absl::Status& why) {
  if (stand_ != Stand::kOpen || opening_ != opening) return;
  stand_ = Stand::kClosed;
  next_open_ = Now();
  pause_ = kFirstPause;
  monitor_.SetProblem(std::string(why.message()), /*is_locked=*/false);
}

// LosePin, with the lock, has nothing tried any more until there is another PIN.
void TokenOwner::LosePin(const std::shared_ptr<const SecretBytes>& pin, const absl::Status& why) {
  pins_.Drop();
  if (WasTried(why)) pins_.Refuse(pin);
  stand_ = Stand::kLocked;
  monitor_.SetProblem(AskForPin(why), /*is_locked=*/true);
}

// Wake has the thread look what there is to do.
void TokenOwner::Wake() {
  changed_.notify_all();
  queue_.Nudge();
}

// Returned notes that a call of the token is over.
void TokenOwner::Returned() {
  bool was_full = false;
  {
    const std::lock_guard lock(mutex_);
    was_full = under_way_-- >= sessions_;
  }
  if (was_full) changed_.notify_all();
}

// Repeat hands a work to the token once more.
void TokenOwner::Repeat(const TaskPtr& task) {
  {
    const std::lock_guard lock(mutex_);
    again_.push_back(task);
  }
  Wake();
}

void TokenOwner::Check() {
  std::unique_lock lock(checks_mutex_);
  for (;;) {
    to_check_.wait(lock, [this] { return checked_ || !checks_.empty(); });
    if (checks_.empty()) return;
    const TaskPtr task = std::move(checks_.front());
    checks_.pop_front();
    lock.unlock();
    CheckOne(task);
    lock.lock();
  }
}

}  // namespace ddskey::pkcs11
