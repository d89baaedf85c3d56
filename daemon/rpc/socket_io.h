#ifndef DAEMON_RPC_SOCKET_IO_H_
#define DAEMON_RPC_SOCKET_IO_H_

#include <sys/socket.h>

#include <cerrno>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>

namespace ddskey {

// SendSome writes what a socket that does not block takes now; nothing if the other end is closed.
inline std::optional<size_t> SendSome(int socket, const void* data, size_t size) {
  if (size == 0) return 0;
  for (;;) {
    const ssize_t sent = send(socket, data, size, MSG_NOSIGNAL | MSG_DONTWAIT);
    if (sent >= 0) return static_cast<size_t>(sent);
    if (errno == EAGAIN) return 0;
    if (errno != EINTR) return std::nullopt;
  }
}

enum class Received { kOctets, kNothing, kEnd };

// ReceiveSome reads what is there into `buffer`, which then is as long as that.
inline Received ReceiveSome(int socket, std::span<uint8_t>& buffer) {
  const ssize_t size = recv(socket, buffer.data(), buffer.size(), MSG_DONTWAIT);
  if (size > 0) {
    buffer = buffer.first(static_cast<size_t>(size));
    return Received::kOctets;
  }
  return size < 0 && (errno == EAGAIN || errno == EINTR) ? Received::kNothing : Received::kEnd;
}

}  // namespace ddskey

#endif  // DAEMON_RPC_SOCKET_IO_H_
