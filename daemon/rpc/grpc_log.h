#ifndef DAEMON_RPC_GRPC_LOG_H_
#define DAEMON_RPC_GRPC_LOG_H_

namespace ddskey {

// RouteGrpcLog sends what gRPC and protobuf log to spdlog from now on: escaped, because clients' headers are in it
// (S-16), and at most ten lines a second each. Without it they write to stderr, a line for each text of a request that
// is no UTF-8.
void RouteGrpcLog();

}  // namespace ddskey

#endif  // DAEMON_RPC_GRPC_LOG_H_
