// The frame guard's relay between a client and gRPC (daemon/rpc/relay.h), on real sockets with small buffers.
// An input is a script (frame_script.h).

#include <poll.h>
#include <sys/epoll.h>
#include <sys/socket.h>

#include <algorithm>
#include <array>
#include <chrono>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "daemon/rpc/relay.h"
#include "daemon/rpc/unique_fd.h"
#include "test/fuzz/frame_script.h"
#include "test/fuzz/fuzz_input.h"
#include "test/fuzz/invariant.h"

namespace ddskey::fuzz {
namespace {

constexpr int kSmallBuffer = 4096;
constexpr size_t kAll = SIZE_MAX;

// Pair is a pair of connected sockets that do not block.
struct Pair {
  Pair() {
    int ends[2];
    Require(socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0, ends) == 0, "setup");
    for (const int end : ends) setsockopt(end, SOL_SOCKET, SO_SNDBUF, &kSmallBuffer, sizeof(kSmallBuffer));
    outer = UniqueFd(ends[0]);
    inner = UniqueFd(ends[1]);
  }
  UniqueFd outer;
  UniqueFd inner;
};

// Connection is a relay with both ends in our hands.
class Connection {
 public:
  Connection() = default;

  void Do(const Event& event) {
    switch (event.what) {
      case Event::kClient:
        Send(client_.outer, event.octets, sent_by_client_);
        break;
      case Event::kServer:
        Send(server_.outer, event.octets, sent_by_server_);
        break;
      case Event::kClientReads:
        Receive(client_.outer, event.number, at_client_);
        break;
      case Event::kWait:
        now_ += std::chrono::milliseconds(event.number);
        if (!relay_.finished() && now_ >= relay_.deadline()) relay_.OnDeadline(now_);
        break;
      case Event::kClientEnds:
        shutdown(client_.outer.get(), SHUT_WR);
        break;
      case Event::kServerEnds:
        shutdown(server_.outer.get(), SHUT_WR);
        break;
      case Event::kExcuse:
        break;
    }
    Work();
    Check();
  }

 private:
  static void Send(const UniqueFd& socket, std::string_view octets, std::string& sent) {
    const ssize_t size = send(socket.get(), octets.data(), octets.size(), MSG_NOSIGNAL);
    if (size > 0) sent += octets.substr(0, static_cast<size_t>(size));
  }
  static void Receive(const UniqueFd& socket, size_t size, std::string& received) {
    static std::array<char, 64 * 1024> buffer;
    ssize_t got = 0;
    while (size > 0 && (got = recv(socket.get(), buffer.data(), std::min(size, buffer.size()), 0)) > 0) {
      received.append(buffer.data(), static_cast<size_t>(got));
      size -= static_cast<size_t>(got);
    }
  }

  // Work lets the relay do what there is to do, as the guard would, and gRPC read all.
  void Work() {
    for (int i = 0; i < 100 && !relay_.finished(); ++i) {
      std::array<pollfd, 2> sockets = {{{relay_.client(), static_cast<short>(relay_.client_events()), 0},
                                        {relay_.server(), static_cast<short>(relay_.server_events()), 0}}};
      if (relay_.client_events() == 0) sockets[0].fd = -1;
      if (relay_.server_events() == 0) sockets[1].fd = -1;
      if (poll(sockets.data(), sockets.size(), 0) <= 0) break;
      if (sockets[0].revents != 0) relay_.OnClient(static_cast<uint32_t>(sockets[0].revents), scratch_, now_);
      if (sockets[1].revents != 0 && !relay_.finished()) {
        relay_.OnServer(static_cast<uint32_t>(sockets[1].revents), scratch_, now_);
      }
      Receive(server_.outer, kAll, at_server_);
    }
    Receive(server_.outer, kAll, at_server_);
  }

  void Check() const {
    std::string_view at_server = at_server_;
    // The planted bug: gRPC gets to see the first octet of a frame too many.
    if (planted_bug && sent_by_client_.size() - at_server.size() > 9 && at_server.size() > 100) {
      at_server = std::string_view(sent_by_client_).substr(0, at_server.size() + 1);
    }
    Require(sent_by_client_.starts_with(at_server), "gRPC gets what the client sent, in order");
    Require(MayBeSeen(at_server), "S-9: gRPC sees no part of a preface, frame header or header block");
    CheckClient();
    Require(relay_.violation().empty() || relay_.finished(), "who breaks the rules is gone");
    Require(!relay_.finished() || relay_.request_octets() == 0, "who is gone takes nothing");
  }

  // The client gets what gRPC sent, in order; then, if it broke the rules, why it is thrown out (SETTINGS and GOAWAY).
  void CheckClient() const {
    const auto end = std::ranges::mismatch(at_client_, sent_by_server_).in1;
    const auto rest = static_cast<size_t>(at_client_.end() - end);
    const size_t farewell = 9 + 9 + 8 + std::string_view("ddskeyd: ").size() + relay_.violation().size();
    Require(rest <= (relay_.violation().empty() ? 0 : farewell), "the client gets what gRPC sent, in order");
  }

  Pair client_;
  Pair server_;
  FrameInspector::Clock::time_point now_ = FrameInspector::Clock::time_point(std::chrono::hours(1));
  Relay relay_{std::move(client_.inner), std::move(server_.inner), now_};
  std::array<uint8_t, 8192> scratch_;
  std::string sent_by_client_;
  std::string sent_by_server_;
  std::string at_client_;
  std::string at_server_;
};

}  // namespace
}  // namespace ddskey::fuzz

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  using namespace ddskey::fuzz;
  static_assert(POLLIN == EPOLLIN && POLLOUT == EPOLLOUT && POLLHUP == EPOLLHUP && POLLERR == EPOLLERR);
  Connection connection;
  for (const Event& event : ReadEvents(AsText(data, size))) connection.Do(event);
  return 0;
}
