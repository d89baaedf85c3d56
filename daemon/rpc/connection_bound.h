#ifndef DAEMON_RPC_CONNECTION_BOUND_H_
#define DAEMON_RPC_CONNECTION_BOUND_H_

#include <cstdint>
#include <string>

namespace ddskey {

// ConnectionBound is how many of `wanted` connections a socket can have, each of which takes `descriptors`: half of
// what the process may have (RLIMIT_NOFILE) is left for the other socket, the keystore and the devices. The log says if
// it is less; `name` is the socket's there.
uint32_t ConnectionBound(const std::string& name, uint32_t wanted, uint32_t descriptors);

}  // namespace ddskey

#endif  // DAEMON_RPC_CONNECTION_BOUND_H_
