#ifndef DAEMON_RPC_WATCH_CALL_H_
#define DAEMON_RPC_WATCH_CALL_H_

#include "daemon/custodian/watch_board.h"
#include "daemon/rpc/call_limiter.h"
#include "daemon/rpc/service_table.h"
#include "ddskey/v1/authentication.pb.h"

namespace ddskey {

// BeginWatch answers a call of Watch or puts it on `board`: it is counted among the waiting calls of its process and
// user for as long as it is held, and let go when its client goes.
void BeginWatch(CallLimiter& limiter, WatchBoard& board, const ServiceTable::Call& call,
                const v1::WatchRequest& request, v1::WatchResponse* response);

}  // namespace ddskey

#endif  // DAEMON_RPC_WATCH_CALL_H_
