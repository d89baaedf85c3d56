#ifndef DAEMON_RPC_LISTENER_H_
#define DAEMON_RPC_LISTENER_H_

#include <functional>
#include <memory>
#include <string>
#include <thread>

#include "absl/status/statusor.h"
#include "daemon/rpc/heartbeat.h"
#include "daemon/rpc/listening_socket.h"
#include "daemon/rpc/log_throttle.h"
#include "daemon/rpc/unique_fd.h"
#include "daemon/rpc/usage_limiter.h"
#include "policy/policy.h"

namespace ddskey {

// Connection is an accepted client: its socket, who the kernel says it is, and its share of the limits.
struct Connection {
  UniqueFd socket;
  Subject subject;
  UsageLimiter::Permit permit;
};

// Listener accepts on one socket, in one thread. Each client is attested (S-10) and counted before it is handed on;
// one that cannot be attested or is over a limit is closed. When descriptors run out it waits instead of spinning.
class Listener {
 public:
  // Start accepts until Stop or destruction, and calls `on_connection` for each client, always from the same thread.
  // `limiter` must outlive the listener.
  static absl::StatusOr<std::unique_ptr<Listener>> Start(ListeningSocket socket, UsageLimiter& limiter,
                                                         std::function<void(Connection)> on_connection);
  ~Listener();
  Listener(const Listener&) = delete;
  Listener& operator=(const Listener&) = delete;

  // Stop ends accepting, waits for `on_connection` to return, and removes a socket that the daemon made.
  void Stop();

  // silence is how long its thread has not turned (Heartbeat).
  Heartbeat::Clock::duration silence() const { return heartbeat_.silence(); }

 private:
  Listener(ListeningSocket socket, UniqueFd wake, UsageLimiter& limiter, std::function<void(Connection)> on_connection);
  void Run();
  // AcceptOne returns false if it makes sense to pause before the next try.
  bool AcceptOne();
  void LogRefusal(uid_t uid, const std::string& why);

  std::unique_ptr<ListeningSocket> socket_;
  const UniqueFd wake_;
  UsageLimiter& limiter_;
  const std::function<void(Connection)> on_connection_;
  LogThrottle throttle_;
  Heartbeat heartbeat_;
  std::thread thread_;
};

}  // namespace ddskey

#endif  // DAEMON_RPC_LISTENER_H_
