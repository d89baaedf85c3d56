#include "daemon/rpc/server.h"

#include <grpc/grpc.h>
#include <grpcpp/health_check_service_interface.h>
#include <grpcpp/resource_quota.h>
#include <grpcpp/server_builder.h>
#include <grpcpp/server_posix.h>
#include <spdlog/spdlog.h>
#include <sys/socket.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <climits>
#include <cstring>
#include <utility>

#include "absl/strings/str_cat.h"
#include "daemon/rpc/connection_bound.h"
#include "daemon/rpc/grpc_log.h"
#include "proto/contract/status_macros.h"

namespace ddskey {
namespace {

// How long a client that reads slowly may hold up the end of the daemon.
constexpr std::chrono::milliseconds kFlushTime{500};

std::unique_ptr<grpc::Server> BuildServer(const RpcServer::Options& options,
                                          const std::vector<grpc::Service*>& services) {
  // Never undone: gRPC's end waits up to 10 s for a poll of its own that nobody needs, when a client was slow shortly
  // before. The daemon must stop sooner than that.
  grpc_init();
  RouteGrpcLog();
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
  builder.AddChannelArgument(GRPC_ARG_ENABLE_PER_MESSAGE_DECOMPRESSION, 0);
  return builder.BuildAndStart();
}

// Of the client's socket, and both ends of the pair through which gRPC is reached.
constexpr uint32_t kDescriptors = 3;

}  // namespace

// Lease is what a connection has of the server; it is given back when the connection has ended.
struct RpcServer::Lease {
  Lease(PeerRegistry& peers_arg, int fd_arg, Subject subject, UsageLimiter::Permit permit_arg)
      : peers(peers_arg), fd(fd_arg), number(peers.Add(fd, std::move(subject))), permit(std::move(permit_arg)) {}
  ~Lease() { peers.Remove(fd, number); }
  Lease(const Lease&) = delete;
  Lease& operator=(const Lease&) = delete;

  PeerRegistry& peers;
  const int fd;
  const uint64_t number;
  const UsageLimiter::Permit permit;
};

RpcServer::RpcServer(const Options& options, PeerRegistry& peers)
    : peers_(peers),
      connections_("connections", {.total = ConnectionBound(options.name, options.limits.connections, kDescriptors),
                                   .per_uid = options.limits.connections_per_uid,
                                   .per_process = options.limits.connections_per_process}) {}

absl::StatusOr<std::unique_ptr<RpcServer>> RpcServer::Start(ListeningSocket socket, const Options& options,
                                                            const std::vector<grpc::Service*>& services,
                                                            PeerRegistry& peers) {
  auto rpc_server = std::unique_ptr<RpcServer>(new RpcServer(options, peers));
  ASSIGN_OR_RETURN(rpc_server->guard_, FrameGuard::Start());
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
  // What gRPC wrote last is on its way to the clients.
  if (guard_ != nullptr) guard_->WaitUntilEmpty(kFlushTime);
}

uint32_t RpcServer::connection_count() const { return connections_.in_use(); }

uint64_t RpcServer::refused_count() const { return guard_->refused_count(); }

Heartbeat::Clock::duration RpcServer::silence() const { return std::max(guard_->silence(), listener_->silence()); }

void RpcServer::Serve(Connection connection) {
  std::array<int, 2> ends;
  if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0, ends.data()) != 0) {
    spdlog::warn("refused a connection of uid {}: {}", connection.subject.uid, std::strerror(errno));
    return;
  }
  UniqueFd guarded(ends[0]);
  // The kernel gave this number to nobody else, and gRPC keeps it until the last handler on it has returned.
  UniqueFd served(ends[1]);
  const uid_t uid = connection.subject.uid;
  const ProcessId process = {connection.subject.pid, connection.subject.start_time};
  std::string description = absl::StrCat("uid ", connection.subject.uid, " pid ", connection.subject.pid);
  auto lease =
      std::make_shared<const Lease>(peers_, served.get(), std::move(connection.subject), std::move(connection.permit));
  grpc::AddInsecureChannelFromFd(server_.get(), served.Release());
  guard_->Add({.client = std::move(connection.socket),
               .server = std::move(guarded),
               .uid = uid,
               .process = process,
               .description = std::move(description),
               .lease = std::move(lease)});
}

}  // namespace ddskey
