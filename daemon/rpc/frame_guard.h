#ifndef DAEMON_RPC_FRAME_GUARD_H_
#define DAEMON_RPC_FRAME_GUARD_H_

#include <array>
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
#include "daemon/rpc/heartbeat.h"
#include "daemon/rpc/log_throttle.h"
#include "daemon/rpc/relay.h"
#include "daemon/rpc/request_shares.h"
#include "daemon/rpc/unique_fd.h"
#include "daemon/rpc/usage_limiter.h"

namespace ddskey {

// FrameGuard stands between the clients and gRPC (S-9): one thread relays the octets of all connections, and ends those
// whose client does what could hang or fill gRPC, or stays silent. See FrameInspector for what that is.
class FrameGuard {
 public:
  using Clock = Relay::Clock;

  // GuardedConnection is a client to be guarded.
  struct GuardedConnection {
    // The client's socket, and the other end of the socket that gRPC has. Neither blocks.
    UniqueFd client;
    UniqueFd server;
    // Whose share of the memory for requests it uses up.
    uid_t uid = 0;
    ProcessId process;
    // Who it is, for the log.
    std::string description;
    // Destroyed in the guard's thread when the connection has ended and both sockets are closed.
    std::shared_ptr<const void> lease;
  };

  // Start makes the guard and its thread. INTERNAL if the kernel has no descriptors for it.
  static absl::StatusOr<std::unique_ptr<FrameGuard>> Start();
  // The destructor ends all connections.
  ~FrameGuard();
  FrameGuard(const FrameGuard&) = delete;
  FrameGuard& operator=(const FrameGuard&) = delete;

  // Add takes over a connection. Thread-safe.
  void Add(GuardedConnection connection);

  // WaitUntilEmpty waits until all connections have ended, at most for `limit`; returns whether they have. Thread-safe.
  bool WaitUntilEmpty(std::chrono::milliseconds limit);

  // refused_count is how many connections were ended because of what their clients did. Thread-safe.
  uint64_t refused_count() const;

  // silence is how long its thread has not turned (Heartbeat). Thread-safe.
  Heartbeat::Clock::duration silence() const { return heartbeat_.silence(); }

 private:
  struct Entry;
  // What epoll gives back: one of the two sockets of a connection.
  struct Socket {
    Entry* entry;
    bool is_client;
    uint32_t events = 0;
  };
  struct Entry {
    Entry(GuardedConnection connection, Clock::time_point now);

    // Destroyed last, after the sockets are closed.
    std::shared_ptr<const void> lease;
    const uid_t uid;
    const ProcessId process;
    const std::string description;
    Relay relay;
    Socket client;
    Socket server;
    Clock::time_point armed = Clock::time_point::max();
    // What was counted of it in shares_.
    uint64_t counted = 0;
    bool removed = false;
  };

  FrameGuard(UniqueFd epoll, UniqueFd wake);
  void Run();
  // TakeAdded returns false when the guard is to stop.
  bool TakeAdded();
  void Handle(Socket& socket, uint32_t events, Clock::time_point now);
  void HandleDeadlines(Clock::time_point now);
  // Count holds the requests of `entry` against the share of its caller, and refuses the one that is over it.
  void Count(Entry& entry);
  // Update makes epoll and the deadlines fit the state of `entry`, or notes it for removal.
  void Update(Entry& entry);
  void Watch(Socket& socket, int fd, uint32_t events);
  void RemoveFinished();
  int Timeout(Clock::time_point now) const;

  const UniqueFd epoll_;
  const UniqueFd wake_;
  Heartbeat heartbeat_;
  std::thread thread_;

  mutable std::mutex mutex_;
  std::condition_variable empty_;
  std::vector<std::unique_ptr<Entry>> added_;
  size_t connections_ = 0;
  uint64_t refused_ = 0;
  bool stop_ = false;

  // Of the guard's thread alone.
  std::vector<uint8_t> scratch_;
  std::unordered_map<Entry*, std::unique_ptr<Entry>> entries_;
  std::vector<Entry*> finished_;
  RequestShares shares_;
  std::set<std::pair<Clock::time_point, Entry*>> deadlines_;
  LogThrottle throttle_;
};

}  // namespace ddskey

#endif  // DAEMON_RPC_FRAME_GUARD_H_
