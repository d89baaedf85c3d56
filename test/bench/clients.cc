#include "test/bench/clients.h"

#include <semaphore.h>
#include <signal.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include <atomic>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <ctime>

namespace ddskey::bench {
namespace {

using Clock = std::chrono::steady_clock;

constexpr size_t kMost = 4096;
constexpr std::chrono::seconds kPatience(60);

struct alignas(64) Slot {
  sem_t go;
  uint64_t calls;
};

[[noreturn]] void Give(const char* what) {
  std::fprintf(stderr, "bench: %s\n", what);
  std::exit(EXIT_FAILURE);
}

}  // namespace

// Shared is in memory that the clients share with us.
struct Clients::Shared {
  sem_t done;
  Clock::rep until;
  std::atomic<bool> failed;
  char failure[512];
  Slot slots[kMost];

  void Fail(const std::string& what) {
    if (!failed.exchange(true)) std::strncpy(failure, what.c_str(), sizeof failure - 1);
    sem_post(&done);
    while (true) pause();
  }

  [[noreturn]] void Run(size_t index, const Prepare& prepare) {
    const Call call = prepare(index);
    if (const std::string wrong = call(); !wrong.empty()) Fail(wrong);
    sem_post(&done);
    Slot& slot = slots[index];
    while (true) {
      while (sem_wait(&slot.go) != 0) {
      }
      uint64_t calls = 0;
      const Clock::time_point end{Clock::duration(until)};
      while (Clock::now() < end) {
        if (const std::string wrong = call(); !wrong.empty()) Fail(wrong);
        // What is done after the end does not count.
        if (Clock::now() < end) ++calls;
      }
      slot.calls = calls;
      sem_post(&done);
    }
  }
};

Clients::Clients(size_t count, const Prepare& prepare) {
  if (count > kMost) Give("too many clients");
  void* const memory = mmap(nullptr, sizeof(Shared), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
  if (memory == MAP_FAILED) Give("no memory");
  shared_ = new (memory) Shared{};
  sem_init(&shared_->done, 1, 0);
  for (size_t i = 0; i < count; ++i) sem_init(&shared_->slots[i].go, 1, 0);
  std::fflush(nullptr);
  const pid_t parent = getpid();
  for (size_t i = 0; i < count; ++i) {
    const pid_t pid = fork();
    if (pid < 0) Give("cannot fork");
    if (pid == 0) {
      prctl(PR_SET_PDEATHSIG, SIGKILL);
      if (getppid() != parent) _exit(1);
      shared_->Run(i, prepare);
    }
    processes_.push_back(pid);
  }
  AwaitAll();
}

Clients::~Clients() {
  for (const pid_t pid : processes_) kill(pid, SIGKILL);
  for (const pid_t pid : processes_) waitpid(pid, nullptr, 0);
  munmap(shared_, sizeof(Shared));
}

void Clients::AwaitAll() {
  timespec limit = {};
  clock_gettime(CLOCK_REALTIME, &limit);
  limit.tv_sec += kPatience.count();
  for (size_t i = 0; i < processes_.size(); ++i) {
    if (sem_timedwait(&shared_->done, &limit) != 0) Give("a client does not answer");
    if (shared_->failed) Give(shared_->failure);
  }
}

double Clients::RunFor(std::chrono::milliseconds time) {
  shared_->until = (Clock::now() + time).time_since_epoch().count();
  for (size_t i = 0; i < processes_.size(); ++i) sem_post(&shared_->slots[i].go);
  AwaitAll();
  uint64_t calls = 0;
  for (size_t i = 0; i < processes_.size(); ++i) calls += shared_->slots[i].calls;
  return static_cast<double>(calls) / std::chrono::duration<double>(time).count();
}

}  // namespace ddskey::bench
