#ifndef DAEMON_CUSTODIAN_WORKER_POOL_H_
#define DAEMON_CUSTODIAN_WORKER_POOL_H_

#include <sys/types.h>

#include <chrono>
#include <condition_variable>
#include <cstdint>
#include <deque>
#include <functional>
#include <map>
#include <mutex>
#include <thread>
#include <utility>
#include <vector>

#include "policy/policy.h"

namespace ddskey {

// WorkerPool runs work off the threads of RPCs and devices (S-17). What is posted comes from calls that were admitted,
// so the number of calls under way bounds the queue. Users take turns, and within a user its processes: whoever posts
// much makes only itself wait. Thread-safe.
class WorkerPool {
 public:
  using Work = std::function<void()>;

  explicit WorkerPool(size_t threads);
  // The destructor runs what was posted before and waits for it.
  ~WorkerPool();
  WorkerPool(const WorkerPool&) = delete;
  WorkerPool& operator=(const WorkerPool&) = delete;

  // Post runs `work`, the beginning of a call of `caller`, on a thread of the pool when it is the caller's turn.
  void Post(const Subject& caller, Work work);

  // Resume runs `work`, which goes on with a call that had its turn, before everything that was posted.
  void Resume(Work work);

  // HangsFor is how long work has waited and none was begun: every thread hangs in something. Zero if none waits.
  std::chrono::steady_clock::duration HangsFor() const;

 private:
  // A process, by its start time and pid.
  using Process = std::pair<uint64_t, pid_t>;
  // User is the waiting work of the processes of one user. All of them are in `turns` once.
  struct User {
    std::map<Process, std::deque<Work>> processes;
    std::deque<Process> turns;
  };

  void Run();
  bool empty() const { return resumed_.empty() && turns_.empty(); }
  void NoteBeginning();
  Work Next();

  mutable std::mutex mutex_;
  std::condition_variable wake_;
  std::deque<Work> resumed_;
  std::map<uid_t, User> users_;
  // The users in `users_`, each once.
  std::deque<uid_t> turns_;
  // When work was last begun, or began to wait while no other did.
  std::chrono::steady_clock::time_point progress_;
  bool stopping_ = false;
  std::vector<std::thread> threads_;
};

}  // namespace ddskey

#endif  // DAEMON_CUSTODIAN_WORKER_POOL_H_
