#include "daemon/backend/pkcs11/helper/connection.h"

#include <fcntl.h>
#include <poll.h>
#include <pwd.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <charconv>
#include <cstdio>
#include <cstring>
#include <vector>

#include "absl/strings/str_cat.h"
#include "daemon/backend/pkcs11/helper_options.h"
#include "proto/contract/status_macros.h"

namespace ddskey::pkcs11 {
namespace {

absl::StatusOr<std::vector<uid_t>> AllowedUsers(const std::string& peer_user) {
  std::vector<uid_t> users = {0, geteuid()};
  if (peer_user.empty()) return users;
  uid_t number = 0;
  const auto [end, error] = std::from_chars(peer_user.data(), peer_user.data() + peer_user.size(), number);
  if (error == std::errc() && end == peer_user.data() + peer_user.size()) {
    users.push_back(number);
  } else if (const passwd* const entry = getpwnam(peer_user.c_str()); entry != nullptr) {
    users.push_back(entry->pw_uid);
  } else {
    return absl::FailedPreconditionError(absl::StrCat("there is no user ", peer_user));
  }
  return users;
}

bool IsSocket(int fd, bool listens) {
  int type = 0;
  int accepts = 0;
  socklen_t size = sizeof(type);
  return getsockopt(fd, SOL_SOCKET, SO_TYPE, &type, &size) == 0 && type == SOCK_STREAM &&
         getsockopt(fd, SOL_SOCKET, SO_ACCEPTCONN, &accepts, &size) == 0 && (accepts != 0) == listens;
}

bool IsAllowed(int connection, const std::vector<uid_t>& users) {
  ucred peer = {};
  socklen_t size = sizeof(peer);
  if (getsockopt(connection, SOL_SOCKET, SO_PEERCRED, &peer, &size) != 0) return false;
  if (std::find(users.begin(), users.end(), peer.uid) != users.end()) return true;
  std::fprintf(stderr, "ddskeyd-pkcs11: uid %u is not ddskeyd's, and was turned away\n", peer.uid);
  return false;
}

}  // namespace

absl::StatusOr<int> FindConnection(const ServiceManager& manager, const std::string& peer_user) {
  if (!IsSocket(kHelperDescriptor, manager.has_socket())) {
    return absl::FailedPreconditionError(
        "there is no connection to serve: ddskeyd starts this program, or systemd (see --help)");
  }
  if (!manager.has_socket()) return kHelperDescriptor;
  ASSIGN_OR_RETURN(const std::vector<uid_t> users, AllowedUsers(peer_user));
  manager.SayReady();
  while (true) {
    pollfd waiting = {kHelperDescriptor, POLLIN, 0};
    if (poll(&waiting, 1, static_cast<int>(manager.period().count())) == 0) manager.SayAlive();
    if (waiting.revents == 0) continue;
    const int connection = accept4(kHelperDescriptor, nullptr, nullptr, SOCK_CLOEXEC);
    if (connection < 0 && errno != ECONNABORTED && errno != EAGAIN && errno != EINTR) {
      return absl::InternalError(absl::StrCat("accepting a connection: ", std::strerror(errno)));
    }
    if (connection >= 0 && IsAllowed(connection, users)) {
      close(kHelperDescriptor);
      return connection;
    }
    if (connection >= 0) close(connection);
  }
}

}  // namespace ddskey::pkcs11
