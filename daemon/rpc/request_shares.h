#ifndef DAEMON_RPC_REQUEST_SHARES_H_
#define DAEMON_RPC_REQUEST_SHARES_H_

#include <sys/types.h>

#include <cstdint>
#include <mutex>
#include <string>
#include <unordered_map>

#include "daemon/rpc/usage_limiter.h"

namespace ddskey {

// RequestShares counts what unanswered requests take of memory, by process and by uid (S-17). When it runs
// out, connections of anybody are refused; so nobody may come near that alone. It remembers only callers that use
// something. Thread-safe.
class RequestShares {
 public:
  struct Bounds {
    uint64_t per_process;
    uint64_t per_uid;
    // Zero means without a bound.
    uint64_t total = 0;
  };

  explicit RequestShares(const Bounds& bounds) : bounds_(bounds) {}

  // Change notes that a connection of `process` of user `uid` takes `now` octets instead of `before`. If that is more
  // than before and over a bound, it returns whose bound, as "this process", "this user" or "all users"; else nothing.
  std::string Change(uid_t uid, const ProcessId& process, uint64_t before, uint64_t now);

  // callers is how many processes are remembered.
  size_t callers() const {
    const std::lock_guard lock(mutex_);
    return processes_.size();
  }

 private:
  const Bounds bounds_;
  mutable std::mutex mutex_;
  uint64_t sum_ = 0;
  std::unordered_map<uid_t, uint64_t> uids_;
  std::unordered_map<ProcessId, uint64_t, ProcessIdHash> processes_;
};

}  // namespace ddskey

#endif  // DAEMON_RPC_REQUEST_SHARES_H_
