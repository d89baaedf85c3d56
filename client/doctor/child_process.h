#ifndef CLIENT_DOCTOR_CHILD_PROCESS_H_
#define CLIENT_DOCTOR_CHILD_PROCESS_H_

#include <chrono>
#include <functional>
#include <string>

#include "absl/status/statusor.h"

namespace ddskey::doctor {

// ChildResult is how a child ended.
struct ChildResult {
  // 128 + the signal if one ended it.
  int exit_status = 0;
  // What it wrote, at most 1 MiB.
  std::string output;
};

// RunInChild runs `work` in a copy of this process, which ends with what it returns and has `output` to write to, and
// waits for it. Whatever `work` does to itself, we are as before. It is killed after `limit`: DEADLINE_EXCEEDED. To be
// called while this process has one thread.
absl::StatusOr<ChildResult> RunInChild(const std::function<int(int output)>& work, std::chrono::milliseconds limit);

// WriteAll writes `text` to a descriptor, as far as it takes it.
void WriteAll(int descriptor, const std::string& text);

}  // namespace ddskey::doctor

#endif  // CLIENT_DOCTOR_CHILD_PROCESS_H_
