#include "daemon/backend/pkcs11/helper_process.h"

#include <fcntl.h>
#include <poll.h>
#include <pwd.h>
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
#include <cstring>
#include <filesystem>
#include <fstream>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "proto/contract/status_macros.h"

namespace ddskey::pkcs11 {
namespace {

constexpr int kPatienceMs = 1000;
constexpr int kLastWordsMs = 20;
constexpr char kSharedUser[] =
    "the PKCS#11 module runs as ddskeyd's own user: let systemd start ddskeyd-pkcs11 behind a socket, as a user of its "
    "own (docs/keys.md)";
constexpr char kNoOtherUser[] =
    "this daemon may not give the process of a PKCS#11 module a user of its own, so it starts none: let systemd start "
    "ddskeyd-pkcs11, and name its socket with helper_socket (docs/keys.md); or allow ddskeyd's own user with "
    "same_user: true, which gives the module whatever that user can reach";

absl::Status SystemError(const char* doing, int error) {
  return absl::InternalError(absl::StrCat(doing, ": ", std::strerror(error)));
}

// Whether this process is root and there are other users that it could become: in a container there may be none.
bool CanChangeUser() {
  if (geteuid() != 0) return false;
  std::ifstream map("/proc/self/uid_map");
  uint64_t inside = 0;
  uint64_t outside = 0;
  uint64_t count = 0;
  uint64_t users = 0;
  while (map >> inside >> outside >> count) users += count;
  return users != 1;
}

absl::Status CheckUser(const std::string& user) {
  passwd entry = {};
  std::array<char, 4096> text = {};
  passwd* found = nullptr;
  getpwnam_r(user.c_str(), &entry, text.data(), text.size(), &found);
  if (found == nullptr) {
    return absl::FailedPreconditionError(
        absl::StrCat("there is no user ", user, " for the process of the PKCS#11 module: make it, with: useradd ",
                     "--system --user-group --no-create-home --shell /usr/sbin/nologin ", user));
  }
  if (entry.pw_uid == 0) {
    return absl::FailedPreconditionError("a PKCS#11 module must not run as root: give its process a user of its own");
  }
  return absl::OkStatus();
}

// What posix_spawn is told: the connection on descriptor 3, nothing to read, what it prints to where we print, and
// nothing else of ours.
class SpawnPlan {
 public:
  explicit SpawnPlan(int connection) {
    posix_spawn_file_actions_init(&actions_);
    posix_spawn_file_actions_adddup2(&actions_, connection, kHelperDescriptor);
    posix_spawn_file_actions_addopen(&actions_, STDIN_FILENO, "/dev/null", O_RDONLY, 0);
    posix_spawn_file_actions_adddup2(&actions_, STDERR_FILENO, STDOUT_FILENO);
    posix_spawn_file_actions_addclosefrom_np(&actions_, kHelperDescriptor + 1);
    posix_spawnattr_init(&attributes_);
    sigset_t signals;
    sigemptyset(&signals);
    posix_spawnattr_setsigmask(&attributes_, &signals);
    sigfillset(&signals);
    posix_spawnattr_setsigdefault(&attributes_, &signals);
    posix_spawnattr_setflags(&attributes_, POSIX_SPAWN_SETSIGMASK | POSIX_SPAWN_SETSIGDEF | POSIX_SPAWN_SETSID);
  }
  ~SpawnPlan() {
    posix_spawn_file_actions_destroy(&actions_);
    posix_spawnattr_destroy(&attributes_);
  }
  SpawnPlan(const SpawnPlan&) = delete;
  SpawnPlan& operator=(const SpawnPlan&) = delete;

  int Spawn(const std::vector<std::string>& command, const std::vector<std::string>& environment, pid_t* pid) const {
    return posix_spawn(pid, command.front().c_str(), &actions_, &attributes_, Pointers(command).data(),
                       Pointers(environment).data());
  }

 private:
  static std::vector<char*> Pointers(const std::vector<std::string>& words) {
    std::vector<char*> pointers;
    pointers.reserve(words.size() + 1);
    for (const std::string& word : words) pointers.push_back(const_cast<char*>(word.c_str()));
    pointers.push_back(nullptr);
    return pointers;
  }

