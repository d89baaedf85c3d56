#include "daemon/rpc/listening_socket.h"

#include <fcntl.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <utility>

#include "absl/strings/str_cat.h"
#include "proto/contract/status_macros.h"

namespace ddskey {
namespace {

constexpr int kBacklog = 4096;
// Added to the path while the socket is made.
constexpr std::string_view kTemporarySuffix = ".new";

absl::Status SystemError(const std::string& path, const char* what) {
  return absl::FailedPreconditionError(absl::StrCat(what, " ", path, ": ", std::strerror(errno)));
}

absl::StatusOr<sockaddr_un> Address(const std::string& path) {
  sockaddr_un address = {};
  address.sun_family = AF_UNIX;
  if (path.empty() || path.size() >= sizeof(address.sun_path) || path.find('\0') != std::string::npos) {
    return absl::InvalidArgumentError(absl::StrCat("the path of a socket has at most ",
                                                   sizeof(address.sun_path) - 1 - kTemporarySuffix.size(),
                                                   " characters: ", path));
  }
  std::memcpy(address.sun_path, path.data(), path.size());
  return address;
}

// CheckReplaceable returns OK if there is nothing at `path`, or a socket that nobody listens on.
absl::Status CheckReplaceable(const std::string& path) {
  struct stat there = {};
  if (lstat(path.c_str(), &there) != 0) {
    return errno == ENOENT ? absl::OkStatus() : SystemError(path, "looking at");
  }
  if (!S_ISSOCK(there.st_mode)) {
    return absl::FailedPreconditionError(absl::StrCat(path, " exists and is not a socket"));
  }
  ASSIGN_OR_RETURN(const sockaddr_un address, Address(path));
  const UniqueFd probe(socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0));
  if (!probe.valid()) return SystemError(path, "making a socket for");
  if (connect(probe.get(), reinterpret_cast<const sockaddr*>(&address), sizeof(address)) == 0 || errno == EAGAIN) {
    return absl::FailedPreconditionError(absl::StrCat("another process already listens on ", path));
  }
  return errno == ECONNREFUSED || errno == ENOENT ? absl::OkStatus() : SystemError(path, "connecting to");
}

}  // namespace

absl::StatusOr<ListeningSocket> ListeningSocket::Bind(const std::string& path, mode_t mode) {
  const std::string temporary = absl::StrCat(path, absl::string_view(kTemporarySuffix.data(), kTemporarySuffix.size()));
  ASSIGN_OR_RETURN(const sockaddr_un address, Address(temporary));
  RETURN_IF_ERROR(CheckReplaceable(path));
  RETURN_IF_ERROR(CheckReplaceable(temporary));

  UniqueFd listening(socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0));
  if (!listening.valid()) return SystemError(path, "making a socket for");
  if (unlink(temporary.c_str()) != 0 && errno != ENOENT) return SystemError(temporary, "removing");
  if (bind(listening.get(), reinterpret_cast<const sockaddr*>(&address), sizeof(address)) != 0) {
    return SystemError(path, "binding");
  }
  // From here on the destructor of `made` removes the temporary name when something fails.
  struct stat there = {};
  ListeningSocket made(std::move(listening), temporary, 0);
  if (lstat(temporary.c_str(), &there) != 0) return SystemError(path, "looking at");
  made.inode_ = there.st_ino;
  if (chmod(temporary.c_str(), mode) != 0) return SystemError(path, "setting the mode of");
  if (listen(made.fd(), kBacklog) != 0) return SystemError(path, "listening on");
  if (rename(temporary.c_str(), path.c_str()) != 0) return SystemError(path, "putting in place");
  made.path_ = path;
  return made;
}

absl::StatusOr<ListeningSocket> ListeningSocket::Adopt(UniqueFd socket) {
  int domain = 0;
  int type = 0;
  int listening = 0;
  for (const auto& [option, value] : {std::pair(SO_DOMAIN, &domain), {SO_TYPE, &type}, {SO_ACCEPTCONN, &listening}}) {
    socklen_t length = sizeof(*value);
    if (getsockopt(socket.get(), SOL_SOCKET, option, value, &length) != 0) {
      return absl::InvalidArgumentError("the service manager passed a descriptor that is no socket");
    }
  }
  if (domain != AF_UNIX || type != SOCK_STREAM || listening == 0) {
    return absl::InvalidArgumentError("the service manager passed a socket that is no listening unix stream socket");
  }
  const int flags = fcntl(socket.get(), F_GETFL);
  if (flags < 0 || fcntl(socket.get(), F_SETFL, flags | O_NONBLOCK) != 0 ||
      fcntl(socket.get(), F_SETFD, FD_CLOEXEC) != 0) {
    return absl::InternalError(absl::StrCat("preparing the passed socket: ", std::strerror(errno)));
  }
  return ListeningSocket(std::move(socket), "", 0);
}

ListeningSocket::~ListeningSocket() {
  if (!socket_.valid() || path_.empty()) return;
  // A successor may have put its own socket there.
  struct stat there = {};
  if (lstat(path_.c_str(), &there) == 0 && there.st_ino == inode_) unlink(path_.c_str());
}

}  // namespace ddskey
