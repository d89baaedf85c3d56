#ifndef DAEMON_RPC_WATCH_CALL_H_
#define DAEMON_RPC_WATCH_CALL_H_

#include <grpcpp/server_context.h>
#include <grpcpp/support/server_callback.h>

#include <chrono>
#include <cstdint>

#include "daemon/custodian/watch_board.h"
#include "daemon/rpc/call_limiter.h"
#include "daemon/rpc/peer_registry.h"
#include "ddskey/v1/authentication.grpc.pb.h"

namespace ddskey {

// WatchCall is a call of Watch, from its arrival to its end: counted among the waiting calls of its process and user
// for as long as it is held, and let go when its client goes.
class WatchCall final : public grpc::ServerUnaryReactor {
 public:
  // Begin answers `request` or puts it on `board`. The reactor that it returns owns itself.
  static grpc::ServerUnaryReactor* Begin(const PeerRegistry& peers, CallLimiter& limiter, WatchBoard& board,
                                         const grpc::CallbackServerContext& context, const v1::WatchRequest& request,
                                         v1::WatchResponse& response);

 private:
  WatchCall(WatchBoard& board, v1::WatchResponse& response) : board_(board), response_(response) {}

  void Hold(uint64_t seen, std::chrono::milliseconds wait);
  void Answer(const absl::StatusOr<uint64_t>& revision);
  // Called by gRPC after Begin has returned; OnDone last, when the answer is given too.
  void OnCancel() override { board_.Release(number_); }
  void OnDone() override { delete this; }

  WatchBoard& board_;
  v1::WatchResponse& response_;
  CallPermit permit_;
  uint64_t number_ = 0;
};

}  // namespace ddskey

#endif  // DAEMON_RPC_WATCH_CALL_H_
