#include "daemon/rpc/watch_call.h"

#include <algorithm>

#include "absl/status/statusor.h"
#include "daemon/rpc/limits.h"
#include "daemon/rpc/wire_status.h"

namespace ddskey {

grpc::ServerUnaryReactor* WatchCall::Begin(const PeerRegistry& peers, CallLimiter& limiter, WatchBoard& board,
                                           const grpc::CallbackServerContext& context, const v1::WatchRequest& request,
                                           v1::WatchResponse& response) {
  auto* const call = new WatchCall(board, response);
  const auto wait = std::min(std::chrono::milliseconds(request.wait_ms()), kLongestWatch);
  const auto caller = peers.Identify(context);
  absl::Status admitted = caller.status();
  if (admitted.ok() && wait.count() > 0) {
    auto permit = limiter.AdmitWatch(*caller);
    admitted = permit.status();
    if (permit.ok()) call->permit_ = *std::move(permit);
  }
  if (admitted.ok()) {
    call->Hold(request.revision(), wait);
  } else {
    call->Finish(ToWire(admitted));
  }
  return call;
}

void WatchCall::Hold(uint64_t seen, std::chrono::milliseconds wait) {
  number_ = board_.Hold(seen, wait, [this](const absl::StatusOr<uint64_t>& revision) { Answer(revision); });
}

void WatchCall::Answer(const absl::StatusOr<uint64_t>& revision) {
  permit_ = CallPermit();
  if (revision.ok()) response_.set_revision(*revision);
  // The last that is done here: gRPC may call OnDone at once.
  Finish(ToWire(revision.status()));
}

}  // namespace ddskey
