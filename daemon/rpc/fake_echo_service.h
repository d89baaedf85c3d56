#ifndef DAEMON_RPC_FAKE_ECHO_SERVICE_H_
#define DAEMON_RPC_FAKE_ECHO_SERVICE_H_

#include <grpcpp/server_context.h>
#include <grpcpp/support/server_callback.h>

#include <atomic>

#include "daemon/rpc/echo.grpc.pb.h"
#include "daemon/rpc/peer_registry.h"
#include "daemon/rpc/service_table.h"

namespace ddskey::test {

// FakeEchoService answers as its requests ask, tells the callers who they are, and counts what happened.
class FakeEchoService : public EchoService::CallbackService {
 public:
  explicit FakeEchoService(const PeerRegistry& peers) : peers_(peers) {}

  grpc::ServerUnaryReactor* Unary(grpc::CallbackServerContext* context, const EchoRequest* request,
                                  EchoReply* reply) override;
  grpc::ServerWriteReactor<EchoReply>* Stream(grpc::CallbackServerContext* context,
                                              const EchoRequest* request) override;

  // AddTo serves Unary in a UnaryServer.
  void AddTo(ServiceTable& services);

  // Describe fills in who the registry says is calling, or returns why it cannot.
  grpc::Status Describe(const grpc::ServerContextBase& context, EchoReply& reply) const;

  // Calls that reached a handler, that run now, and that were cancelled.
  std::atomic<int> calls{0};
  std::atomic<int> running{0};
  std::atomic<int> cancelled{0};

 private:
  const PeerRegistry& peers_;
};

}  // namespace ddskey::test

#endif  // DAEMON_RPC_FAKE_ECHO_SERVICE_H_
