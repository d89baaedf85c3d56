#ifndef CLIENT_WAKER_H_
#define CLIENT_WAKER_H_

#include <array>
#include <atomic>
#include <chrono>
#include <optional>

#include "client/socket_identity.h"

namespace ddskey {

// Waker ends the waits of a thread for the daemon from another thread. In a process whose owner closes descriptors that
// are not his it goes on working, if more slowly. Thread-safe.
class Waker {
 public:
  using Clock = std::chrono::steady_clock;

  Waker();
  ~Waker();
  Waker(const Waker&) = delete;
  Waker& operator=(const Waker&) = delete;

  // Wake ends the waits of now and those that come, until Clear.
  void Wake();
  void Clear();
  bool woken() const { return woken_.load(std::memory_order_acquire); }

  // Sleep returns when it is woken, or at `until`.
  void Sleep(Clock::time_point until) const;

  // descriptor is readable while it is woken; negative if there is none. Then whoever polls must look at `woken` every
  // kBlindWait.
  int descriptor() const { return Usable(kRead); }
  static constexpr std::chrono::milliseconds kBlindWait{100};

 private:
  static constexpr size_t kRead = 0;
  static constexpr size_t kWrite = 1;
  int Usable(size_t end) const;

  std::atomic<bool> woken_ = false;
  std::array<int, 2> descriptors_ = {-1, -1};
  std::array<std::optional<SocketIdentity>, 2> identities_;
};

}  // namespace ddskey

#endif  // CLIENT_WAKER_H_
