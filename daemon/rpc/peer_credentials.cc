#include "daemon/rpc/peer_credentials.h"

#include <fcntl.h>
#include <poll.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <charconv>
#include <cstring>
#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include "daemon/rpc/unique_fd.h"
#include "proto/contract/status_macros.h"

namespace ddskey {
namespace {

// Linux 6.5; Debian 12's headers do not have it yet.
constexpr int kSoPeerPidfd = 77;

constexpr size_t kMaxGroups = 1024;

absl::Status SystemError(std::string_view what) {
  return absl::InternalError(absl::StrCat(absl::string_view(what.data(), what.size()), ": ", std::strerror(errno)));
}

absl::Status PeerHasExited() { return absl::PermissionDeniedError("the calling process has exited"); }

absl::StatusOr<UniqueFd> OpenProcess(int socket, pid_t pid, ProcessLookup lookup) {
  if (lookup == ProcessLookup::kBest) {
    int pidfd = -1;
    socklen_t length = sizeof(pidfd);
    if (getsockopt(socket, SOL_SOCKET, kSoPeerPidfd, &pidfd, &length) == 0) return UniqueFd(pidfd);
    if (errno == ESRCH || errno == EINVAL || errno == ENODATA) return PeerHasExited();
    if (errno != ENOPROTOOPT) return SystemError("asking for the descriptor of the calling process");
  }
  UniqueFd opened(static_cast<int>(syscall(SYS_pidfd_open, pid, 0)));
  if (opened.valid()) return opened;
  if (errno == ESRCH) return PeerHasExited();
  return SystemError("opening the calling process");
}

absl::Status CheckAlive(const UniqueFd& process) {
  pollfd entry = {.fd = process.get(), .events = POLLIN, .revents = 0};
  const int ready = poll(&entry, 1, 0);
  if (ready < 0) return SystemError("asking whether the calling process lives");
  return ready == 0 ? absl::OkStatus() : PeerHasExited();
}

absl::StatusOr<std::string> ReadProc(pid_t pid, const char* name) {
  const std::string path = absl::StrCat("/proc/", pid, "/", name);
  const UniqueFd file(open(path.c_str(), O_RDONLY | O_CLOEXEC));
  if (!file.valid()) {
    if (errno == ENOENT) return PeerHasExited();
    return SystemError("looking at the calling process");
  }
  // What is needed stands before or just behind the groups, of which there are at most 1,024.
  std::array<char, 16384> buffer;
  const ssize_t size = read(file.get(), buffer.data(), buffer.size());
  if (size < 0) {
    if (errno == ESRCH) return PeerHasExited();
    return SystemError("reading about the calling process");
  }
  return std::string(buffer.data(), static_cast<size_t>(size));
}

absl::StatusOr<std::vector<gid_t>> SupplementaryGroups(int socket) {
  std::vector<gid_t> groups(32);
  socklen_t length = groups.size() * sizeof(gid_t);
  if (getsockopt(socket, SOL_SOCKET, SO_PEERGROUPS, groups.data(), &length) != 0) {
    if (errno != ERANGE) return SystemError("asking for the groups of the calling process");
    if (length > kMaxGroups * sizeof(gid_t)) {
      return absl::PermissionDeniedError(absl::StrCat("the calling process is in more than ", kMaxGroups, " groups"));
    }
    groups.resize(length / sizeof(gid_t));
    // The groups of a connected socket do not change any more.
    if (getsockopt(socket, SOL_SOCKET, SO_PEERGROUPS, groups.data(), &length) != 0) {
      return SystemError("asking for the groups of the calling process");
    }
  }
  groups.resize(length / sizeof(gid_t));
  groups.shrink_to_fit();
  return groups;
}

template <typename T>
std::optional<T> ParseNumber(std::string_view text) {
  T value = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (error != std::errc() || end == text.data()) return std::nullopt;
  return value;
}

// Fields splits at single spaces and tabs; `index` counts from 0.
std::optional<std::string_view> Field(std::string_view text, size_t index) {
  for (;;) {
    const size_t end = text.find_first_of(" \t\n");
    if (index == 0) return text.substr(0, end);
    if (end == std::string_view::npos) return std::nullopt;
    text.remove_prefix(end + 1);
    --index;
  }
}

}  // namespace

std::optional<uint64_t> ParseStartTime(std::string_view stat) {
  const size_t name_end = stat.rfind(") ");
  if (name_end == std::string_view::npos) return std::nullopt;
  // Field 3, the state, follows the name (proc(5)).
  const auto field = Field(stat.substr(name_end + 2), 22 - 3);
  if (!field.has_value()) return std::nullopt;
  return ParseNumber<uint64_t>(*field);
}

std::optional<size_t> ParseNamespaceDepth(std::string_view status) {
  constexpr std::string_view kName = "\nNSpid:\t";
  const size_t start = status.find(kName);
  if (start == std::string_view::npos) return std::nullopt;
  const std::string_view rest = status.substr(start + kName.size());
  const size_t end = rest.find('\n');
  if (end == std::string_view::npos) return std::nullopt;
  // Its pid in each namespace, from ours inwards.
  return std::count(rest.begin(), rest.begin() + static_cast<std::ptrdiff_t>(end), '\t');
}

std::optional<uid_t> ParseEffectiveUid(std::string_view status) {
  constexpr std::string_view kName = "\nUid:\t";
  const size_t start = status.find(kName);
  if (start == std::string_view::npos) return std::nullopt;
  const auto field = Field(status.substr(start + kName.size()), 1);
  if (!field.has_value()) return std::nullopt;
  return ParseNumber<uid_t>(*field);
}

bool IsSameProcess(pid_t pid, uint64_t start_time) {
  const absl::StatusOr<std::string> stat = ReadProc(pid, "stat");
  if (!stat.ok() || ParseStartTime(*stat) != start_time) return false;
  // One that ended and was not waited for yet is still listed (proc(5)).
  const size_t state = stat->rfind(") ") + 2;
  return stat->compare(state, 1, "Z") != 0 && stat->compare(state, 1, "X") != 0;
}

absl::StatusOr<Subject> AttestPeer(int socket, ProcessLookup lookup) {
  ucred credentials = {};
  socklen_t length = sizeof(credentials);
  if (getsockopt(socket, SOL_SOCKET, SO_PEERCRED, &credentials, &length) != 0) {
    return SystemError("asking for the credentials of the caller");
  }
  if (credentials.pid <= 0) {
    return absl::PermissionDeniedError("the calling process is in a pid namespace that cannot be seen from here");
  }
  ASSIGN_OR_RETURN(const UniqueFd process, OpenProcess(socket, credentials.pid, lookup));
  RETURN_IF_ERROR(CheckAlive(process));
  ASSIGN_OR_RETURN(const std::string status, ReadProc(credentials.pid, "status"));
  ASSIGN_OR_RETURN(const std::string stat, ReadProc(credentials.pid, "stat"));
  RETURN_IF_ERROR(CheckAlive(process));

  const auto uid = ParseEffectiveUid(status);
  const auto start_time = ParseStartTime(stat);
  if (!uid.has_value() || !start_time.has_value()) {
    return absl::InternalError("/proc does not have the expected form");
  }
  if (*uid != credentials.uid) {
    return absl::PermissionDeniedError("the calling process has changed its user since it connected");
  }
  // Root of a container is nobody's administrator here. It cannot hide: without the line it is refused, too.
  if (*uid == 0 && ParseNamespaceDepth(status) != 0) {
    return absl::PermissionDeniedError("the calling process is root of another pid namespace, as in a container");
  }
  ASSIGN_OR_RETURN(std::vector<gid_t> groups, SupplementaryGroups(socket));
  return Subject{.uid = credentials.uid,
                 .gid = credentials.gid,
                 .groups = std::move(groups),
                 .pid = credentials.pid,
                 .start_time = *start_time};
}

}  // namespace ddskey
