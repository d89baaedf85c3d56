#ifndef DAEMON_AUDIT_SPDLOG_AUDIT_LOG_H_
#define DAEMON_AUDIT_SPDLOG_AUDIT_LOG_H_

#include <condition_variable>
#include <cstdint>
#include <deque>
#include <functional>
#include <memory>
#include <mutex>
#include <thread>

#include "absl/time/time.h"
#include "daemon/audit/audit_line.h"
#include "daemon/audit/audit_log.h"
#include "daemon/audit/audit_sink.h"
#include "daemon/audit/refusal_coalescer.h"

namespace ddskey {

// SpdlogAuditLog is the AuditLog of the daemon. Records are written by a thread of its own from a queue with bounded
// room, a share of it for administration, for allowed and for refused operations each, so that none pushes out another
// (S-16). What finds no room is counted, and the count is written.
class SpdlogAuditLog : public AuditLog {
 public:
  // How many records of each kind may wait to be written.
  struct Room {
    size_t administrative = 1024;
    size_t allowed = 8192;
    size_t refused = 2048;
  };
  using Clock = std::function<absl::Time()>;

  // Create writes to where spdlog's default logger writes, which must have been set up before.
  static std::unique_ptr<SpdlogAuditLog> Create() { return Create(MakeSpdlogAuditSink()); }

  // Create writes to `sink`. `clock` is for tests; a round of equal refusals is a minute of it.
  static std::unique_ptr<SpdlogAuditLog> Create(std::unique_ptr<AuditSink> sink, Clock clock = &absl::Now) {
    return Create(std::move(sink), std::move(clock), Room());
  }
  static std::unique_ptr<SpdlogAuditLog> Create(std::unique_ptr<AuditSink> sink, Clock clock, const Room& room);

  // The destructor writes what waits.
  ~SpdlogAuditLog() override;

  void Record(const AuditRecord& record) override;
  void Flush() override;

  // lost is how many records found no room, until now.
  uint64_t lost() const;

 private:
  enum Kind { kAdministrative, kAllowed, kRefused, kKinds };
  struct Waiting {
    Kind kind;
    AuditLine line;
  };

  SpdlogAuditLog(std::unique_ptr<AuditSink> sink, Clock clock, const Room& room);
  void Run();
  // Callers of these hold the mutex.
  void EndRoundIfDue();
  void EndRound();
  void Enqueue(Kind kind, AuditLine line);
  void WriteNext(std::unique_lock<std::mutex>& lock);

  const std::unique_ptr<AuditSink> sink_;
  const Clock clock_;
  const Room room_;

  mutable std::mutex mutex_;
  std::condition_variable work_;
  std::condition_variable written_;
  RefusalCoalescer coalescer_;
  absl::Time round_ends_;
  std::deque<Waiting> queue_;
  size_t waiting_[kKinds] = {};
  // Not written about yet, and in all.
  uint64_t lost_ = 0;
  uint64_t lost_in_all_ = 0;
  bool writing_ = false;
  bool stop_ = false;
  // Callers of Flush.
  int flushes_ = 0;
  std::thread thread_;
};

}  // namespace ddskey

#endif  // DAEMON_AUDIT_SPDLOG_AUDIT_LOG_H_
