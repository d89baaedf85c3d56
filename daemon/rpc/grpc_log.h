#ifndef DAEMON_RPC_GRPC_LOG_H_
#define DAEMON_RPC_GRPC_LOG_H_

namespace ddskey {

// RouteGrpcLog sends what gRPC logs to spdlog from now on: escaped, because clients' headers are in it (S-16), and at
// most ten lines a second. Without it gRPC writes to stderr.
void RouteGrpcLog();

}  // namespace ddskey

#endif  // DAEMON_RPC_GRPC_LOG_H_
