#include "daemon/audit/spdlog_audit_log.h"

#include <chrono>
#include <utility>

namespace ddskey {
namespace {

constexpr absl::Duration kRound = absl::Minutes(1);
// How often the thread looks whether a round has ended, when nothing else happens.
constexpr std::chrono::seconds kTick{1};
// How long the thread lets records gather before it writes them: waking it for each costs more than writing.
constexpr std::chrono::milliseconds kGathering{5};
// How long a slow reader of the log may hold up the end of the daemon.
constexpr std::chrono::seconds kFlushTime{2};

}  // namespace

std::unique_ptr<SpdlogAuditLog> SpdlogAuditLog::Create(std::unique_ptr<AuditSink> sink, Clock clock, const Room& room) {
  auto log = std::unique_ptr<SpdlogAuditLog>(new SpdlogAuditLog(std::move(sink), std::move(clock), room));
  log->thread_ = std::thread([raw = log.get()] { raw->Run(); });
  return log;
}

SpdlogAuditLog::SpdlogAuditLog(std::unique_ptr<AuditSink> sink, Clock clock, const Room& room)
    : sink_(std::move(sink)),
      clock_(std::move(clock)),
      room_(room),
      coalescer_(RefusalCoalescer::Bounds()),
      round_ends_(clock_() + kRound) {}

SpdlogAuditLog::~SpdlogAuditLog() {
  {
    const std::lock_guard lock(mutex_);
    EndRound();
    stop_ = true;
  }
  work_.notify_one();
  thread_.join();
}

void SpdlogAuditLog::Record(const AuditRecord& record) {
  const std::lock_guard lock(mutex_);
  EndRoundIfDue();
  if (record.administrative) {
    Enqueue(kAdministrative, MakeAuditLine(record, 0));
  } else if (record.outcome.ok()) {
    Enqueue(kAllowed, MakeAuditLine(record, 0));
  } else if (coalescer_.IsNew(record)) {
    Enqueue(kRefused, MakeAuditLine(record, 0));
  }
}

void SpdlogAuditLog::Flush() {
  std::unique_lock lock(mutex_);
  EndRound();
  ++flushes_;
  work_.notify_one();
  written_.wait_for(lock, kFlushTime, [this] { return queue_.empty() && !writing_; });
  --flushes_;
}

uint64_t SpdlogAuditLog::lost() const {
  const std::lock_guard lock(mutex_);
  return lost_in_all_;
}

void SpdlogAuditLog::EndRoundIfDue() {
  // A clock that was set back does not stretch the round.
  const absl::Time now = clock_();
  if (now >= round_ends_ || now < round_ends_ - kRound) EndRound();
}

void SpdlogAuditLog::EndRound() {
  round_ends_ = clock_() + kRound;
  for (AuditLine& line : coalescer_.EndRound()) Enqueue(kRefused, std::move(line));
}

void SpdlogAuditLog::Enqueue(Kind kind, AuditLine line) {
  const size_t room[kKinds] = {room_.administrative, room_.allowed, room_.refused};
  if (waiting_[kind] >= room[kind]) {
    ++lost_;
    ++lost_in_all_;
    return;
  }
  ++waiting_[kind];
  queue_.push_back({kind, std::move(line)});
  if (queue_.size() == 1) work_.notify_one();
}

void SpdlogAuditLog::Run() {
  std::unique_lock lock(mutex_);
  for (;;) {
    work_.wait_for(lock, kTick, [this] { return stop_ || !queue_.empty(); });
    EndRoundIfDue();
    if (queue_.empty()) {
      if (stop_) return;
      continue;
    }
    work_.wait_for(lock, kGathering, [this] { return stop_ || flushes_ > 0; });
    while (!queue_.empty()) WriteNext(lock);
    written_.notify_all();
  }
}

void SpdlogAuditLog::WriteNext(std::unique_lock<std::mutex>& lock) {
  const Waiting next = std::move(queue_.front());
  queue_.pop_front();
  --waiting_[next.kind];
  const uint64_t lost = std::exchange(lost_, 0);
  writing_ = true;
  lock.unlock();
  if (lost > 0) sink_->Write(MakeLostLine(lost));
  sink_->Write(next.line);
  lock.lock();
  writing_ = false;
}

}  // namespace ddskey
