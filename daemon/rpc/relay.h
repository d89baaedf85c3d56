#ifndef DAEMON_RPC_RELAY_H_
#define DAEMON_RPC_RELAY_H_

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <span>
#include <string>

#include "daemon/rpc/frame_inspector.h"
#include "daemon/rpc/unique_fd.h"

namespace ddskey {

// Relay moves octets between a client's socket and the socket whose other end gRPC has, past a FrameInspector. What
// cannot be written at once is kept, and nothing more is read for that direction until it is gone: at most one scratch
// buffer and what the inspector holds. While nothing is kept, no buffer is allocated. Not thread-safe.
class Relay {
 public:
  using Clock = FrameInspector::Clock;
  using Scratch = std::span<uint8_t>;

  // Both sockets are unix stream sockets and do not block.
  Relay(UniqueFd client, UniqueFd server, Clock::time_point now);

  // OnClient and OnServer handle `events` of epoll on the respective socket. `scratch` is for the length of the call.
  void OnClient(uint32_t events, Scratch scratch, Clock::time_point now);
  void OnServer(uint32_t events, Scratch scratch, Clock::time_point now);

  // client_events and server_events are what to wait for on the respective socket from now on; nothing for a socket
  // that must not be watched because its end is known.
  uint32_t client_events() const;
  uint32_t server_events() const;

  // deadline is when OnDeadline must be called, or the latest time of the clock.
  Clock::time_point deadline() const;
  void OnDeadline(Clock::time_point now);

  // finished says that the connection has ended and both sockets can be closed.
  bool finished() const { return finished_; }
  // request_octets is what unanswered requests of the client take in gRPC.
  uint64_t request_octets() const { return finished_ ? 0 : inspector_.request_octets(); }

  // Refuse ends the connection because of what the client did.
  void Refuse(const std::string& violation);

  // violation says what the client did to have its connection ended; empty if that was not why.
  const std::string& violation() const { return violation_; }

  int client() const { return client_.get(); }
  int server() const { return server_.get(); }

 private:
  // Octets that may go on to gRPC and could not be written yet.
  size_t waiting_for_server() const { return to_server_.size() - inspector_.held(); }
  bool reads_client() const { return !server_gone_ && waiting_for_server() == 0; }
  bool reads_server() const { return !server_ended_ && to_client_.empty(); }

  void ReadClient(Scratch scratch, Clock::time_point now);
  void ReadServer(Scratch scratch, Clock::time_point now);
  void FlushToServer(Clock::time_point now);
  void FlushToClient(Clock::time_point now);

  UniqueFd client_;
  UniqueFd server_;
  FrameInspector inspector_;
  // The last `inspector_.held()` octets of to_server_ must wait.
  std::string to_server_;
  std::string to_client_;
  // When the client's direction was stopped, and when the client last took something.
  Clock::time_point stopped_reading_;
  Clock::time_point client_progress_;
  // gRPC reads no more; gRPC writes no more.
  bool server_gone_ = false;
  bool server_ended_ = false;
  bool finished_ = false;
  std::string violation_;
};

}  // namespace ddskey

#endif  // DAEMON_RPC_RELAY_H_
