#include "daemon/rpc/connected_child.h"

#include <grp.h>
#include <sched.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <csignal>
#include <cstring>

namespace ddskey::test {
namespace {

// Only system calls from here on: the test has threads.
[[noreturn]] void RunChild(const sockaddr_un& address, const ConnectedChild::Options& options, int channel) {
  if (options.user.has_value()) {
    const uid_t user = *options.user;
    if (setgroups(options.groups.size(), options.groups.data()) != 0 || setresgid(user, user, user) != 0 ||
        // The saved user stays root if there is another change to come.
        setresuid(user, user, options.user_afterwards.has_value() ? 0 : user) != 0) {
      _exit(1);
    }
  }
  prctl(PR_SET_PDEATHSIG, SIGKILL);
  if (options.in_pid_namespace) {
    if (unshare(CLONE_NEWPID) != 0) _exit(5);
    if (fork() != 0) {
      for (;;) pause();
    }
    prctl(PR_SET_PDEATHSIG, SIGKILL);
  }
  const int connection = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
  if (connect(connection, reinterpret_cast<const sockaddr*>(&address), sizeof(address)) != 0) _exit(2);
  if (options.user_afterwards.has_value()) {
    const uid_t user = *options.user_afterwards;
    if (seteuid(0) != 0 || setresuid(user, user, user) != 0) _exit(3);
  }
  char octet = 'x';
  iovec part = {.iov_base = &octet, .iov_len = 1};
  alignas(cmsghdr) std::array<char, CMSG_SPACE(sizeof(int))> control = {};
  msghdr message = {};
  message.msg_iov = &part;
  message.msg_iovlen = 1;
  message.msg_control = control.data();
  message.msg_controllen = control.size();
  cmsghdr* header = CMSG_FIRSTHDR(&message);
  header->cmsg_level = SOL_SOCKET;
  header->cmsg_type = SCM_RIGHTS;
  header->cmsg_len = CMSG_LEN(sizeof(int));
  std::memcpy(CMSG_DATA(header), &connection, sizeof(int));
  if (sendmsg(channel, &message, MSG_NOSIGNAL) != 1) _exit(4);
  close(connection);
  for (;;) pause();
}

int ReceiveSocket(int channel) {
  char octet = 0;
  iovec part = {.iov_base = &octet, .iov_len = 1};
  alignas(cmsghdr) std::array<char, CMSG_SPACE(sizeof(int))> control = {};
  msghdr message = {};
  message.msg_iov = &part;
  message.msg_iovlen = 1;
  message.msg_control = control.data();
  message.msg_controllen = control.size();
  if (recvmsg(channel, &message, MSG_CMSG_CLOEXEC) != 1) return -1;
  int received = -1;
  if (const cmsghdr* header = CMSG_FIRSTHDR(&message); header != nullptr) {
    std::memcpy(&received, CMSG_DATA(header), sizeof(int));
  }
  return received;
}

}  // namespace

ConnectedChild::ConnectedChild(const std::string& path, const Options& options) {
  sockaddr_un address = {};
  address.sun_family = AF_UNIX;
  path.copy(address.sun_path, sizeof(address.sun_path) - 1);
  std::array<int, 2> channel = {-1, -1};
  if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, channel.data()) != 0) return;
  pid_ = fork();
  if (pid_ == 0) RunChild(address, options, channel[1]);
  close(channel[1]);
  socket_.Reset(ReceiveSocket(channel[0]));
  close(channel[0]);
}

void ConnectedChild::Kill() {
  if (pid_ <= 0) return;
  kill(pid_, SIGKILL);
  waitpid(pid_, nullptr, 0);
  pid_ = -1;
}

}  // namespace ddskey::test