  posix_spawn_file_actions_t actions_;
  posix_spawnattr_t attributes_;
};

std::vector<std::string> CommandOf(const HelperOptions& options, const std::string& user) {
  std::vector<std::string> command = {options.helper, "--module", options.module, "--sessions",
                                      absl::StrCat(options.sessions)};
  if (!options.label.empty()) command.insert(command.end(), {"--label", options.label});
  if (!options.serial.empty()) command.insert(command.end(), {"--serial", options.serial});
  if (!user.empty()) command.insert(command.end(), {"--user", user});
  if (options.needs_network) command.emplace_back("--network");
  return command;
}

absl::Status CheckSocketFolder(const std::string& socket) {
  const std::string folder = std::filesystem::path(socket).parent_path();
  struct stat there = {};
  if (stat(folder.c_str(), &there) != 0) {
    return absl::UnavailableError(absl::StrCat("the folder of ", socket, ": ", std::strerror(errno)));
  }
  if ((there.st_uid != 0 && there.st_uid != geteuid()) || (there.st_mode & (S_IWGRP | S_IWOTH)) != 0) {
    return absl::FailedPreconditionError(
        absl::StrCat(folder, " must belong to root or to ddskeyd's user, and be writable by nobody else"));
  }
  return absl::OkStatus();
}

}  // namespace

absl::Status CheckHelperOptions(const HelperOptions& options) {
  if (options.module.empty() == options.socket.empty()) {
    return absl::InvalidArgumentError("a PKCS#11 backend has either a module or the socket of a helper");
  }
  if (!options.socket.empty() &&
      (options.socket.front() != '/' || options.socket.size() >= sizeof(sockaddr_un::sun_path))) {
    return absl::InvalidArgumentError("the socket of a PKCS#11 helper must be an absolute path of at most 107 octets");
  }
  if (!options.socket.empty() && (!options.label.empty() || !options.serial.empty() || !options.environment.empty() ||
                                  !options.user.empty() || options.same_user || options.needs_network)) {
    return absl::InvalidArgumentError("what a PKCS#11 helper behind a socket does is said in its unit, not here");
  }
  if (options.helper.empty() || options.helper.front() != '/') {
    return absl::InvalidArgumentError("the path of the PKCS#11 helper must be absolute");
  }
  if (options.sessions < 1 || options.sessions > kMaxSessions) {
    return absl::InvalidArgumentError(absl::StrCat("a PKCS#11 token has 1 to ", kMaxSessions, " sessions"));
  }
  if (options.call_deadline < std::chrono::milliseconds(100) || options.call_deadline > kLongestCall) {
    return absl::InvalidArgumentError("the deadline of a PKCS#11 module's calls is 100 ms to 10 min");
  }
  for (const std::string& variable : options.environment) {
    if (variable.find('=') == std::string::npos || variable.front() == '=') {
      return absl::InvalidArgumentError("the environment of a PKCS#11 module is NAME=value");
    }
  }
  return absl::OkStatus();
}

absl::StatusOr<std::unique_ptr<HelperProcess>> HelperProcess::Start(const HelperOptions& options) {
  return options.socket.empty() ? StartChild(options) : Connect(options);
}

absl::StatusOr<std::unique_ptr<HelperProcess>> HelperProcess::StartChild(const HelperOptions& options) {
  std::string user;
  std::string warning;
  if (CanChangeUser()) {
    user = options.user.empty() ? kDefaultHelperUser : options.user;
    RETURN_IF_ERROR(CheckUser(user));
  } else if (options.same_user) {
    warning = kSharedUser;
  } else {
    return absl::FailedPreconditionError(kNoOtherUser);
  }
  std::array<int, 2> ends = {-1, -1};
  if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends.data()) != 0) {
    return SystemError("making a pair of sockets", errno);
  }
  pid_t pid = 0;
  const int error = SpawnPlan(ends[1]).Spawn(CommandOf(options, user), options.environment, &pid);
  close(ends[1]);
  if (error != 0) {
    close(ends[0]);
    return absl::FailedPreconditionError(absl::StrCat("the helper for PKCS#11 modules, ", options.helper,
                                                      ", cannot be started: ", std::strerror(error)));
  }
  return std::unique_ptr<HelperProcess>(new HelperProcess(ends[0], pid, std::move(warning)));
}

absl::StatusOr<std::unique_ptr<HelperProcess>> HelperProcess::Connect(const HelperOptions& options) {
  RETURN_IF_ERROR(CheckSocketFolder(options.socket));
  const int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
  if (fd < 0) return SystemError("making a socket", errno);
  std::unique_ptr<HelperProcess> process(new HelperProcess(fd, 0, ""));
  sockaddr_un address = {};
  address.sun_family = AF_UNIX;
  options.socket.copy(address.sun_path, sizeof(address.sun_path) - 1);
  if (connect(fd, reinterpret_cast<const sockaddr*>(&address), sizeof(address)) != 0) {
    return absl::UnavailableError(
        absl::StrCat("connecting to the PKCS#11 helper at ", options.socket, ": ", std::strerror(errno)));
  }
  ucred peer = {};
  socklen_t size = sizeof(peer);
  // Who listens there: systemd, which is root, or whoever runs this daemon too.
  if (getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &peer, &size) != 0 || (peer.uid != 0 && peer.uid != geteuid())) {
    return absl::FailedPreconditionError(absl::StrCat("neither root nor ddskeyd's user listens at ", options.socket));
  }
  return process;
}

HelperProcess::~HelperProcess() { End(); }

std::string HelperProcess::End() {
  if (fd_ >= 0) close(std::exchange(fd_, -1));
  const pid_t pid = std::exchange(pid_, 0);
  if (pid == 0) return "";
  siginfo_t how = {};
  // One that crashed closed its connection an instant before it can be waited for.
  const int handle = static_cast<int>(syscall(SYS_pidfd_open, pid, 0));
  pollfd watched = {handle, POLLIN, 0};
  if (handle >= 0 && poll(&watched, 1, kLastWordsMs) == 1) {
    waitid(P_PID, static_cast<id_t>(pid), &how, WEXITED | WNOHANG);
  }
  if (how.si_pid == 0) {
    kill(pid, SIGKILL);
    // It is gone at once unless its driver hangs in the kernel: then it is left to the end of this process.
    if (handle >= 0) poll(&watched, 1, kPatienceMs);
    siginfo_t killed = {};
    waitid(P_PID, static_cast<id_t>(pid), &killed, WEXITED | WNOHANG);
  }
  if (handle >= 0) close(handle);
  if (how.si_pid == 0) return "";
  if (how.si_code == CLD_EXITED) return absl::StrCat("ended with status ", how.si_status);
  return absl::StrCat("was ended by signal ", how.si_status, " (", ::strsignal(how.si_status), ")");
}

}  // namespace ddskey::pkcs11
