#ifndef DAEMON_RPC_TOKEN_BUCKET_H_
#define DAEMON_RPC_TOKEN_BUCKET_H_

#include <algorithm>
#include <chrono>

namespace ddskey {

// TokenBucket lets `burst` things happen at once and `per_second` a second after that. Not thread-safe.
class TokenBucket {
 public:
  using Clock = std::chrono::steady_clock;

  // A bucket is full at first.
  TokenBucket(double per_second, double burst, Clock::time_point now)
      : per_second_(per_second), burst_(burst), tokens_(burst), filled_(now) {}

  // Take uses one token, or returns false if there is none.
  bool Take(Clock::time_point now) {
    tokens_ += std::chrono::duration<double>(now - filled_).count() * per_second_;
    tokens_ = std::min(tokens_, burst_);
    filled_ = now;
    if (tokens_ < 1) return false;
    tokens_ -= 1;
    return true;
  }

  // Earn adds tokens, as far as they fit.
  void Earn(double tokens) { tokens_ = std::min(tokens_ + tokens, burst_); }

 private:
  double per_second_;
  double burst_;
  double tokens_;
  Clock::time_point filled_;
};

}  // namespace ddskey

#endif  // DAEMON_RPC_TOKEN_BUCKET_H_
