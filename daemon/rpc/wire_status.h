#ifndef DAEMON_RPC_WIRE_STATUS_H_
#define DAEMON_RPC_WIRE_STATUS_H_

#include <grpcpp/support/status.h>

#include "absl/status/status.h"

namespace ddskey {

// ToWire translates the outcome of a call into what its caller is told: the code, and the message in at most 512
// octets with everything but printable ASCII escaped as \xNN. Payloads (device codes and the like) never leave the
// daemon, and neither does the message of INTERNAL and UNKNOWN: those are the daemon's own faults, and its log has
// them.
grpc::Status ToWire(const absl::Status& status);

}  // namespace ddskey

#endif  // DAEMON_RPC_WIRE_STATUS_H_
