#include "daemon/rpc/server.h"

#include <grpcpp/alarm.h>
#include <grpcpp/client_context.h>
#include <grpcpp/impl/codegen/client_unary_call.h>
#include <grpcpp/server_builder.h>
#include <gtest/gtest.h>
#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <chrono>
#include <cstdio>
#include <memory>
#include <string>
#include <thread>
#include <vector>

#include "daemon/rpc/http2_frames.h"
#include "daemon/rpc/server_fixture.h"
#include "test/support/process.h"
#include "test/support/temp_dir.h"

namespace ddskey {
namespace {

using std::chrono::milliseconds;
using test::EchoReply;
using test::EchoRequest;
using test::EchoService;
using test::ServerKind;
using test::WaitFor;

struct HasTempDir {
  const test::TempDir dir_;
};

class ServerTest : public ::testing::TestWithParam<ServerKind>, protected HasTempDir, protected test::ServerFixture {
 protected:
  ServerTest() : ServerFixture(dir_.File("socket"), GetParam()) {}
};

INSTANTIATE_TEST_SUITE_P(Kinds, ServerTest, ::testing::Values(ServerKind::kGrpc, ServerKind::kUnary),
                         &test::ServerKindName);

// What only gRPC's server does.
class RpcServerTest : public ::testing::Test, protected HasTempDir, protected test::ServerFixture {
 protected:
  RpcServerTest() : ServerFixture(dir_.File("socket")) {}
};

TEST_P(ServerTest, S10TellsHandlersWhichProcessIsCalling) {
  ASSERT_NO_FATAL_FAILURE(Start());
  const auto stub = Connect();
  EchoReply reply;
  const grpc::Status status = Call(*stub, EchoRequest(), &reply);
  ASSERT_TRUE(status.ok()) << status.error_message();
  EXPECT_EQ(reply.pid(), getpid());
  EXPECT_EQ(reply.uid(), getuid());
  EXPECT_EQ(reply.gid(), getgid());
  EXPECT_GT(reply.start_time(), 0u);
}

TEST_P(ServerTest, ServesManyCallsOfManyThreadsOnFewConnections) {
  ASSERT_NO_FATAL_FAILURE(Start());
  constexpr int kThreads = 8;
  constexpr int kCalls = 10'000;
  const auto first = Connect();
  const auto second = Connect();
  std::atomic<int> good{0};
  std::vector<std::thread> threads;
  threads.reserve(kThreads);
  for (int t = 0; t < kThreads; ++t) {
    threads.emplace_back([&, t] {
      for (int i = t; i < kCalls; i += kThreads) good += Echoes(t % 2 == 0 ? *first : *second) ? 1 : 0;
    });
  }
  for (std::thread& thread : threads) thread.join();
  EXPECT_EQ(good, kCalls);
  EXPECT_EQ(server_->connection_count(), 2u);
  EXPECT_EQ(server_->refused_count(), 0u);
}

TEST_P(ServerTest, CarriesLargeMessagesBothWays) {
  ASSERT_NO_FATAL_FAILURE(Start({.name = "test", .limits = {}, .max_message_octets = 2 << 20}));
  const auto stub = Connect();
  std::string payload(1 << 20, '\0');
  for (size_t i = 0; i < payload.size(); ++i) payload[i] = static_cast<char>(i * 2654435761u >> 24);
  for (int i = 0; i < 20; ++i) {
    EchoRequest request;
    request.set_payload(payload);
    EchoReply reply;
    const grpc::Status status = Call(*stub, request, &reply);
    ASSERT_TRUE(status.ok()) << status.error_message();
    ASSERT_EQ(reply.payload(), payload);
  }
  EXPECT_EQ(server_->refused_count(), 0u);
}

TEST_P(ServerTest, S17RefusesAMessageOverTheLimitAndGoesOn) {
  ASSERT_NO_FATAL_FAILURE(Start());
  const auto stub = Connect();
  EchoRequest request;
  EchoReply reply;
  request.set_payload(std::string(kApplicationMessageOctets - 16, 'x'));
  EXPECT_TRUE(Call(*stub, request, &reply).ok());
  request.set_payload(std::string(kApplicationMessageOctets, 'x'));
  EXPECT_EQ(Call(*stub, request, &reply).error_code(), grpc::StatusCode::RESOURCE_EXHAUSTED);
  EXPECT_EQ(service_.calls, 1);
  EXPECT_TRUE(Echoes(*stub));
  EXPECT_EQ(server_->refused_count(), 0u);
}

TEST_F(RpcServerTest, StreamsToAClient) {
  ASSERT_NO_FATAL_FAILURE(Start());
  const auto stub = Connect();
  EchoRequest request;
  request.set_want_octets(20'000);
  request.set_count(2000);
  grpc::ClientContext context;
  const auto reader = stub->Stream(&context, request);
  EchoReply reply;
  int count = 0;
  for (; reader->Read(&reply); ++count) ASSERT_EQ(reply.payload().size(), 20'000u);
  EXPECT_EQ(count, 2000);
  EXPECT_TRUE(reader->Finish().ok());
  EXPECT_EQ(server_->refused_count(), 0u);
}

TEST_P(ServerTest, CancelsWhatTheClientCancels) {
  ASSERT_NO_FATAL_FAILURE(Start());
  const auto stub = Connect();
  constexpr int kCancelled = 20;
  for (int i = 0; i < kCancelled; ++i) {
    EchoRequest request;
    request.set_sleep_ms(60'000);
    grpc::ClientContext context;
    EchoReply reply;
    std::thread canceller([&] {
      WaitFor([&] { return service_.running == 1; });
      context.TryCancel();
    });
    EXPECT_EQ(stub->Unary(&context, request, &reply).error_code(), grpc::StatusCode::CANCELLED);
    canceller.join();
    ASSERT_TRUE(WaitFor([&] { return service_.running == 0; }));
  }
  EXPECT_EQ(service_.cancelled, kCancelled);
  EXPECT_TRUE(Echoes(*stub));
  EXPECT_EQ(server_->refused_count(), 0u);
}

TEST_P(ServerTest, EndsTheCallsOfAClientThatIsGone) {
  ASSERT_NO_FATAL_FAILURE(Start());
  EchoRequest request;
  request.set_sleep_ms(600'000);
  for (int i = 0; i < 20; ++i) {
    auto client = std::make_unique<test::RawClient>(path_);
    ASSERT_TRUE(client->Send(
        test::Hello() +
        test::Frame(test::kHeaders, test::kEndHeaders, 1, test::RequestHeaders("/ddskey.test.EchoService/Unary")) +
        test::Frame(test::kData, test::kEndStream, 1, test::Message(request.SerializeAsString()))));
    ASSERT_TRUE(WaitFor([&] { return service_.running == 1; }));
    // Some go in the middle of what they say next.
    if (i % 2 == 0) {
      ASSERT_TRUE(client->Send(test::Frame(test::kPing, 0, 0, "12345678").substr(0, 12)));
    }
    client.reset();
    ASSERT_TRUE(WaitFor([&] { return service_.running == 0; }));
  }
  EXPECT_EQ(service_.cancelled, 20);
  EXPECT_TRUE(WaitFor([&] { return server_->connection_count() == 0; }));
  EXPECT_TRUE(WaitFor([&] { return peers_.size() == 0; }));
}

TEST_F(RpcServerTest, TellsItsHealth) {
  ASSERT_NO_FATAL_FAILURE(Start());
  // grpc.health.v1.HealthCheckRequest without a service is empty; HealthCheckResponse is `status` as field 1.
  const auto channel = ConnectChannel();
  const auto check = [&] {
    grpc::internal::RpcMethod method("/grpc.health.v1.Health/Check", grpc::internal::RpcMethod::NORMAL_RPC, channel);
    grpc::ClientContext context;
    const grpc::Slice nothing;
    grpc::ByteBuffer request(&nothing, 1);
    grpc::ByteBuffer response;
    const grpc::Status status = grpc::internal::BlockingUnaryCall<grpc::ByteBuffer, grpc::ByteBuffer>(
        channel.get(), method, &context, request, &response);
    if (!status.ok()) return status.error_message();
    grpc::Slice slice;
    if (!response.DumpToSingleSlice(&slice).ok()) return std::string("no answer");
    return std::string(slice.begin(), slice.end());
  };
  EXPECT_EQ(check(), std::string("\x08\x01"));
  server_->SetServing(false);
  EXPECT_EQ(check(), std::string("\x08\x02"));
  server_->SetServing(true);
  EXPECT_EQ(check(), std::string("\x08\x01"));
}

TEST_P(ServerTest, S17BoundsTheConnectionsOfAProcess) {
  ASSERT_NO_FATAL_FAILURE(Start({.name = "test", .limits = {.connections_per_process = 3}}));
  std::vector<std::unique_ptr<EchoService::Stub>> stubs;
  for (int i = 0; i < 3; ++i) {
    stubs.push_back(Connect());
    ASSERT_TRUE(Echoes(*stubs.back()));
  }
  test::RawClient over(path_);
  EXPECT_TRUE(over.ReadToTheEnd());
  EXPECT_EQ(server_->connection_count(), 3u);
  // One that leaves makes room.
  stubs.pop_back();
  ASSERT_TRUE(WaitFor([&] { return server_->connection_count() == 2; }));
  EXPECT_TRUE(Echoes(*Connect()));
}

TEST_P(ServerTest, LetsACallFinishWhileItShutsDown) {
  ASSERT_NO_FATAL_FAILURE(Start());
  const auto stub = Connect();
  EchoRequest request;
  request.set_payload("finished");
  request.set_sleep_ms(300);
  EchoReply reply;
  grpc::Status status;
  std::thread caller([&] { status = Call(*stub, request, &reply); });
  ASSERT_TRUE(WaitFor([&] { return service_.running == 1; }));
  server_->Shutdown(std::chrono::seconds(20));
  caller.join();
  EXPECT_TRUE(status.ok()) << status.error_message();
  EXPECT_EQ(reply.payload(), "finished");
  EXPECT_FALSE(std::filesystem::exists(path_));
  EXPECT_EQ(server_->connection_count(), 0u);
}

TEST_P(ServerTest, NoCallOutlivesTheServerHoweverLateItsRequestEnds) {
  ASSERT_NO_FATAL_FAILURE(Start());
  EchoRequest request;
  request.set_sleep_ms(600'000);
  test::RawClient client(path_);
  const auto part = [](uint32_t stream) {
    return test::Frame(test::kHeaders, test::kEndHeaders, stream,
                       test::RequestHeaders("/ddskey.test.EchoService/Unary"));
  };
  // Begun before, ended while the server shuts down: for as long as it listens.
  std::string begun = test::Hello();
  for (uint32_t stream = 1; stream < 64; stream += 2) begun += part(stream);
  ASSERT_TRUE(client.Send(begun));
  ASSERT_TRUE(WaitFor([&] { return server_->connection_count() == 1; }));
  std::thread sender([&] {
    for (uint32_t stream = 1; stream < 64; stream += 2) {
      if (!client.Send(
              test::Frame(test::kData, test::kEndStream, stream, test::Message(request.SerializeAsString())))) {
        return;
      }
    }
  });
  server_->Shutdown(milliseconds(0));
  EXPECT_EQ(service_.running, 0);
  sender.join();
}

TEST_P(ServerTest, CancelsACallThatOutlivesTheGraceOfItsShutdown) {
  ASSERT_NO_FATAL_FAILURE(Start());
  const auto stub = Connect();
  EchoRequest request;
  request.set_sleep_ms(600'000);
  EchoReply reply;
  grpc::Status status;
  std::thread caller([&] { status = Call(*stub, request, &reply); });
  ASSERT_TRUE(WaitFor([&] { return service_.running == 1; }));
  const auto begun = std::chrono::steady_clock::now();
  server_->Shutdown(milliseconds(50));
  EXPECT_LT(std::chrono::steady_clock::now() - begun, std::chrono::seconds(10));
  caller.join();
  EXPECT_FALSE(status.ok());
  EXPECT_EQ(service_.running, 0);
}

TEST_P(ServerTest, AClientFindsTheNextServerByItself) {
  ASSERT_NO_FATAL_FAILURE(Start());
  const auto stub = Connect();
  ASSERT_TRUE(Echoes(*stub));
  server_.reset();
  ASSERT_NO_FATAL_FAILURE(Start());
  EXPECT_TRUE(WaitFor([&] { return Echoes(*stub); }));
}

// Not a check: what the guard adds to a call, for docs/benchmarks.md.
TEST_F(RpcServerTest, PrintsTheTimeOfACall) {
  ASSERT_NO_FATAL_FAILURE(Start());
  grpc::ServerBuilder builder;
  const std::string bare_path = dir_.File("bare");
  test::FakeEchoService bare_service(peers_);
  builder.AddListeningPort("unix:" + bare_path, grpc::InsecureServerCredentials());
  builder.RegisterService(&bare_service);
  const auto bare = builder.BuildAndStart();
  const auto bare_stub =
      EchoService::NewStub(grpc::CreateChannel("unix:" + bare_path, grpc::InsecureChannelCredentials()));
  const auto guarded_stub = Connect();
  constexpr int kCalls = 3000;
  std::vector<double> times[2];
  // In turns, so that what else the machine does falls on both.
  for (int i = 0; i < 2 * kCalls; ++i) {
    EchoRequest request;
    EchoReply reply;
    const auto begun = std::chrono::steady_clock::now();
    Call(i % 2 == 0 ? *guarded_stub : *bare_stub, request, &reply);
    times[i % 2].push_back(std::chrono::duration<double, std::micro>(std::chrono::steady_clock::now() - begun).count());
  }
  for (auto& list : times) std::sort(list.begin(), list.end());
  std::printf("unary call, p50: %.0f us with the guard, %.0f us on a bare gRPC listener\n", times[0][kCalls / 2],
              times[1][kCalls / 2]);
  EXPECT_EQ(times[0].size(), times[1].size());
}

}  // namespace
}  // namespace ddskey
