#include "daemon/service/periodic_task.h"

#include <utility>

namespace ddskey {

PeriodicTask::PeriodicTask(std::chrono::milliseconds first, std::function<std::chrono::milliseconds()> round)
    : thread_([this, first, round = std::move(round)] { Run(first, round); }) {}

PeriodicTask::~PeriodicTask() {
  {
    const std::lock_guard lock(mutex_);
    stop_ = true;
  }
  stopped_.notify_one();
  thread_.join();
}

void PeriodicTask::Run(std::chrono::milliseconds first, const std::function<std::chrono::milliseconds()>& round) {
  std::unique_lock lock(mutex_);
  // Not by the system's clock, which may be set.
  for (auto pause = first; !stopped_.wait_for(lock, pause, [this] { return stop_; });) {
    lock.unlock();
    pause = round();
    lock.lock();
  }
}

}  // namespace ddskey
