#ifndef DAEMON_RPC_SERVER_H_
#define DAEMON_RPC_SERVER_H_

#include <grpcpp/server.h>

#include <chrono>
#include <memory>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "daemon/rpc/frame_guard.h"
#include "daemon/rpc/heartbeat.h"
#include "daemon/rpc/limits.h"
#include "daemon/rpc/listener.h"
#include "daemon/rpc/listening_socket.h"
#include "daemon/rpc/peer_registry.h"
#include "daemon/rpc/usage_limiter.h"

namespace ddskey {

// RpcServer serves gRPC services on one unix socket: accepts, attests, counts and guards each client, then hands it to
// gRPC. It also serves grpc.health.v1.Health. Handlers find out who is calling with the PeerRegistry they share with
// it.
class RpcServer {
 public:
  struct Options {
    // For logs: "application" or "administration".
    std::string name;
    Limits limits;
    int max_message_octets = kApplicationMessageOctets;
    size_t memory_octets = kApplicationMemoryOctets;
  };

  // Start serves `services` (callback API) on `socket`. The services and `peers` must outlive the server. INTERNAL if
  // gRPC does not start.
  static absl::StatusOr<std::unique_ptr<RpcServer>> Start(ListeningSocket socket, const Options& options,
                                                          const std::vector<grpc::Service*>& services,
                                                          PeerRegistry& peers);
  // The destructor shuts down at once if Shutdown was not called.
  ~RpcServer();
  RpcServer(const RpcServer&) = delete;
  RpcServer& operator=(const RpcServer&) = delete;

  // SetServing is what the health service tells from now on; true after Start.
  void SetServing(bool serving);

  // Shutdown stops accepting, lets the calls under way finish for at most `grace`, cancels the others, and returns when
  // every handler has returned.
  void Shutdown(std::chrono::milliseconds grace);

  // connection_count is the number of connected clients.
  uint32_t connection_count() const;

  // refused_count is how many connections were ended by the guard because of what their clients did.
  uint64_t refused_count() const;

  // silence is how long one of the threads between the clients and gRPC has not turned (Heartbeat), between Start and
  // Shutdown.
  Heartbeat::Clock::duration silence() const;

 private:
  struct Lease;

  RpcServer(const Options& options, PeerRegistry& peers);
  void Serve(Connection connection);

  PeerRegistry& peers_;
  UsageLimiter connections_;
  std::unique_ptr<FrameGuard> guard_;
  std::unique_ptr<grpc::Server> server_;
  std::unique_ptr<Listener> listener_;
};

}  // namespace ddskey

#endif  // DAEMON_RPC_SERVER_H_
