#ifndef DAEMON_RPC_SERVER_FIXTURE_H_
#define DAEMON_RPC_SERVER_FIXTURE_H_

#include <grpcpp/create_channel.h>
#include <grpcpp/security/credentials.h>
#include <gtest/gtest.h>
#include <poll.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include <chrono>
#include <functional>
#include <memory>
#include <string>
#include <string_view>
#include <thread>
#include <utility>

#include "daemon/rpc/fake_echo_service.h"
#include "daemon/rpc/server.h"
#include "daemon/rpc/service_table.h"
#include "daemon/rpc/unary_server.h"
#include "daemon/rpc/unique_fd.h"

namespace ddskey::test {

// ServerKind is which of the two servers a test is about: what holds for both is tested on both.
enum class ServerKind { kGrpc, kUnary };
inline std::string ServerKindName(const ::testing::TestParamInfo<ServerKind>& kind) {
  return kind.param == ServerKind::kGrpc ? "RpcServer" : "UnaryServer";
}

// AnyServer is one of them.
class AnyServer {
 public:
  explicit AnyServer(std::unique_ptr<RpcServer> server) : grpc_(std::move(server)) {}
  explicit AnyServer(std::unique_ptr<UnaryServer> server) : unary_(std::move(server)) {}

  void Shutdown(std::chrono::milliseconds grace) { grpc_ ? grpc_->Shutdown(grace) : unary_->Shutdown(grace); }
  uint32_t connection_count() const { return grpc_ ? grpc_->connection_count() : unary_->connection_count(); }
  uint64_t refused_count() const { return grpc_ ? grpc_->refused_count() : unary_->refused_count(); }
  // Only RpcServer has a health service.
  void SetServing(bool serving) { grpc_->SetServing(serving); }

 private:
  std::unique_ptr<RpcServer> grpc_;
  std::unique_ptr<UnaryServer> unary_;
};

// ServerFixture has a server with the echo service on a socket at `path`. It is a base of test classes.
class ServerFixture {
 protected:
  explicit ServerFixture(const std::string& path, ServerKind kind = ServerKind::kGrpc) : path_(path), kind_(kind) {}

  void Start(const RpcServer::Options& options = {.name = "test", .limits = {}}) {
    auto socket = ListeningSocket::Bind(path_, 0666);
    ASSERT_TRUE(socket.ok()) << socket.status();
    if (kind_ == ServerKind::kGrpc) {
      auto server = RpcServer::Start(*std::move(socket), options, {&service_}, peers_);
      ASSERT_TRUE(server.ok()) << server.status();
      server_ = std::make_unique<AnyServer>(*std::move(server));
      return;
    }
    ServiceTable services;
    service_.AddTo(services);
    auto server = UnaryServer::Start(
        *std::move(socket),
        {.name = options.name,
         .limits = options.limits,
         .max_message_octets = static_cast<size_t>(options.max_message_octets),
         // The server does not end before the call that it holds.
         .run_large = [](const Subject&, std::function<void()> begin) { std::thread(std::move(begin)).detach(); }},
        std::move(services));
    ASSERT_TRUE(server.ok()) << server.status();
    server_ = std::make_unique<AnyServer>(*std::move(server));
  }

  // Connect returns a stub with a connection of its own.
  std::unique_ptr<EchoService::Stub> Connect() const { return EchoService::NewStub(ConnectChannel()); }
  std::shared_ptr<grpc::Channel> ConnectChannel() const {
    grpc::ChannelArguments arguments;
    arguments.SetInt(GRPC_ARG_USE_LOCAL_SUBCHANNEL_POOL, 1);
    arguments.SetMaxReceiveMessageSize(-1);
    return grpc::CreateCustomChannel("unix:" + path_, grpc::InsecureChannelCredentials(), arguments);
  }

  static grpc::Status Call(EchoService::Stub& stub, const EchoRequest& request, EchoReply* reply) {
    grpc::ClientContext context;
    context.set_deadline(std::chrono::system_clock::now() + std::chrono::seconds(20));
    return stub.Unary(&context, request, reply);
  }

  // Echoes says whether an ordinary call works.
  static bool Echoes(EchoService::Stub& stub) {
    EchoRequest request;
    request.set_payload("hello");
    EchoReply reply;
    const grpc::Status status = Call(stub, request, &reply);
    return status.ok() && reply.payload() == "hello";
  }

  const std::string path_;
  const ServerKind kind_;
  PeerRegistry peers_;
  FakeEchoService service_{peers_};
  std::unique_ptr<AnyServer> server_;
};

// kTrailers is what the header of the frame that ends the answer on stream 1 ends with.
inline constexpr std::string_view kTrailers("\x01\x05\0\0\0\x01", 6);

// RawClient writes any octets to the server.
class RawClient {
 public:
  explicit RawClient(const std::string& path) : socket_(socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0)) {
    sockaddr_un address = {};
    address.sun_family = AF_UNIX;
    path.copy(address.sun_path, sizeof(address.sun_path) - 1);
    EXPECT_EQ(connect(socket_.get(), reinterpret_cast<const sockaddr*>(&address), sizeof(address)), 0);
  }

  explicit RawClient(UniqueFd connected) : socket_(std::move(connected)) {}

  // Send returns false when the server has closed the connection.
  bool Send(std::string_view octets) const {
    while (!octets.empty()) {
      const ssize_t sent = send(socket_.get(), octets.data(), octets.size(), MSG_NOSIGNAL);
      if (sent < 0) return false;
      octets.remove_prefix(sent);
    }
    return true;
  }

  // ReadUntil reads until `wanted` has come, the connection is closed or nothing comes for 20 s; returns whether it
  // came.
  bool ReadUntil(std::string_view wanted) {
    while (received_.find(wanted) == std::string::npos) {
      if (!ReadSome()) return false;
    }
    return true;
  }

  // ReadToTheEnd reads until the server closes; false if nothing comes for 20 s.
  bool ReadToTheEnd() {
    while (ReadSome()) {
    }
    return closed_;
  }

  const std::string& received() const { return received_; }

 private:
  bool ReadSome() {
    pollfd entry = {.fd = socket_.get(), .events = POLLIN, .revents = 0};
    if (poll(&entry, 1, 20'000) != 1) return false;
    char buffer[4096];
    const ssize_t size = recv(socket_.get(), buffer, sizeof(buffer), 0);
    closed_ = size <= 0;
    if (!closed_) received_.append(buffer, size);
    return !closed_;
  }

  const UniqueFd socket_;
  std::string received_;
  bool closed_ = false;
};

}  // namespace ddskey::test

#endif  // DAEMON_RPC_SERVER_FIXTURE_H_
