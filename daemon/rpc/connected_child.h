#ifndef DAEMON_RPC_CONNECTED_CHILD_H_
#define DAEMON_RPC_CONNECTED_CHILD_H_

#include <sys/types.h>

#include <optional>
#include <string>
#include <vector>

#include "daemon/rpc/unique_fd.h"

namespace ddskey::test {

// ConnectedChild is a child process that connects to a unix socket and hands the connection to the test, which then
// speaks with the identity of the child. It lives until its destruction or Kill.
class ConnectedChild {
 public:
  struct Options {
    // User and group to connect as, with these supplementary groups; needs root.
    std::optional<uid_t> user;
    std::vector<gid_t> groups;
    // User to become after connecting.
    std::optional<uid_t> user_afterwards;
    // Connect from a pid namespace of its own, in a child of the child; needs root.
    bool in_pid_namespace = false;
  };

  ConnectedChild(const std::string& path, const Options& options);
  ~ConnectedChild() { Kill(); }
  ConnectedChild(const ConnectedChild&) = delete;
  ConnectedChild& operator=(const ConnectedChild&) = delete;

  pid_t pid() const { return pid_; }
  // TakeSocket gives the connection away; -1 if the child could not connect.
  int TakeSocket() { return socket_.Release(); }
  // Kill ends the child and waits for it.
  void Kill();

 private:
  pid_t pid_ = -1;
  UniqueFd socket_;
};

}  // namespace ddskey::test

#endif  // DAEMON_RPC_CONNECTED_CHILD_H_
