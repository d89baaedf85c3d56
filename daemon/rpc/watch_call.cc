#include "daemon/rpc/watch_call.h"

#include <algorithm>
#include <chrono>
#include <cstdint>
#include <memory>
#include <utility>

#include "absl/status/statusor.h"
#include "daemon/rpc/limits.h"

namespace ddskey {

void BeginWatch(CallLimiter& limiter, WatchBoard& board, const ServiceTable::Call& call,
                const v1::WatchRequest& request, v1::WatchResponse* response) {
  const auto wait = std::min(std::chrono::milliseconds(request.wait_ms()), kLongestWatch);
  auto permit = std::make_shared<CallPermit>();
  if (wait.count() > 0) {
    auto admitted = limiter.AdmitWatch(call->caller());
    if (!admitted.ok()) return call->Finish(admitted.status());
    *permit = *std::move(admitted);
  }
  const uint64_t number =
      board.Hold(request.revision(), wait, [call, response, permit](const absl::StatusOr<uint64_t>& revision) {
        *permit = CallPermit();
        if (revision.ok()) response->set_revision(*revision);
        call->Finish(revision.status());
      });
  call->OnGone([&board, number] { board.Release(number); });
}

}  // namespace ddskey
