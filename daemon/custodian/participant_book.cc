#include "daemon/custodian/participant_book.h"

namespace ddskey {

void ParticipantBook::ForgetEnded() {
  for (auto process = processes_.begin(); process != processes_.end();) {
    if (is_alive_(process->first.first, process->first.second)) {
      ++process;
      continue;
    }
    size_ -= process->second.size();
    process = processes_.erase(process);
  }
}

void ParticipantBook::Note(const Subject& caller, const Guid& guid, const std::string& generation_uuid) {
  const Process process(caller.pid, caller.start_time);
  const std::lock_guard lock(mutex_);
  const auto known = processes_.find(process);
  if (known != processes_.end()) {
    if (known->second.contains(guid) || known->second.size() >= limits_.participants_per_process) return;
  }
  if (size_ >= limits_.participants) {
    // To ask the kernel about all of them takes time, in which everybody else waits.
    const auto now = std::chrono::steady_clock::now();
    if (now < looks_again_) return;
    looks_again_ = now + limits_.pause;
    ForgetEnded();
    if (size_ >= limits_.participants) return;
  }
  if (processes_[process].emplace(guid, generation_uuid).second) ++size_;
}

std::map<std::string, size_t> ParticipantBook::Counts() {
  const std::lock_guard lock(mutex_);
  ForgetEnded();
  std::map<std::string, size_t> counts;
  for (const auto& [process, participants] : processes_) {
    for (const auto& [guid, generation] : participants) ++counts[generation];
  }
  return counts;
}

ParticipantBook::Size ParticipantBook::CountAll() {
  const std::lock_guard lock(mutex_);
  ForgetEnded();
  return {.participants = size_, .processes = processes_.size()};
}

}  // namespace ddskey
