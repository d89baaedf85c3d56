#include "daemon/custodian/watch_board.h"

#include <algorithm>

#include "absl/status/status.h"

namespace ddskey {
namespace {

absl::Status Closed() { return absl::UnavailableError("the daemon is ending"); }

}  // namespace

WatchBoard::WatchBoard(ChangeNotice& notice, std::chrono::milliseconds gather)
    : notice_(notice), gather_(gather), thread_([this] { Run(); }) {
  notice_.Listen([this] {
    const std::lock_guard lock(mutex_);
    stale_ = true;
    wake_.notify_one();
  });
}

WatchBoard::~WatchBoard() {
  notice_.Listen(nullptr);
  Close();
  thread_.join();
}

uint64_t WatchBoard::Hold(uint64_t seen, std::chrono::milliseconds wait, Done done) {
  bool is_closed = false;
  {
    const std::lock_guard lock(mutex_);
    is_closed = closed_;
    if (!is_closed && seen != 0 && wait > std::chrono::milliseconds::zero()) {
      const uint64_t number = ++last_number_;
      const Clock::time_point until = Clock::now() + wait;
      waits_.emplace(number, Wait{seen, until, std::move(done)});
      const auto placed = ends_.emplace(until, number).first;
      const bool is_first = placed == ends_.begin();
      // Looked at when the wait is on the board, where a later change finds it.
      const bool is_stale = seen != notice_.revision();
      stale_ = stale_ || is_stale;
      if (is_stale || is_first) wake_.notify_one();
      return number;
    }
  }
  if (is_closed) {
    done(Closed());
  } else {
    done(notice_.revision());
  }
  return 0;
}

void WatchBoard::Release(uint64_t number) {
  Ended ended;
  {
    const std::lock_guard lock(mutex_);
    const auto found = waits_.find(number);
    if (found == waits_.end()) return;
    Take(found, ended);
  }
  ended.front()(absl::CancelledError("nobody waits any more"));
}

void WatchBoard::Close() {
  Ended ended;
  {
    const std::lock_guard lock(mutex_);
    closed_ = true;
    while (!waits_.empty()) Take(waits_.begin(), ended);
  }
  wake_.notify_one();
  for (const Done& done : ended) done(Closed());
}

size_t WatchBoard::held() const {
  const std::lock_guard lock(mutex_);
  return waits_.size();
}

void WatchBoard::Take(std::map<uint64_t, Wait>::iterator wait, Ended& ended) {
  ends_.erase({wait->second.until, wait->first});
  ended.push_back(std::move(wait->second.done));
  waits_.erase(wait);
}

WatchBoard::Ended WatchBoard::TakeEnded(Clock::time_point now, Clock::time_point* next) {
  Ended ended;
  if (stale_ && now >= told_ + gather_) {
    stale_ = false;
    const uint64_t revision = notice_.revision();
    for (auto wait = waits_.begin(); wait != waits_.end();) {
      const auto each = wait++;
      if (each->second.seen != revision) Take(each, ended);
    }
    if (!ended.empty()) told_ = now;
  }
  while (!ends_.empty() && ends_.begin()->first <= now) Take(waits_.find(ends_.begin()->second), ended);
  *next = ends_.empty() ? Clock::time_point::max() : ends_.begin()->first;
  if (stale_) *next = std::min(*next, told_ + gather_);
  return ended;
}

void WatchBoard::Run() {
  std::unique_lock lock(mutex_);
  while (!closed_) {
    Clock::time_point next;
    const Ended ended = TakeEnded(Clock::now(), &next);
    if (!ended.empty()) {
      lock.unlock();
      const uint64_t revision = notice_.revision();
      for (const Done& done : ended) done(revision);
      lock.lock();
    } else if (next == Clock::time_point::max()) {
      wake_.wait(lock);
    } else {
      wake_.wait_until(lock, next);
    }
  }
}

}  // namespace ddskey
