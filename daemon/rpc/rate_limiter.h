#ifndef DAEMON_RPC_RATE_LIMITER_H_
#define DAEMON_RPC_RATE_LIMITER_H_

#include <sys/types.h>

#include <chrono>
#include <cstdint>
#include <functional>
#include <list>
#include <mutex>
#include <string>
#include <string_view>
#include <unordered_map>
#include <utility>

#include "absl/status/status.h"
#include "daemon/rpc/token_bucket.h"
#include "daemon/rpc/usage_limiter.h"
#include "policy/policy.h"

namespace ddskey {

// RateLimiter has a token bucket for each process. The number of buckets is bounded, for each uid and in all; the
// bucket that was not used for the longest time makes room, which gives its process a full one again, so the bound of
// a uid should be no smaller than the number of its processes that can be connected at once. What strangers can cause
// is counted for each of them, too: none takes more than a quarter of what the process has. Thread-safe.
class RateLimiter {
 public:
  using Clock = std::chrono::steady_clock;

  struct Bounds {
    // Tokens a second, and the most that a bucket holds; both at least 1.
    uint32_t per_second = 1;
    uint32_t burst = 1;
    size_t buckets_per_uid = 1024;
    size_t buckets = 8192;
  };

  // `what` is limited, in the plural: "handshakes". `now` is the clock; tests have their own.
  RateLimiter(std::string what, const Bounds& bounds, std::function<Clock::time_point()> now = &Clock::now);

  // Take uses one token of the process of `subject`, or returns RESOURCE_EXHAUSTED with a sentence that names the
  // limit.
  absl::Status Take(const Subject& subject);

  // TakeFor is Take on behalf of a peer, named by at most 64 octets. Of each process the kPeers last ones are
  // remembered.
  absl::Status TakeFor(const Subject& subject, std::string_view peer);

  static constexpr size_t kPeers = 32;
  static constexpr double kShareOfAPeer = 0.25;

  // bucket_count is the number of processes that are remembered.
  size_t bucket_count() const;

 private:
  struct Bucket {
    uid_t uid;
    ProcessId process;
    TokenBucket tokens;
    // The peer seen last is in front.
    std::list<std::pair<std::string, TokenBucket>> peers = {};
  };
  // The bucket used last is in front. One list for each uid, so that a crowd of one cannot push out another's.
  using Buckets = std::list<Bucket>;

  absl::Status Refuse(const char* whose) const;
  TokenBucket& ShareOf(Bucket& bucket, std::string_view peer, Clock::time_point now) const;
  Bucket& BucketOf(const Subject& subject, Clock::time_point now);
  void MakeRoom(uid_t uid);

  const std::string what_;
  const Bounds bounds_;
  const std::function<Clock::time_point()> now_;
  mutable std::mutex mutex_;
  std::unordered_map<uid_t, Buckets> uids_;
  std::unordered_map<ProcessId, Buckets::iterator, ProcessIdHash> index_;
};

}  // namespace ddskey

#endif  // DAEMON_RPC_RATE_LIMITER_H_
