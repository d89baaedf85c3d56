#ifndef DAEMON_RPC_LISTENING_SOCKET_H_
#define DAEMON_RPC_LISTENING_SOCKET_H_

#include <sys/stat.h>

#include <string>

#include "absl/status/statusor.h"
#include "daemon/rpc/unique_fd.h"

namespace ddskey {

// ListeningSocket is a unix stream socket that listens. One that Bind made removes its path at the end.
class ListeningSocket {
 public:
  // Bind listens at `path` with the permission bits `mode`. What a daemon left behind there is replaced in one step,
  // so clients find the old socket or the new one. FAILED_PRECONDITION if another process listens there or `path` is
  // no socket; INVALID_ARGUMENT if `path` is too long.
  static absl::StatusOr<ListeningSocket> Bind(const std::string& path, mode_t mode);

  // Adopt takes a socket that the service manager made. INVALID_ARGUMENT if it is no listening unix stream socket.
  static absl::StatusOr<ListeningSocket> Adopt(UniqueFd socket);

  ListeningSocket(ListeningSocket&& other) noexcept = default;
  ListeningSocket& operator=(ListeningSocket&& other) = delete;
  ~ListeningSocket();

  int fd() const { return socket_.get(); }

 private:
  ListeningSocket(UniqueFd socket, std::string path, ino_t inode)
      : socket_(std::move(socket)), path_(std::move(path)), inode_(inode) {}

  UniqueFd socket_;
  std::string path_;
  ino_t inode_ = 0;
};

}  // namespace ddskey

#endif  // DAEMON_RPC_LISTENING_SOCKET_H_
