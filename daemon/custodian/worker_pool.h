#ifndef DAEMON_CUSTODIAN_WORKER_POOL_H_
#define DAEMON_CUSTODIAN_WORKER_POOL_H_

#include <condition_variable>
#include <deque>
#include <functional>
#include <mutex>
#include <thread>
#include <vector>

namespace ddskey {

// WorkerPool runs work off the threads of RPCs and devices (S-17). What is posted comes from calls that were admitted,
// so the number of calls under way bounds the queue. Thread-safe.
class WorkerPool {
 public:
  explicit WorkerPool(size_t threads);
  // The destructor runs what was posted before and waits for it.
  ~WorkerPool();
  WorkerPool(const WorkerPool&) = delete;
  WorkerPool& operator=(const WorkerPool&) = delete;

  // Post runs `work` soon, on a thread of the pool.
  void Post(std::function<void()> work);

 private:
  void Run();

  std::mutex mutex_;
  std::condition_variable wake_;
  std::deque<std::function<void()>> queue_;
  bool stopping_ = false;
  std::vector<std::thread> threads_;
};

}  // namespace ddskey

#endif  // DAEMON_CUSTODIAN_WORKER_POOL_H_
