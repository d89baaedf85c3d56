#ifndef PLUGIN_SHIM_CORE_WAIT_BUDGET_H_
#define PLUGIN_SHIM_CORE_WAIT_BUDGET_H_

#include <chrono>
#include <deque>
#include <mutex>

namespace ddskey {

// WaitBudget bounds how long a host's thread is kept waiting for the daemon (S-4): one thread runs all handshakes of a
// DDS domain and holds up others of the host meanwhile, but coming back later costs a second. Thread-safe.
class WaitBudget {
 public:
  using Clock = std::chrono::steady_clock;

  // The most in one call, and the most in any window of time.
  static constexpr std::chrono::milliseconds kInACall{500};
  static constexpr std::chrono::milliseconds kInAWindow{2500};
  static constexpr std::chrono::milliseconds kWindow{5000};

  // Left is how long a call that begins at `now` may wait.
  Clock::duration Left(Clock::time_point now);

  // Spend says that a thread waited from `begin` to `end`.
  void Spend(Clock::time_point begin, Clock::time_point end);

 private:
  struct Span {
    Clock::time_point begin;
    Clock::time_point end;
  };

  std::mutex mutex_;
  std::deque<Span> spans_;
};

}  // namespace ddskey

#endif  // PLUGIN_SHIM_CORE_WAIT_BUDGET_H_
