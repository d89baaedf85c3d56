#include "client/unix_socket.h"

#include <poll.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstring>

#include "client/fork_generation.h"

namespace ddskey {
namespace {

constexpr int kHourMs = 3'600'000;

// strerror is not safe beside other threads of the process.
std::string ErrorText(int error) {
  char text[128];
  return strerror_r(error, text, sizeof(text));
}

// On AF_UNIX a non-blocking connect says EAGAIN on a full backlog and cannot be polled for; a blocking one is bounded
// by SO_SNDTIMEO. Returns 0 or an errno.
int ConnectBefore(int descriptor, const sockaddr_un& address, CallClock::time_point deadline) {
  for (;;) {
    const int ms = MillisecondsUntil(deadline);
    if (ms == 0) return EAGAIN;
    if (ms > 0) {
      const timeval limit{ms / 1000, ms % 1000 * 1000};
      setsockopt(descriptor, SOL_SOCKET, SO_SNDTIMEO, &limit, sizeof(limit));
    }
    if (connect(descriptor, reinterpret_cast<const sockaddr*>(&address), sizeof(address)) == 0) return 0;
    if (errno != EINTR) return errno;
  }
}

}  // namespace

int MillisecondsUntil(CallClock::time_point deadline) {
  if (deadline == CallClock::time_point::max()) return -1;
  const auto left = std::chrono::ceil<std::chrono::milliseconds>(deadline - CallClock::now()).count();
  return static_cast<int>(std::clamp<int64_t>(left, 0, kHourMs));
}

CallResult<std::optional<UnixSocket>> UnixSocket::Connect(const std::string& path, CallClock::time_point deadline) {
  sockaddr_un address{};
  address.sun_family = AF_UNIX;
  if (path.empty() || path.size() >= sizeof(address.sun_path)) {
    return {{CallCode::kInvalidArgument, "the socket's path is empty or too long: " + path}, std::nullopt};
  }
  path.copy(address.sun_path, path.size());

  const int descriptor = AboveStandardDescriptors(socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0));
  if (descriptor < 0) return {{CallCode::kUnavailable, "cannot make a socket: " + ErrorText(errno)}, std::nullopt};
  UnixSocket result(descriptor);
  if (const int error = ConnectBefore(descriptor, address, deadline); error != 0) {
    const CallCode code = error == EAGAIN ? CallCode::kDeadlineExceeded : CallCode::kUnavailable;
    return {{code, "cannot connect to " + path + ": " + ErrorText(error)}, std::nullopt};
  }
  return {{}, std::move(result)};
}

UnixSocket::UnixSocket(int descriptor)
    : descriptor_(descriptor),
      identity_(IdentityOf(descriptor)),
      generation_(ForkGeneration()),
      euid_(geteuid()),
      egid_(getegid()) {}

UnixSocket::UnixSocket(UnixSocket&& other) noexcept
    : descriptor_(std::exchange(other.descriptor_, -1)),
      identity_(other.identity_),
      generation_(other.generation_),
      euid_(other.euid_),
      egid_(other.egid_) {}

void UnixSocket::Close() {
  const int descriptor = std::exchange(descriptor_, -1);
  if (descriptor < 0 || !identity_ || IdentityOf(descriptor) != identity_) return;
  // A child that still has a copy must not keep the connection up; a child must not take it down.
  if (generation_ == ForkGeneration()) shutdown(descriptor, SHUT_RDWR);
  close(descriptor);
}

bool UnixSocket::IsOurs() const {
  return identity_ && generation_ == ForkGeneration() && geteuid() == euid_ && getegid() == egid_ &&
         IdentityOf(descriptor_) == identity_;
}

std::optional<uid_t> UnixSocket::PeerUid() const {
  ucred peer{};
  socklen_t size = sizeof(peer);
  if (getsockopt(descriptor_, SOL_SOCKET, SO_PEERCRED, &peer, &size) != 0 || size != sizeof(peer)) return std::nullopt;
  return peer.uid;
}

ssize_t UnixSocket::Send(const void* data, size_t size) {
  for (;;) {
    const ssize_t sent = send(descriptor_, data, size, MSG_NOSIGNAL | MSG_DONTWAIT);
    if (sent >= 0) return sent;
    if (errno != EINTR) return -errno;
  }
}

ssize_t UnixSocket::Receive(void* data, size_t size) {
  for (;;) {
    const ssize_t received = recv(descriptor_, data, size, MSG_DONTWAIT);
    if (received >= 0) return received;
    if (errno != EINTR) return -errno;
  }
}

bool UnixSocket::Wait(bool to_write, CallClock::time_point deadline, const Waker* waker, bool* readable) {
  *readable = false;
  if (waker != nullptr && waker->woken()) return true;
  // poll() passes over a negative descriptor.
  std::array<pollfd, 2> wanted = {
      {{descriptor_, static_cast<short>(to_write ? POLLIN | POLLOUT : POLLIN), 0}, {-1, POLLIN, 0}}};
  if (waker != nullptr) {
    wanted[1].fd = waker->descriptor();
    if (wanted[1].fd < 0) deadline = std::min(deadline, CallClock::now() + Waker::kBlindWait);
  }
  const int ready = poll(wanted.data(), wanted.size(), MillisecondsUntil(deadline));
  *readable = ready > 0 && (wanted[0].revents & (POLLIN | POLLHUP | POLLERR)) != 0;
  if (ready < 0) return errno == EINTR;
  return (wanted[0].revents & POLLNVAL) == 0;
}

}  // namespace ddskey
