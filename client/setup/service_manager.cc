#include "client/setup/service_manager.h"

#include <fcntl.h>
#include <signal.h>
#include <spawn.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <cstddef>
#include <cstring>
#include <fstream>
#include <map>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "client/ca/descriptor.h"
#include "proto/contract/status_macros.h"

namespace ddskey::setup {
namespace {

using ca::Descriptor;

constexpr char kSystemctl[] = "/usr/bin/systemctl";
constexpr char kService[] = "ddskeyd.service";

std::string ReadAll(int fd) {
  std::string text;
  std::array<char, 4096> buffer;
  while (true) {
    const ssize_t got = read(fd, buffer.data(), buffer.size());
    if (got < 0 && errno == EINTR) continue;
    if (got <= 0) return text;
    text.append(buffer.data(), static_cast<size_t>(got));
  }
}

// Systemctl runs systemctl and returns what it prints. FAILED_PRECONDITION, with its words, if it fails.
absl::StatusOr<std::string> Systemctl(std::vector<std::string> arguments) {
  arguments.insert(arguments.begin(), kSystemctl);
  std::vector<char*> words;
  for (std::string& argument : arguments) words.push_back(argument.data());
  words.push_back(nullptr);
  std::array<int, 2> ends;
  if (pipe2(ends.data(), O_CLOEXEC) != 0) return absl::ResourceExhaustedError("cannot make a pipe");
  const Descriptor out(ends[0]);
  pid_t child = -1;
  int error = 0;
  {
    const Descriptor in(ends[1]);
    posix_spawn_file_actions_t actions;
    posix_spawn_file_actions_init(&actions);
    posix_spawn_file_actions_adddup2(&actions, in.get(), STDOUT_FILENO);
    posix_spawn_file_actions_adddup2(&actions, in.get(), STDERR_FILENO);
    // Words that are read here are in English whatever the locale is.
    std::string locale = "LC_ALL=C";
    std::array<char*, 2> environment = {locale.data(), nullptr};
    error = posix_spawn(&child, kSystemctl, &actions, nullptr, words.data(), environment.data());
    posix_spawn_file_actions_destroy(&actions);
  }
  if (error != 0) return absl::FailedPreconditionError(absl::StrCat("cannot run systemctl: ", std::strerror(error)));
  std::string text = ReadAll(out.get());
  int status = 0;
  while (waitpid(child, &status, 0) < 0 && errno == EINTR) {
  }
  if (WIFEXITED(status) && WEXITSTATUS(status) == 0) return text;
  return absl::FailedPreconditionError(absl::StrCat("systemctl ", arguments[1], " failed: ", text));
}

// ProcessBehind is the process that listens at `socket`, as a pidfd, if that is a ddskeyd; -1 if not.
int ProcessBehind(const std::string& path) {
  sockaddr_un address = {};
  address.sun_family = AF_UNIX;
  if (path.size() >= sizeof(address.sun_path)) return -1;
  path.copy(address.sun_path, path.size());
  const Descriptor connection(socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0));
  const auto* generic = reinterpret_cast<const sockaddr*>(&address);
  if (connection.get() < 0 || connect(connection.get(), generic, sizeof(address)) != 0) return -1;
  ucred peer = {};
  socklen_t size = sizeof(peer);
  if (getsockopt(connection.get(), SOL_SOCKET, SO_PEERCRED, &peer, &size) != 0 || peer.pid <= 1) return -1;
  const int process = static_cast<int>(syscall(SYS_pidfd_open, peer.pid, 0));
  if (process < 0) return -1;
  // After it was opened: now the number cannot become another process's unnoticed.
  std::ifstream comm(absl::StrCat("/proc/", peer.pid, "/comm"));
  std::string name;
  std::getline(comm, name);
  if (name == "ddskeyd") return process;
  close(process);
  return -1;
}

}  // namespace

bool Systemd::Runs() {
  struct stat about = {};
  // As sd_booted(3) finds it out.
  return lstat("/run/systemd/system", &about) == 0 && S_ISDIR(about.st_mode);
}

absl::Status Systemd::Restart() { return Systemctl({"restart", kService}).status(); }

absl::Status Systemd::Reload() { return Systemctl({"reload-or-restart", kService}).status(); }

absl::StatusOr<std::string> Systemd::UserOf(const std::string& unit) {
  ASSIGN_OR_RETURN(const std::string properties,
                   Systemctl({"show", "--property=LoadState,User,DynamicUser", "--", unit}));
  return UserIn(properties, unit);
}

absl::Status NoServiceManager::Restart() {
  return absl::FailedPreconditionError(
      "no service manager that setup knows has the daemon: start ddskeyd, or end it and start it again, then repeat "
      "this command, which goes on from here");
}

absl::Status NoServiceManager::Reload() {
  const Descriptor process(ProcessBehind(admin_socket_));
  if (process.get() >= 0 && syscall(SYS_pidfd_send_signal, process.get(), SIGHUP, nullptr, 0) == 0) {
    return absl::OkStatus();
  }
  return absl::FailedPreconditionError(
      "the daemon must read its policy: kill -HUP it, then repeat this command, which goes on from here");
}

absl::StatusOr<std::string> NoServiceManager::UserOf(const std::string& unit) {
  return absl::FailedPreconditionError(
      absl::StrCat("systemd, which knows the user of ", unit, ", does not run here: say --identity NAME=USER"));
}

absl::StatusOr<std::string> UserIn(std::string_view properties, const std::string& unit) {
  std::map<std::string, std::string> values;
  for (const absl::string_view line :
       absl::StrSplit(absl::string_view(properties.data(), properties.size()), '\n', absl::SkipEmpty())) {
    const std::pair<std::string, std::string> pair = absl::StrSplit(line, absl::MaxSplits('=', 1));
    values.insert(pair);
  }
  if (values["LoadState"] != "loaded") {
    return absl::NotFoundError(absl::StrCat("systemd has no unit ", unit, " (", values["LoadState"],
                                            "): write it first, then systemctl daemon-reload"));
  }
  if (values["DynamicUser"] == "yes") {
    return absl::FailedPreconditionError(
        absl::StrCat(unit, " has DynamicUser=yes, another user at each start: give it a user of its own with User="));
  }
  if (values["User"].empty()) {
    return absl::FailedPreconditionError(
        absl::StrCat(unit, " has no User=, so it runs as root: give it a user of its own (systemctl edit ", unit,
                     "), or say --identity NAME=root if you mean it"));
  }
  return values["User"];
}

}  // namespace ddskey::setup
