#ifndef TEST_SUPPORT_PROCESS_H_
#define TEST_SUPPORT_PROCESS_H_

#include <sys/types.h>

#include <chrono>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

namespace ddskey::test {

// WaitFor calls `condition` until it is true or `limit` has passed, and returns its last answer. It is the only way in
// which tests wait.
bool WaitFor(const std::function<bool()>& condition, std::chrono::milliseconds limit = std::chrono::seconds(20));

// Process is a child process with its output in a file. The destructor kills it and waits for it; the child also dies
// with the thread that started it.
class Process {
 public:
  struct Options {
    // Set in the child, over the environment of the test.
    std::map<std::string, std::string> environment;
    // Take this user and group, without supplementary groups, before the program starts.
    std::optional<uid_t> user;
    // File for stdout and stderr; discarded if empty.
    std::string output;
  };

  // Start runs `command` (program looked up in PATH, then arguments). Ends the test program if it cannot fork.
  static std::unique_ptr<Process> Start(const std::vector<std::string>& command, const Options& options);

  ~Process();
  Process(const Process&) = delete;
  Process& operator=(const Process&) = delete;

  pid_t pid() const { return pid_; }
  bool Running();
  void Signal(int signal) const;
  // Freeze sends SIGSTOP and waits until no thread of it runs any more, or it has ended. SIGCONT goes on.
  void Freeze() const;
  // Wait returns the exit status (128 + signal if killed), or nothing if the process still runs after `limit`.
  std::optional<int> Wait(std::chrono::milliseconds limit = std::chrono::seconds(20));
  // Kill sends SIGKILL and waits.
  void Kill();
  // Output is what it printed so far.
  std::string Output() const;

 private:
  Process(pid_t pid, std::string output) : pid_(pid), output_(std::move(output)) {}

  pid_t pid_;
  std::string output_;
  std::optional<int> status_;
};

// Run starts `command`, waits for its end and returns its exit status, with what it printed in `output` unless null.
int Run(const std::vector<std::string>& command, std::string* output = nullptr, Process::Options options = {});

}  // namespace ddskey::test

#endif  // TEST_SUPPORT_PROCESS_H_
