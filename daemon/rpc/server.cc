#include "daemon/rpc/server.h"

#include <grpcpp/health_check_service_interface.h>
#include <grpcpp/resource_quota.h>
#include <grpcpp/server_builder.h>
#include <grpcpp/server_posix.h>

#include <climits>
#include <utility>

#include "proto/contract/status_macros.h"

namespace ddskey {
namespace {

std::unique_ptr<grpc::Server> BuildServer(const RpcServer::Options& options,
                                          const std::vector<grpc::Service*>& services) {
  grpc::EnableDefaultHealthCheckService(true);
  grpc::ServerBuilder builder;
  for (grpc::Service* service : services) builder.RegisterService(service);
  builder.SetMaxReceiveMessageSize(options.max_message_octets);
  builder.SetResourceQuota(grpc::ResourceQuota(options.name).Resize(options.memory_octets));
  builder.AddChannelArgument(GRPC_ARG_MAX_METADATA_SIZE, kMetadataOctets);
  builder.AddChannelArgument(GRPC_ARG_MAX_CONCURRENT_STREAMS, static_cast<int>(kStreams));
  // A unix socket tells at once when the other end has gone. A participant is idle for hours between handshakes, and
  // must not run into a closing connection when it is not: so no PINGs, and no end of an idle connection.
  builder.AddChannelArgument(GRPC_ARG_KEEPALIVE_TIME_MS, INT_MAX);
  builder.AddChannelArgument(GRPC_ARG_MAX_CONNECTION_IDLE_MS, INT_MAX);
  // Its PINGs measure a delay that a unix socket does not have.
  builder.AddChannelArgument(GRPC_ARG_HTTP2_BDP_PROBE, 0);
  // A few octets can be inflated into more memory than there is: clients have no use for compression here.
  builder.SetCompressionAlgorithmSupportStatus(GRPC_COMPRESS_DEFLATE, false);
  builder.SetCompressionAlgorithmSupportStatus(GRPC_COMPRESS_GZIP, false);
  return builder.BuildAndStart();
}

}  // namespace

RpcServer::RpcServer(const Options& options, PeerRegistry& peers)
    : name_(options.name),
      peers_(peers),
      connections_("connections", {.total = options.limits.connections,
                                   .per_uid = options.limits.connections_per_uid,
                                   .per_process = options.limits.connections_per_process}) {}

absl::StatusOr<std::unique_ptr<RpcServer>> RpcServer::Start(ListeningSocket socket, const Options& options,
                                                            const std::vector<grpc::Service*>& services,
                                                            PeerRegistry& peers) {
  auto rpc_server = std::unique_ptr<RpcServer>(new RpcServer(options, peers));
  rpc_server->server_ = BuildServer(options, services);
  if (rpc_server->server_ == nullptr) return absl::InternalError("gRPC does not start");
  ASSIGN_OR_RETURN(rpc_server->listener_, Listener::Start(std::move(socket), rpc_server->connections_,
                                                          [raw = rpc_server.get()](Connection connection) {
                                                            raw->Serve(std::move(connection));
                                                          }));
  return rpc_server;
}

RpcServer::~RpcServer() { Shutdown(std::chrono::milliseconds(0)); }

void RpcServer::SetServing(bool serving) { server_->GetHealthCheckService()->SetServingStatus(serving); }

void RpcServer::Shutdown(std::chrono::milliseconds grace) {
  if (listener_ != nullptr) listener_->Stop();
  if (server_ != nullptr) {
    server_->Shutdown(std::chrono::system_clock::now() + grace);
    server_->Wait();
  }
}

uint32_t RpcServer::connection_count() const { return connections_.in_use(); }

void RpcServer::Serve(Connection connection) {
  peers_.Add(connection.socket.get(), std::move(connection.subject));
  grpc::AddInsecureChannelFromFd(server_.get(), connection.socket.Release());
}

}  // namespace ddskey
