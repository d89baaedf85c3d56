#ifndef DAEMON_RPC_REQUEST_SHARES_H_
#define DAEMON_RPC_REQUEST_SHARES_H_

#include <sys/types.h>

#include <cstdint>
#include <string>
#include <unordered_map>

#include "daemon/rpc/usage_limiter.h"

namespace ddskey {

// RequestShares counts what unanswered requests take of gRPC's memory, by process and by uid (S-17). When gRPC runs out
// of it, it resets connections of anybody; so nobody may come near that alone. It remembers only callers that use
// something. Not thread-safe.
class RequestShares {
 public:
  struct Bounds {
    uint64_t per_process;
    uint64_t per_uid;
  };

  explicit RequestShares(const Bounds& bounds) : bounds_(bounds) {}

  // Change notes that a connection of `process` of user `uid` takes `now` octets instead of `before`. If that is more
  // than before and over a bound, it returns whose bound, as "this process" or "this user"; else nothing.
  std::string Change(uid_t uid, const ProcessId& process, uint64_t before, uint64_t now);

  // callers is how many processes are remembered.
  size_t callers() const { return processes_.size(); }

 private:
  const Bounds bounds_;
  std::unordered_map<uid_t, uint64_t> uids_;
  std::unordered_map<ProcessId, uint64_t, ProcessIdHash> processes_;
};

}  // namespace ddskey

#endif  // DAEMON_RPC_REQUEST_SHARES_H_
