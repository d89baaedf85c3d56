#include "daemon/rpc/listener.h"

#include <poll.h>
#include <spdlog/spdlog.h>
#include <sys/eventfd.h>
#include <sys/socket.h>

#include <array>
#include <cerrno>
#include <cstring>
#include <utility>

#include "absl/strings/str_cat.h"
#include "daemon/rpc/peer_credentials.h"

namespace ddskey {
namespace {

constexpr int kPauseMilliseconds = 100;

// PeerUid returns the user of the peer without a look at its process, or the overflow value.
uid_t PeerUid(int socket) {
  ucred credentials = {.pid = 0, .uid = static_cast<uid_t>(-1), .gid = static_cast<gid_t>(-1)};
  socklen_t length = sizeof(credentials);
  getsockopt(socket, SOL_SOCKET, SO_PEERCRED, &credentials, &length);
  return credentials.uid;
}

}  // namespace

absl::StatusOr<std::unique_ptr<Listener>> Listener::Start(ListeningSocket socket, UsageLimiter& limiter,
                                                          std::function<void(Connection)> on_connection) {
  UniqueFd wake(eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK));
  if (!wake.valid()) return absl::InternalError(absl::StrCat("making an eventfd: ", std::strerror(errno)));
  auto listener =
      std::unique_ptr<Listener>(new Listener(std::move(socket), std::move(wake), limiter, std::move(on_connection)));
  listener->thread_ = std::thread([raw = listener.get()] { raw->Run(); });
  return listener;
}

Listener::Listener(ListeningSocket socket, UniqueFd wake, UsageLimiter& limiter,
                   std::function<void(Connection)> on_connection)
    : socket_(std::make_unique<ListeningSocket>(std::move(socket))),
      wake_(std::move(wake)),
      limiter_(limiter),
      on_connection_(std::move(on_connection)) {}

Listener::~Listener() { Stop(); }

void Listener::Stop() {
  if (!thread_.joinable()) return;
  eventfd_write(wake_.get(), 1);
  thread_.join();
  socket_.reset();
}

void Listener::Run() {
  bool paused = false;
  for (;;) {
    heartbeat_.Beat();
    std::array<pollfd, 2> entries = {pollfd{.fd = wake_.get(), .events = POLLIN, .revents = 0},
                                     pollfd{.fd = socket_->fd(), .events = POLLIN, .revents = 0}};
    const nfds_t watched = paused ? 1 : 2;
    if (poll(entries.data(), watched, Heartbeat::Bounded(paused ? kPauseMilliseconds : -1)) < 0 && errno != EINTR) {
      spdlog::error("listener: poll: {}", std::strerror(errno));
      return;
    }
    if (entries[0].revents != 0) return;
    paused = !paused && entries[1].revents != 0 && !AcceptOne();
  }
}

bool Listener::AcceptOne() {
  UniqueFd socket(accept4(socket_->fd(), nullptr, nullptr, SOCK_CLOEXEC | SOCK_NONBLOCK));
  if (!socket.valid()) {
    // The client may have gone before it was accepted; everything else is a lack of something.
    if (errno == EAGAIN || errno == EINTR || errno == ECONNABORTED) return true;
    const std::string why = std::strerror(errno);
    if (throttle_.Admit().has_value()) spdlog::warn("accepting a connection: {}; trying again", why);
    return false;
  }
  const uid_t uid = PeerUid(socket.get());
  if (limiter_.IsFull(uid)) {
    LogRefusal(uid, "too many connections");
    return true;
  }
  auto subject = AttestPeer(socket.get());
  if (!subject.ok()) {
    LogRefusal(uid, std::string(subject.status().message()));
    return true;
  }
  auto permit = limiter_.Take(*subject);
  if (!permit.ok()) {
    LogRefusal(uid, std::string(permit.status().message()));
    return true;
  }
  on_connection_({std::move(socket), *std::move(subject), *std::move(permit)});
  return true;
}

void Listener::LogRefusal(uid_t uid, const std::string& why) {
  const auto left_out = throttle_.Admit();
  if (!left_out.has_value()) return;
  spdlog::warn("refused a connection of uid {}: {} ({} such lines left out)", uid, why, *left_out);
}

}  // namespace ddskey
