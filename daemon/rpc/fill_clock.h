#ifndef DAEMON_RPC_FILL_CLOCK_H_
#define DAEMON_RPC_FILL_CLOCK_H_

#include "daemon/custodian/clock_guard.h"
#include "ddskey/v1/admin.pb.h"

namespace ddskey {

// FillClock says how the clock is, for administrators.
void FillClock(const ClockGuard::State& state, v1::ClockStatus& out);

}  // namespace ddskey

#endif  // DAEMON_RPC_FILL_CLOCK_H_
