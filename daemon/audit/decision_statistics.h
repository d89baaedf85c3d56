#ifndef DAEMON_AUDIT_DECISION_STATISTICS_H_
#define DAEMON_AUDIT_DECISION_STATISTICS_H_

#include <sys/types.h>

#include <cstddef>
#include <cstdint>
#include <functional>
#include <list>
#include <map>
#include <mutex>
#include <string>
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "absl/time/clock.h"
#include "absl/time/time.h"
#include "daemon/audit/audit_log.h"

namespace ddskey {

// DecisionStatistics is an AuditLog that counts decisions, remembers the last refusals, and hands each record on to
// another log. Its memory is bounded, and what one user has refused does not push out all that others had. Thread-safe.
class DecisionStatistics : public AuditLog {
 public:
  struct Bounds {
    // Operations that are counted by their names; those beyond are "other" together.
    size_t operations = 64;
    size_t refusals = 32;
    size_t refusals_per_uid = 8;
  };
  using Clock = std::function<absl::Time()>;

  // Count is how often an operation ended with a code, and how long that took together.
  struct Count {
    std::string operation;
    absl::StatusCode code = absl::StatusCode::kOk;
    uint64_t count = 0;
    absl::Duration took;
  };

  // Refusal stands for all refusals that have the same user, operation, key, peer, code and reason. Its texts are
  // printable ASCII, everything else a `?`, and at most 512 octets long.
  struct Refusal {
    absl::Time first;
    absl::Time last;
    uint64_t count = 0;
    uid_t uid = 0;
    // Of the last one.
    pid_t pid = 0;
    std::string operation;
    std::string key;
    std::string peer;
    absl::StatusCode code = absl::StatusCode::kOk;
    std::string reason;
  };

  // `log` must outlive this.
  explicit DecisionStatistics(AuditLog& log, Clock clock = &absl::Now)
      : DecisionStatistics(log, std::move(clock), {}) {}
  DecisionStatistics(AuditLog& log, Clock clock, const Bounds& bounds)
      : log_(log), clock_(std::move(clock)), bounds_(bounds) {}

  void Record(const AuditRecord& record) override;
  void Flush() override { log_.Flush(); }

  // Counts are all that are not zero, by operation and code.
  std::vector<Count> Counts() const;

  // Refusals are the last ones, the latest first.
  std::vector<Refusal> Refusals() const;

 private:
  struct Total {
    uint64_t count = 0;
    absl::Duration took;
  };

  // Callers of these hold the mutex.
  void Remember(Refusal refusal);
  void MakeRoom(uid_t uid);

  AuditLog& log_;
  const Clock clock_;
  const Bounds bounds_;
  mutable std::mutex mutex_;
  std::map<std::string, std::map<absl::StatusCode, Total>> totals_;
  std::list<Refusal> refusals_;
};

}  // namespace ddskey

#endif  // DAEMON_AUDIT_DECISION_STATISTICS_H_
