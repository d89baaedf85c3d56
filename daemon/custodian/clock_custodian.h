#ifndef DAEMON_CUSTODIAN_CLOCK_CUSTODIAN_H_
#define DAEMON_CUSTODIAN_CLOCK_CUSTODIAN_H_

#include <functional>

#include "absl/status/statusor.h"
#include "daemon/custodian/authorizer.h"
#include "daemon/custodian/clock_guard.h"
#include "daemon/custodian/worker_pool.h"
#include "policy/policy.h"

namespace ddskey {

// ClockCustodian lets administrators take back a last good time that is wrong: authorize, reset, audit. Thread-safe.
class ClockCustodian {
 public:
  using Done = std::function<void(absl::StatusOr<ClockGuard::State>)>;

  // All must outlive it.
  ClockCustodian(WorkerPool& pool, Authorizer& authorizer, ClockGuard& clock)
      : pool_(pool), authorizer_(authorizer), clock_(clock) {}

  // Reset returns at once; its work is done on the pool, where `done` is called exactly once. Errors are those of
  // AdminService.ResetClock (admin.proto).
  void Reset(const Subject& caller, Done done);

 private:
  WorkerPool& pool_;
  Authorizer& authorizer_;
  ClockGuard& clock_;
};

}  // namespace ddskey

#endif  // DAEMON_CUSTODIAN_CLOCK_CUSTODIAN_H_
