#ifndef DAEMON_RPC_LOG_THROTTLE_H_
#define DAEMON_RPC_LOG_THROTTLE_H_

#include <chrono>
#include <cstdint>
#include <optional>
#include <utility>

#include "daemon/rpc/token_bucket.h"

namespace ddskey {

// LogThrottle keeps a caller from filling the log: ten lines a second at most. Not thread-safe.
class LogThrottle {
 public:
  // Admit returns how many lines were left out since the last one, if another may be written now; else nothing.
  std::optional<uint64_t> Admit(TokenBucket::Clock::time_point now = TokenBucket::Clock::now()) {
    if (bucket_.Take(now)) return std::exchange(left_out_, 0);
    ++left_out_;
    return std::nullopt;
  }

 private:
  TokenBucket bucket_{10, 10, TokenBucket::Clock::now()};
  uint64_t left_out_ = 0;
};

}  // namespace ddskey

#endif  // DAEMON_RPC_LOG_THROTTLE_H_
