#ifndef DAEMON_SERVICE_PERIODIC_TASK_H_
#define DAEMON_SERVICE_PERIODIC_TASK_H_

#include <chrono>
#include <condition_variable>
#include <functional>
#include <mutex>
#include <thread>

namespace ddskey {

// PeriodicTask does something again and again on a thread of its own, until it is destroyed, which waits for a round
// under way.
class PeriodicTask {
 public:
  // `round` returns how long to wait until the next one. The first begins after `first`.
  PeriodicTask(std::chrono::milliseconds first, std::function<std::chrono::milliseconds()> round);
  ~PeriodicTask();
  PeriodicTask(const PeriodicTask&) = delete;
  PeriodicTask& operator=(const PeriodicTask&) = delete;

 private:
  void Run(std::chrono::milliseconds first, const std::function<std::chrono::milliseconds()>& round);

  std::mutex mutex_;
  std::condition_variable stopped_;
  bool stop_ = false;
  std::thread thread_;
};

}  // namespace ddskey

#endif  // DAEMON_SERVICE_PERIODIC_TASK_H_
