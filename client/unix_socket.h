#ifndef CLIENT_UNIX_SOCKET_H_
#define CLIENT_UNIX_SOCKET_H_

#include <sys/types.h>

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <utility>

#include "client/call_status.h"
#include "client/socket_identity.h"
#include "client/waker.h"

namespace ddskey {

using CallClock = std::chrono::steady_clock;

// MillisecondsUntil is the time until `deadline` for poll(2), rounded up: -1 if there is no deadline, 0 if it has
// passed, an hour at most.
int MillisecondsUntil(CallClock::time_point deadline);

// UnixSocket is a connected stream socket inside a process that belongs to somebody else, who may close descriptors
// that are not his, reuse their numbers, change his user, or fork. It never touches a descriptor that is no longer its
// own, never takes the numbers 0 to 2, and never raises SIGPIPE. Thread-compatible.
class UnixSocket {
 public:
  // Connect connects to the socket at `path`. UNAVAILABLE: nobody listens there; DEADLINE_EXCEEDED: its backlog stayed
  // full; INVALID_ARGUMENT: the path is longer than a socket's can be.
  static CallResult<std::optional<UnixSocket>> Connect(const std::string& path, CallClock::time_point deadline);

  UnixSocket(UnixSocket&& other) noexcept;
  UnixSocket& operator=(UnixSocket&&) = delete;
  // Ends the connection, unless this process is a fork of the one that made it: then only its copy is closed.
  ~UnixSocket() { Close(); }

  // Close does what the destructor does; afterwards nothing is ours.
  void Close();

  // IsOurs tells whether the descriptor is still the one that was opened, by the same process and user.
  bool IsOurs() const;

  // PeerUid is the effective user that called listen() on the other side; nothing if the kernel does not say.
  std::optional<uid_t> PeerUid() const;

  // Send and Receive never block: the number of octets moved, -EAGAIN if that would be none, another negative errno, or
  // (Receive) 0 at the end of the stream.
  ssize_t Send(const void* data, size_t size);
  ssize_t Receive(void* data, size_t size);

  // Wait blocks until there is something to read, `deadline` has passed, `waker` (unless null) is woken, or (if
  // `to_write`) there is room to write. False if the descriptor is broken.
  bool Wait(bool to_write, CallClock::time_point deadline, const Waker* waker, bool* readable);

 private:
  explicit UnixSocket(int descriptor);

  int descriptor_;
  std::optional<SocketIdentity> identity_;
  uint64_t generation_;
  uid_t euid_;
  gid_t egid_;
};

}  // namespace ddskey

#endif  // CLIENT_UNIX_SOCKET_H_
