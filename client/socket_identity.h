#ifndef CLIENT_SOCKET_IDENTITY_H_
#define CLIENT_SOCKET_IDENTITY_H_

#include <sys/types.h>

#include <optional>

namespace ddskey {

// SocketIdentity tells a socket from every other that its descriptor may come to stand for in a process whose owner
// closes descriptors that are not his.
struct SocketIdentity {
  dev_t device = 0;
  ino_t inode = 0;
  friend bool operator==(const SocketIdentity&, const SocketIdentity&) = default;
};

// IdentityOf is nothing if `descriptor` is no open socket.
std::optional<SocketIdentity> IdentityOf(int descriptor);

// AboveStandardDescriptors returns `descriptor`, or in its place a copy that is none of 0 to 2, which their owner may
// have closed; negative if there is none.
int AboveStandardDescriptors(int descriptor);

}  // namespace ddskey

#endif  // CLIENT_SOCKET_IDENTITY_H_
