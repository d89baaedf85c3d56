#ifndef DAEMON_CUSTODIAN_PARTICIPANT_BOOK_H_
#define DAEMON_CUSTODIAN_PARTICIPANT_BOOK_H_

#include <sys/types.h>

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <map>
#include <mutex>
#include <string>
#include <utility>

#include "policy/policy.h"
#include "proto/contract/guid.h"

namespace ddskey {

// ParticipantBook remembers with which key generation each participant began that was seen since the daemon started: a
// participant is seen when it begins and at each of its steps, so after a restart it fills again by itself. It forgets
// the participants of a process that has ended. It is bounded, so a count is of at least so many. Thread-safe.
class ParticipantBook {
 public:
  // IsAlive is whether the process that has a pid is still the one that began at a time (/proc/PID/stat).
  using IsAlive = std::function<bool(pid_t pid, uint64_t start_time)>;

  // Limits bound the book. A process cannot fill it alone.
  struct Limits {
    size_t participants = 16384;
    size_t participants_per_process = 256;
    // While the book is full, how long nobody is looked for who has ended.
    std::chrono::milliseconds pause{10'000};
  };

  ParticipantBook(IsAlive is_alive, Limits limits) : is_alive_(std::move(is_alive)), limits_(limits) {}
  explicit ParticipantBook(IsAlive is_alive) : ParticipantBook(std::move(is_alive), Limits()) {}

  // Note sees the participant `guid` of a process; `generation_uuid` is what it began with.
  void Note(const Subject& caller, const Guid& guid, const std::string& generation_uuid);

  // Counts returns how many participants there are of each generation, by its uuid.
  std::map<std::string, size_t> Counts();

  // Size is how many participants there are, and of how many processes.
  struct Size {
    size_t participants = 0;
    size_t processes = 0;
  };
  Size CountAll();

 private:
  using Process = std::pair<pid_t, uint64_t>;

  void ForgetEnded();

  const IsAlive is_alive_;
  const Limits limits_;
  std::mutex mutex_;
  std::map<Process, std::map<Guid, std::string>> processes_;
  size_t size_ = 0;
  std::chrono::steady_clock::time_point looks_again_ = std::chrono::steady_clock::time_point::min();
};

}  // namespace ddskey

#endif  // DAEMON_CUSTODIAN_PARTICIPANT_BOOK_H_
