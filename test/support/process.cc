#include "test/support/process.h"

#include <fcntl.h>
#include <grp.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cerrno>
#include <cstdio>
#include <cstdlib>
#include <thread>

#include "test/support/temp_dir.h"

extern char** environ;

namespace ddskey::test {

bool WaitFor(const std::function<bool()>& condition, std::chrono::milliseconds limit) {
  const auto end = std::chrono::steady_clock::now() + limit;
  while (!condition()) {
    if (std::chrono::steady_clock::now() >= end) return condition();
    std::this_thread::sleep_for(std::chrono::milliseconds(5));
  }
  return true;
}

std::unique_ptr<Process> Process::Start(const std::vector<std::string>& command, const Options& options) {
  // Everything that allocates happens before the fork: the test may have threads.
  std::vector<std::string> environment;
  for (char** entry = environ; *entry != nullptr; ++entry) {
    const std::string text = *entry;
    if (!options.environment.contains(text.substr(0, text.find('=')))) environment.push_back(text);
  }
  for (const auto& [name, value] : options.environment) environment.push_back(name + "=" + value);
  std::vector<char*> arguments;
  arguments.reserve(command.size() + 1);
  for (const std::string& word : command) arguments.push_back(const_cast<char*>(word.c_str()));
  arguments.push_back(nullptr);
  std::vector<char*> variables;
  variables.reserve(environment.size() + 1);
  for (std::string& variable : environment) variables.push_back(variable.data());
  variables.push_back(nullptr);
  const std::string output = options.output.empty() ? "/dev/null" : options.output;
  const int out = open(output.c_str(), O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0644);

  const pid_t parent = getpid();
  const pid_t pid = fork();
  if (pid < 0) {
    std::perror("fork");
    std::abort();
  }
  if (pid == 0) {
    prctl(PR_SET_PDEATHSIG, SIGKILL);
    if (getppid() != parent) _exit(126);
    const int in = open("/dev/null", O_RDONLY);
    dup2(in, 0);
    dup2(out, 1);
    dup2(out, 2);
    if (options.user.has_value()) {
      const uid_t user = *options.user;
      if (setgroups(0, nullptr) != 0 || setresgid(user, user, user) != 0 || setresuid(user, user, user) != 0) {
        _exit(126);
      }
      prctl(PR_SET_PDEATHSIG, SIGKILL);  // Cleared by the change of user.
    }
    // What libraries opened without O_CLOEXEC on another thread: a peer would wait for ever for its end.
    close_range(3, ~0U, CLOSE_RANGE_CLOEXEC);
    execvpe(arguments[0], arguments.data(), variables.data());
    _exit(127);
  }
  close(out);
  return std::unique_ptr<Process>(new Process(pid, options.output));
}

Process::~Process() { Kill(); }

bool Process::Running() { return !Wait(std::chrono::milliseconds(0)).has_value(); }

void Process::Signal(int signal) const {
  if (!status_.has_value()) kill(pid_, signal);
}

void Process::Freeze() const {
  Signal(SIGSTOP);
  if (status_.has_value()) return;
  siginfo_t change = {};
  while (waitid(P_PID, static_cast<id_t>(pid_), &change, WSTOPPED | WEXITED | WNOWAIT) != 0 && errno == EINTR) {
  }
  // Its end is left for Wait; that it stopped would otherwise be told again the next time.
  if (change.si_code == CLD_STOPPED) waitid(P_PID, static_cast<id_t>(pid_), &change, WSTOPPED);
}

std::optional<int> Process::Wait(std::chrono::milliseconds limit) {
  WaitFor(
      [this] {
        if (status_.has_value()) return true;
        int status = 0;
        const pid_t done = waitpid(pid_, &status, WNOHANG);
        if (done == pid_) status_ = WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
        if (done < 0 && errno == ECHILD) status_ = -1;
        return status_.has_value();
      },
      limit);
  return status_;
}

void Process::Kill() {
  if (status_.has_value()) return;
  kill(pid_, SIGKILL);
  Wait();
}

std::string Process::Output() const { return ReadFile(output_); }

int Run(const std::vector<std::string>& command, std::string* output, Process::Options options) {
  const TempDir dir;
  if (options.output.empty()) options.output = dir.File("output");
  const auto process = Process::Start(command, options);
  const auto status = process->Wait(std::chrono::minutes(2));
  if (output != nullptr) *output = process->Output();
  return status.value_or(-1);
}

}  // namespace ddskey::test
