#ifndef DAEMON_SERVICE_NOTIFY_H_
#define DAEMON_SERVICE_NOTIFY_H_

#include <condition_variable>
#include <functional>
#include <memory>
#include <mutex>
#include <string>
#include <thread>

namespace ddskey {

// What the service manager is told (sd_notify(3)). Without one, nothing happens.

// NotifyReady says that the daemon serves, at start and after NotifyReloading.
void NotifyReady();
// NotifyReloading says that the daemon reads its policy again.
void NotifyReloading();
// NotifyStopping says that the daemon shuts down.
void NotifyStopping();
// NotifyStatus shows `text` in `systemctl status`.
void NotifyStatus(const std::string& text);

// Watchdog tells the service manager four times in each of its watchdog intervals that the daemon is alive, from a
// thread of its own, as long as `healthy` says so; one answer to the contrary is not the end. `healthy` must be quick,
// and true while a device is away: only a daemon that a restart would help is not healthy (Liveness).
class Watchdog {
 public:
  // Start returns null if the service manager has no watchdog for this process.
  static std::unique_ptr<Watchdog> Start(std::function<bool()> healthy);
  ~Watchdog();
  Watchdog(const Watchdog&) = delete;
  Watchdog& operator=(const Watchdog&) = delete;

 private:
  Watchdog() = default;

  std::mutex mutex_;
  std::condition_variable stopped_;
  bool stop_ = false;
  std::thread thread_;
};

}  // namespace ddskey

#endif  // DAEMON_SERVICE_NOTIFY_H_
