#include "daemon/backend/pkcs11/helper/sandbox.h"

#include <fcntl.h>
#include <grp.h>
#include <linux/capability.h>
#include <pwd.h>
#include <sched.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <climits>
#include <csignal>
#include <cstring>

#include "absl/strings/str_cat.h"
#include "daemon/backend/pkcs11/helper_options.h"
#include "proto/contract/status_macros.h"

namespace ddskey::pkcs11 {
namespace {

// Far more than modules need, and not what a machine has. A module that maps its heap in large pieces needs some space.
constexpr rlim_t kMostMemory = rlim_t{4} << 30;
constexpr rlim_t kMostFile = rlim_t{256} << 20;
constexpr rlim_t kMostThreads = 1024;

// A sanitizer reserves terabytes of addresses.
#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
constexpr bool kIsSanitized = true;
#else
constexpr bool kIsSanitized = false;
#endif

absl::Status SystemError(const char* doing) {
  return absl::InternalError(absl::StrCat(doing, ": ", std::strerror(errno)));
}

absl::Status LimitTo(__rlimit_resource_t resource, rlim_t most, const char* doing) {
  rlimit limit = {};
  if (getrlimit(resource, &limit) != 0) return SystemError(doing);
  limit.rlim_max = std::min(limit.rlim_max, most);
  limit.rlim_cur = std::min(limit.rlim_cur, most);
  return setrlimit(resource, &limit) == 0 ? absl::OkStatus() : SystemError(doing);
}

absl::Status Become(const std::string& user) {
  const passwd* const entry = getpwnam(user.c_str());
  if (entry == nullptr) return absl::FailedPreconditionError(absl::StrCat("there is no user ", user));
  const uid_t uid = entry->pw_uid;
  const gid_t gid = entry->pw_gid;
  if (uid == 0) return absl::FailedPreconditionError("a PKCS#11 module must not run as root");
  // Counted over all processes of that user, while it is not root.
  RETURN_IF_ERROR(LimitTo(RLIMIT_NPROC, kMostThreads, "limiting threads"));
  // Groups of its own may let it at its device; none of ours stay.
  if (initgroups(user.c_str(), gid) != 0 || setresgid(gid, gid, gid) != 0 || setresuid(uid, uid, uid) != 0) {
    return SystemError("becoming the user of the PKCS#11 module");
  }
  if (setuid(0) == 0) return absl::InternalError("the way back to root stayed open");
  return absl::OkStatus();
}

absl::Status DropCapabilities() {
  __user_cap_header_struct header = {.version = _LINUX_CAPABILITY_VERSION_3, .pid = 0};
  std::array<__user_cap_data_struct, 2> held = {};
  if (syscall(SYS_capget, &header, held.data()) != 0) return SystemError("asking for capabilities");
  const bool has_some = std::any_of(held.begin(), held.end(), [](const __user_cap_data_struct& some) {
    return some.effective != 0 || some.permitted != 0 || some.inheritable != 0;
  });
  // The sandbox of the daemon's unit, in which this may run, has none and forbids to change them.
  if (!has_some) return absl::OkStatus();
  const std::array<__user_cap_data_struct, 2> none = {};
  if (prctl(PR_CAP_AMBIENT, PR_CAP_AMBIENT_CLEAR_ALL, 0, 0, 0) != 0 || syscall(SYS_capset, &header, none.data()) != 0) {
    return SystemError("giving up capabilities");
  }
  return absl::OkStatus();
}

// When memory is short, this process goes before any other. Where there is no /proc it has no choice.
void OfferToOomKiller() {
  const int file = open("/proc/self/oom_score_adj", O_WRONLY | O_CLOEXEC);
  if (file < 0) return;
  // Nothing depends on it but who is ended first.
  [[maybe_unused]] const ssize_t written = write(file, "1000", 4);
  close(file);
}

absl::Status Limit() {
  const rlimit no_core = {.rlim_cur = 0, .rlim_max = 0};
  if (setrlimit(RLIMIT_CORE, &no_core) != 0) return SystemError("forbidding core dumps");
  rlimit locked = {};
  if (getrlimit(RLIMIT_MEMLOCK, &locked) != 0) return SystemError("asking for the limit of locked memory");
  locked.rlim_cur = locked.rlim_max;
  if (setrlimit(RLIMIT_MEMLOCK, &locked) != 0) return SystemError("raising the limit of locked memory");
  RETURN_IF_ERROR(LimitTo(RLIMIT_FSIZE, kMostFile, "limiting files"));
  if (!kIsSanitized) RETURN_IF_ERROR(LimitTo(RLIMIT_AS, kMostMemory, "limiting memory"));
  OfferToOomKiller();
  umask(077);
  for (const int signal : {SIGPIPE, SIGXFSZ}) {
    if (std::signal(signal, SIG_IGN) == SIG_ERR) return SystemError("ignoring signals");
  }
  return absl::OkStatus();
}

}  // namespace

absl::Status CloseOthers() {
  if (close_range(kHelperDescriptor + 1, UINT_MAX, 0) != 0) return SystemError("closing descriptors");
  const int null = open("/dev/null", O_RDWR | O_CLOEXEC);
  if (null < 0) return SystemError("opening /dev/null");
  if (fcntl(STDERR_FILENO, F_GETFD) < 0 && dup2(null, STDERR_FILENO) < 0) return SystemError("opening stderr");
  if (dup2(null, STDIN_FILENO) < 0 || dup2(STDERR_FILENO, STDOUT_FILENO) < 0) return SystemError("closing stdin");
  // It is one of them if they were closed.
  if (null > STDERR_FILENO) close(null);
  return absl::OkStatus();
}

absl::Status EnterSandbox(const std::string& user, bool network) {
  RETURN_IF_ERROR(Limit());
  // Who may not make a name space is still held to unix sockets by the filter.
  if (!network && unshare(CLONE_NEWNET) != 0 && errno != EPERM) return SystemError("leaving the network");
  if (!user.empty()) RETURN_IF_ERROR(Become(user));
  RETURN_IF_ERROR(DropCapabilities());
  // Changes of the user set it back.
  if (prctl(PR_SET_DUMPABLE, 0, 0, 0, 0) != 0) return SystemError("making the process not dumpable");
  if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) != 0) return SystemError("forbidding new privileges");
  return FilterSystemCalls(network);
}

}  // namespace ddskey::pkcs11
