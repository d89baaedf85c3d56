#include "daemon/service/hardening.h"

#include <fcntl.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <csignal>
#include <cstring>

#include "absl/strings/str_cat.h"
#include "proto/contract/status_macros.h"

namespace ddskey {
namespace {

absl::Status SystemError(const char* what) {
  return absl::InternalError(absl::StrCat(what, ": ", std::strerror(errno)));
}

// Descriptors 0 to 2 must not be handed out for something that a stray print would then write into.
absl::Status SettleStandardStreams() {
  const int null = open("/dev/null", O_RDWR | O_CLOEXEC);
  if (null < 0) return SystemError("opening /dev/null");
  int spare = null;
  while (spare >= 0 && spare <= STDERR_FILENO) spare = dup(spare);
  if (spare < 0 || dup2(spare, STDIN_FILENO) < 0) return SystemError("closing stdin");
  for (const int stream : {STDOUT_FILENO, STDERR_FILENO}) {
    // Close-on-exec is set on what this function opened, so those descriptors were closed before.
    const int flags = fcntl(stream, F_GETFD);
    if ((flags < 0 || (flags & FD_CLOEXEC) != 0) && dup2(spare, stream) < 0) return SystemError("opening stderr");
  }
  close(spare);
  return absl::OkStatus();
}

absl::Status RaiseToHardLimit(int resource, const char* what) {
  rlimit limit = {};
  if (getrlimit(resource, &limit) != 0) return SystemError(what);
  limit.rlim_cur = limit.rlim_max;
  return setrlimit(resource, &limit) == 0 ? absl::OkStatus() : SystemError(what);
}

}  // namespace

absl::Status HardenProcess() {
  const rlimit no_core = {.rlim_cur = 0, .rlim_max = 0};
  if (setrlimit(RLIMIT_CORE, &no_core) != 0) return SystemError("forbidding core dumps");
  if (prctl(PR_SET_DUMPABLE, 0, 0, 0, 0) != 0) return SystemError("making the process not dumpable");
  if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) != 0) return SystemError("forbidding new privileges");
  umask(077);
  if (std::signal(SIGPIPE, SIG_IGN) == SIG_ERR) return SystemError("ignoring SIGPIPE");
  RETURN_IF_ERROR(SettleStandardStreams());
  RETURN_IF_ERROR(RaiseToHardLimit(RLIMIT_MEMLOCK, "raising the limit of locked memory"));
  return RaiseToHardLimit(RLIMIT_NOFILE, "raising the limit of open files");
}

}  // namespace ddskey
