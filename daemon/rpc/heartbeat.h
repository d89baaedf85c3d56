#ifndef DAEMON_RPC_HEARTBEAT_H_
#define DAEMON_RPC_HEARTBEAT_H_

#include <algorithm>
#include <atomic>
#include <chrono>

namespace ddskey {

// Heartbeat says how long ago a loop turned. Thread-safe.
class Heartbeat {
 public:
  using Clock = std::chrono::steady_clock;
  // The longest that a loop waits for something to do, so that one with nothing to do beats as well.
  static constexpr std::chrono::milliseconds kLongestWait{4000};

  // Beat is called by the loop in each turn.
  void Beat() { last_ = Clock::now().time_since_epoch(); }

  // silence is the time since the last beat; a loop that lives is silent for little more than kLongestWait.
  Clock::duration silence() const { return Clock::now().time_since_epoch() - last_.load(); }

  // Bounded is a time to wait in milliseconds, as poll takes it (-1 is for ever), bounded by kLongestWait.
  static int Bounded(int milliseconds) {
    constexpr int kLongest = kLongestWait.count();
    return milliseconds < 0 ? kLongest : std::min(milliseconds, kLongest);
  }

 private:
  std::atomic<Clock::duration> last_ = Clock::now().time_since_epoch();
};

}  // namespace ddskey

#endif  // DAEMON_RPC_HEARTBEAT_H_
