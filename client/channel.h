#ifndef CLIENT_CHANNEL_H_
#define CLIENT_CHANNEL_H_

#include <sys/types.h>

#include <array>
#include <atomic>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "client/call_status.h"
#include "client/connection.h"
#include "client/server_identity.h"
#include "client/unix_socket.h"
#include "client/waker.h"

namespace ddskey {

// CallOptions says how long and how hard to try.
struct CallOptions {
  // The call ends with DEADLINE_EXCEEDED when it has passed.
  CallClock::time_point deadline = CallClock::time_point::max();
  // The call may be sent again when the connection broke after it was sent.
  bool idempotent = false;
  // Keep trying to reach the daemon until the deadline, instead of UNAVAILABLE at once.
  bool wait_for_ready = false;
  // The call ends with CANCELLED when this is woken, for which it then takes no longer than half a second.
  const Waker* waker = nullptr;
};

// Channel makes unary gRPC calls to the daemon over a unix socket, on the caller's thread, without a thread, a lock or
// a signal handler of its own. It survives forks (parent and child may both go on calling), descriptors closed or
// reused by the host, a change of the host's user, and restarts of the daemon. Thread-safe: a few connections are kept,
// one call at a time each; calls beyond those get a connection for themselves.
class Channel {
 public:
  // `socket` is the daemon's socket; a server that runs as none of `server_uids` is refused with UNAUTHENTICATED.
  explicit Channel(std::string socket, std::vector<uid_t> server_uids = TrustedServerUids());
  ~Channel();
  Channel(const Channel&) = delete;
  Channel& operator=(const Channel&) = delete;

  const std::string& socket() const { return socket_; }

  // Call sends `request` to `method` ("/package.Service/Method") and parses the answer into `*response`. Both are
  // protobuf messages, of the lite runtime or the full one.
  //
  // Errors are the server's, and UNAVAILABLE if it cannot be reached or went away (repeat with backoff),
  // DEADLINE_EXCEEDED, UNAUTHENTICATED for a server of a wrong user, INTERNAL for an answer that does not parse. A call
  // is sent again only when it surely was not processed, or when it is idempotent.
  template <typename Request, typename Response>
  CallStatus Call(std::string_view method, const Request& request, Response* response, const CallOptions& options) {
    const std::string body = request.SerializeAsString();
    return CallRaw(
        method, body, options,
        [](void* message, std::string_view octets) {
          return static_cast<Response*>(message)->ParseFromArray(octets.data(), static_cast<int>(octets.size()));
        },
        response);
  }

 private:
  // Slot holds a kept connection. `owner` is the fork generation of its process, shifted, and a busy bit. The
  // connection stays in the slot while it is used, so that a child forked meanwhile finds its copy of the descriptor.
  struct Slot {
    std::atomic<uint64_t> owner{0};
    std::unique_ptr<Connection> connection;
  };
  class Lease;
  using Parser = bool (*)(void* message, std::string_view octets);

  CallStatus CallRaw(std::string_view method, std::string_view body, const CallOptions& options, Parser parse,
                     void* message);
  Slot* TakeSlot();
  static void Abandon(Slot& slot);

  static constexpr size_t kSlots = 8;
  const std::string socket_;
  const std::vector<uid_t> server_uids_;
  std::array<Slot, kSlots> slots_;
};

}  // namespace ddskey

#endif  // CLIENT_CHANNEL_H_
