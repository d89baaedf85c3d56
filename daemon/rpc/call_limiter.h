#ifndef DAEMON_RPC_CALL_LIMITER_H_
#define DAEMON_RPC_CALL_LIMITER_H_

#include <atomic>
#include <cstdint>
#include <string_view>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "daemon/rpc/limits.h"
#include "daemon/rpc/rate_limiter.h"
#include "daemon/rpc/usage_limiter.h"
#include "policy/policy.h"

namespace ddskey {

// CallPermit stands for a call under way; its end is the end of the call.
using CallPermit = UsageLimiter::Permit;

// CallLimiter bounds the calls under way, those that wait, and the handshakes begun. Handlers ask it after they know
// who is calling and before anything else. Thread-safe.
class CallLimiter {
 public:
  explicit CallLimiter(const Limits& limits)
      : calls_("calls under way",
               {.total = 0, .per_uid = limits.calls_per_uid, .per_process = limits.calls_per_process}),
        watches_("calls of Watch", {.total = 0, .per_uid = kWatchesPerUid, .per_process = kWatchesPerProcess}),
        handshakes_("handshakes", {.per_second = limits.handshakes_per_second,
                                   .burst = limits.handshake_burst,
                                   .buckets_per_uid = limits.connections_per_uid,
                                   .buckets = size_t{2} * limits.connections}) {}

  // Admit lets a call of `caller` begin, or returns RESOURCE_EXHAUSTED with a sentence that names the limit. Keep the
  // permit until the call has ended.
  absl::StatusOr<CallPermit> Admit(const Subject& caller) { return Counted(calls_.Take(caller)); }

  // AdmitWatch is Admit for a call that waits until something changes: however many wait, the others have their share.
  absl::StatusOr<CallPermit> AdmitWatch(const Subject& caller) { return Counted(watches_.Take(caller)); }

  // BeginHandshake counts a handshake that `caller` begins, or returns RESOURCE_EXHAUSTED.
  absl::Status BeginHandshake(const Subject& caller) { return Counted(handshakes_.Take(caller)); }

  // BeginReply counts a handshake that a peer begins with `caller`, or returns RESOURCE_EXHAUSTED. `peer_digest` names
  // the peer's certificate, which was found good: one certificate with many GUIDs does not use up the others' (S-6).
  absl::Status BeginReply(const Subject& caller, std::string_view peer_digest) {
    return Counted(handshakes_.TakeFor(caller, peer_digest));
  }

  // refused_count is how often any of them was refused.
  uint64_t refused_count() const { return refused_; }

 private:
  template <typename Result>
  Result Counted(Result result) {
    if (!result.ok()) ++refused_;
    return result;
  }

  std::atomic<uint64_t> refused_ = 0;
  UsageLimiter calls_;
  UsageLimiter watches_;
  RateLimiter handshakes_;
};

}  // namespace ddskey

#endif  // DAEMON_RPC_CALL_LIMITER_H_
