#include "daemon/rpc/server.h"

#include <grpcpp/create_channel.h>
#include <grpcpp/security/credentials.h>
#include <gtest/gtest.h>
#include <unistd.h>

#include <memory>
#include <string>

#include "daemon/rpc/fake_echo_service.h"
#include "test/support/process.h"
#include "test/support/status_matchers.h"
#include "test/support/temp_dir.h"

namespace ddskey {
namespace {

using test::EchoReply;
using test::EchoRequest;
using test::EchoService;
using test::FakeEchoService;

class RpcServerTest : public ::testing::Test {
 protected:
  void Start(const RpcServer::Options& options) {
    ASSERT_OK_AND_ASSIGN(ListeningSocket socket, ListeningSocket::Bind(path_, 0666));
    ASSERT_OK_AND_ASSIGN(server_, RpcServer::Start(std::move(socket), options, {&service_}, peers_));
  }

  std::unique_ptr<EchoService::Stub> Connect() const {
    // A connection of its own for each stub.
    grpc::ChannelArguments arguments;
    arguments.SetInt(GRPC_ARG_USE_LOCAL_SUBCHANNEL_POOL, 1);
    arguments.SetMaxReceiveMessageSize(-1);
    return EchoService::NewStub(
        grpc::CreateCustomChannel("unix:" + path_, grpc::InsecureChannelCredentials(), arguments));
  }

  static grpc::Status Call(EchoService::Stub& stub, const EchoRequest& request, EchoReply* reply) {
    grpc::ClientContext context;
    context.set_deadline(std::chrono::system_clock::now() + std::chrono::seconds(20));
    return stub.Unary(&context, request, reply);
  }

  const test::TempDir dir_;
  const std::string path_ = dir_.File("socket");
  PeerRegistry peers_;
  FakeEchoService service_{peers_};
  std::unique_ptr<RpcServer> server_;
};

TEST_F(RpcServerTest, S10TellsHandlersWhichProcessIsCalling) {
  ASSERT_NO_FATAL_FAILURE(Start({.name = "test", .limits = {}}));
  const auto stub = Connect();
  EchoRequest request;
  request.set_payload("hello");
  EchoReply reply;
  const grpc::Status status = Call(*stub, request, &reply);
  ASSERT_TRUE(status.ok()) << status.error_message();
  EXPECT_EQ(reply.payload(), "hello");
  EXPECT_EQ(reply.pid(), getpid());
  EXPECT_EQ(reply.uid(), getuid());
  EXPECT_EQ(reply.gid(), getgid());
  EXPECT_GT(reply.start_time(), 0u);
  EXPECT_EQ(reply.peer().substr(0, 3), "fd:");
}

}  // namespace
}  // namespace ddskey
