#include "daemon/custodian/worker_pool.h"

namespace ddskey {
namespace {

// The pool whose thread this is.
thread_local const WorkerPool* this_pool = nullptr;

}  // namespace

WorkerPool::WorkerPool(size_t threads) {
  for (size_t i = 0; i < threads; ++i) threads_.emplace_back([this] { Run(); });
}

WorkerPool::~WorkerPool() {
  {
    const std::lock_guard lock(mutex_);
    stopping_ = true;
  }
  wake_.notify_all();
  for (std::thread& thread : threads_) thread.join();
}

void WorkerPool::Post(const Subject& caller, Work work) {
  const Process process = {caller.start_time, caller.pid};
  {
    const std::lock_guard lock(mutex_);
    NoteBeginning();
    const auto [user, is_new_user] = users_.try_emplace(caller.uid);
    if (is_new_user) turns_.push_back(caller.uid);
    const auto [waiting, is_new_process] = user->second.processes.try_emplace(process);
    if (is_new_process) user->second.turns.push_back(process);
    waiting->second.push_back(std::move(work));
  }
  wake_.notify_one();
}

void WorkerPool::Resume(Work work) {
  bool is_at_hand = false;
  {
    const std::lock_guard lock(mutex_);
    NoteBeginning();
    // A thread that goes on with its own call takes this next: waking another would cost more time than it saves.
    is_at_hand = this_pool == this && resumed_.empty();
    resumed_.push_back(std::move(work));
  }
  if (!is_at_hand) wake_.notify_one();
}

std::chrono::steady_clock::duration WorkerPool::HangsFor() const {
  const std::lock_guard lock(mutex_);
  if (empty()) return {};
  return std::chrono::steady_clock::now() - progress_;
}

void WorkerPool::NoteBeginning() {
  if (empty()) progress_ = std::chrono::steady_clock::now();
}

// Next takes out the work whose turn it is; there must be some.
WorkerPool::Work WorkerPool::Next() {
  progress_ = std::chrono::steady_clock::now();
  if (!resumed_.empty()) {
    Work work = std::move(resumed_.front());
    resumed_.pop_front();
    return work;
  }
  const uid_t uid = turns_.front();
  turns_.pop_front();
  const auto user = users_.find(uid);
  const Process process = user->second.turns.front();
  user->second.turns.pop_front();
  const auto waiting = user->second.processes.find(process);
  Work work = std::move(waiting->second.front());
  waiting->second.pop_front();
  if (waiting->second.empty()) {
    user->second.processes.erase(waiting);
  } else {
    user->second.turns.push_back(process);
  }
  if (user->second.turns.empty()) {
    users_.erase(user);
  } else {
    turns_.push_back(uid);
  }
  return work;
}

void WorkerPool::Run() {
  this_pool = this;
  std::unique_lock lock(mutex_);
  while (true) {
    wake_.wait(lock, [this] { return stopping_ || !empty(); });
    if (empty()) return;
    Work work = Next();
    lock.unlock();
    work();
    // What it captured goes before the lock is taken again.
    work = nullptr;
    lock.lock();
  }
}

}  // namespace ddskey
