#ifndef DAEMON_BACKEND_PKCS11_HELPER_MONITOR_H_
#define DAEMON_BACKEND_PKCS11_HELPER_MONITOR_H_

#include <atomic>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <thread>
#include <vector>

#include "daemon/backend/pkcs11/helper/service_manager.h"

namespace ddskey::pkcs11 {

// Monitor ends the process when a call into the module takes longer than it may, or when the other end of the
// connection closed: whatever the module does then, it does not outlive its daemon. It also tells the service manager
// that all is well while no call is late.
class Monitor {
 public:
  using Clock = std::chrono::steady_clock;

  // Start watches `connection`, and calls of up to `workers` threads, from a thread of its own until the process ends.
  // `last_words` is called before a late call ends the process, with the id of that call; it must not wait long.
  Monitor(int connection, size_t workers, const ServiceManager& manager, std::function<void(uint64_t)> last_words);
  Monitor(const Monitor&) = delete;
  Monitor& operator=(const Monitor&) = delete;
  ~Monitor() = delete;

  // Begin says that `worker` is in the module for the call `id`, and End that it came back.
  void Begin(size_t worker, uint64_t id, std::chrono::milliseconds limit);
  void End(size_t worker);

 private:
  struct Watched {
    std::atomic<uint64_t> id = 0;
    // In the clock's units; 0 while there is no call.
    std::atomic<Clock::rep> deadline = 0;
  };

  [[noreturn]] void Run();
  void EndIfLate();

  const int connection_;
  const ServiceManager& manager_;
  const std::function<void(uint64_t)> last_words_;
  std::vector<Watched> watched_;
  std::thread thread_;
};

}  // namespace ddskey::pkcs11

#endif  // DAEMON_BACKEND_PKCS11_HELPER_MONITOR_H_
