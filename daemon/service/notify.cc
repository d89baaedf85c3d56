#include "daemon/service/notify.h"

#include <systemd/sd-daemon.h>

#include <chrono>
#include <cstdint>
#include <ctime>
#include <utility>

#include "absl/strings/str_cat.h"

namespace ddskey {

void NotifyReady() { sd_notify(0, "READY=1"); }

void NotifyReloading() {
  timespec now = {};
  clock_gettime(CLOCK_MONOTONIC, &now);
  const uint64_t microseconds =
      static_cast<uint64_t>(now.tv_sec) * 1'000'000 + static_cast<uint64_t>(now.tv_nsec) / 1000;
  sd_notify(0, absl::StrCat("RELOADING=1\nMONOTONIC_USEC=", microseconds).c_str());
}

void NotifyStopping() { sd_notify(0, "STOPPING=1"); }

void NotifyStatus(const std::string& text) {
  // A line end would begin another assignment.
  std::string line = absl::StrCat("STATUS=", text);
  for (char& c : line) {
    if (c == '\n') c = ' ';
  }
  sd_notify(0, line.c_str());
}

std::unique_ptr<Watchdog> Watchdog::Start(std::function<bool()> healthy) {
  uint64_t microseconds = 0;
  if (sd_watchdog_enabled(0, &microseconds) <= 0) return nullptr;
  const std::chrono::microseconds period(microseconds / 4);
  auto watchdog = std::unique_ptr<Watchdog>(new Watchdog());
  watchdog->thread_ = std::thread([raw = watchdog.get(), healthy = std::move(healthy), period] {
    std::unique_lock lock(raw->mutex_);
    while (!raw->stop_) {
      lock.unlock();
      if (healthy()) sd_notify(0, "WATCHDOG=1");
      lock.lock();
      raw->stopped_.wait_for(lock, period, [raw] { return raw->stop_; });
    }
  });
  return watchdog;
}

Watchdog::~Watchdog() {
  {
    const std::lock_guard lock(mutex_);
    stop_ = true;
  }
  stopped_.notify_one();
  thread_.join();
}

}  // namespace ddskey
