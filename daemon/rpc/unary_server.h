#ifndef DAEMON_RPC_UNARY_SERVER_H_
#define DAEMON_RPC_UNARY_SERVER_H_

#include <chrono>
#include <condition_variable>
#include <cstdint>
#include <functional>
#include <memory>
#include <mutex>
#include <set>
#include <string>
#include <thread>
#include <unordered_map>
#include <utility>
#include <vector>

#include "absl/status/statusor.h"
#include "daemon/rpc/client_connection.h"
#include "daemon/rpc/heartbeat.h"
#include "daemon/rpc/limits.h"
#include "daemon/rpc/listener.h"
#include "daemon/rpc/listening_socket.h"
#include "daemon/rpc/log_throttle.h"
#include "daemon/rpc/request_shares.h"
#include "daemon/rpc/service_table.h"
#include "daemon/rpc/unique_fd.h"
#include "daemon/rpc/usage_limiter.h"
#include "policy/policy.h"

namespace ddskey {

// UnaryServer serves unary calls of the gRPC protocol on one unix socket: it accepts, attests, counts and guards each
// client (S-9, S-10, S-17), and begins its calls. One thread reads from all clients and begins calls; answers are
// written by the threads that give them, so that a call passes three threads and no more (docs/adr/0017).
class UnaryServer {
 public:
  struct Options {
    // For logs: "application".
    std::string name;
    Limits limits;
    size_t max_message_octets = kApplicationMessageOctets;
    // Runs the beginning of a call with a large request elsewhere than on the server's thread; null for nowhere else.
    std::function<void(const Subject& caller, std::function<void()> begin)> run_large = nullptr;
  };

  // Start serves `services` on `socket`. What they use must outlive the server. INTERNAL if the kernel has no
  // descriptors for it.
  static absl::StatusOr<std::unique_ptr<UnaryServer>> Start(ListeningSocket socket, const Options& options,
                                                            ServiceTable services);
  // The destructor shuts down at once if Shutdown was not called.
  ~UnaryServer();
  UnaryServer(const UnaryServer&) = delete;
  UnaryServer& operator=(const UnaryServer&) = delete;

  // Shutdown stops accepting, lets the calls under way finish for at most `grace`, tells the others that their clients
  // have gone, and returns when every call has ended.
  void Shutdown(std::chrono::milliseconds grace);

  // connection_count is the number of connected clients.
  uint32_t connection_count() const { return connections_.in_use(); }

  // refused_count is how many connections were ended because of what their clients did.
  uint64_t refused_count() const;

  // silence is how long one of its threads has not turned (Heartbeat), between Start and Shutdown.
  Heartbeat::Clock::duration silence() const;

 private:
  using Clock = ClientConnection::Clock;
  struct CallCount;
  struct Lease;
  struct Inbox;
  struct Entry;

  UnaryServer(const Options& options, ServiceTable services, UniqueFd epoll, std::shared_ptr<Inbox> inbox);
  void Add(Connection connection);
  void Run();
  // TakeInbox returns false when the server is to stop.
  bool TakeInbox(Clock::time_point now);
  void Enter(Connection connection, Clock::time_point now);
  void Handle(Entry& entry, uint32_t events, Clock::time_point now);
  void Begin(Entry& entry, Http2Session::Request request, Clock::time_point now);
  void HandleDeadlines(Clock::time_point now);
  // Update makes epoll and the deadlines fit what the connection wants, or notes it for removal.
  void Update(Entry& entry);
  void RemoveFinished();
  int Timeout(Clock::time_point now) const;

  const std::string name_;
  const size_t max_message_octets_;
  const ServiceTable services_;
  UsageLimiter connections_;
  const UniqueFd epoll_;
  const std::shared_ptr<Inbox> inbox_;
  const std::function<void(const Subject&, std::function<void()>)> run_large_;
  const std::shared_ptr<RequestShares> shares_;
  const std::shared_ptr<CallCount> calls_;
  std::unique_ptr<Listener> listener_;
  Heartbeat heartbeat_;
  std::thread thread_;

  // Of the server's thread alone.
  std::vector<uint8_t> scratch_;
  std::unordered_map<uint64_t, std::unique_ptr<Entry>> entries_;
  uint64_t last_number_ = 0;
  bool begins_calls_ = true;
  std::set<std::pair<Clock::time_point, uint64_t>> deadlines_;
  std::vector<uint64_t> finished_;
  LogThrottle throttle_;
};

}  // namespace ddskey

#endif  // DAEMON_RPC_UNARY_SERVER_H_
