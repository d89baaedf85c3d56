#include <gmock/gmock.h>
#include <grpcpp/client_context.h>
#include <grpcpp/create_channel.h>
#include <gtest/gtest.h>

#include <atomic>
#include <list>
#include <memory>
#include <mutex>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include "daemon/rpc/connected_child.h"
#include "daemon/rpc/http2_frames.h"
#include "daemon/rpc/limits.h"
#include "daemon/rpc/listening_socket.h"
#include "daemon/rpc/server_fixture.h"
#include "daemon/rpc/service_table.h"
#include "daemon/rpc/unary_server.h"
#include "test/support/process.h"
#include "test/support/temp_dir.h"

namespace ddskey {
namespace {

using namespace test;  // NOLINT(google-build-using-namespace): the frames are the vocabulary of this test.
using ::testing::HasSubstr;

struct HasTempDir {
  const TempDir dir_;
};

class ServerMemoryTest : public ::testing::TestWithParam<ServerKind>, protected HasTempDir, protected ServerFixture {
 protected:
  ServerMemoryTest() : ServerFixture(dir_.File("socket"), GetParam()) {}
};

INSTANTIATE_TEST_SUITE_P(Kinds, ServerMemoryTest, ::testing::Values(ServerKind::kGrpc, ServerKind::kUnary),
                         &ServerKindName);

// A request that is not finished yet.
std::string Begun(uint32_t stream) {
  return Frame(kHeaders, kEndHeaders, stream, RequestHeaders("/ddskey.test.EchoService/Unary"));
}

// A call that is not answered.
std::string Waiting(uint32_t stream) {
  EchoRequest request;
  request.set_sleep_ms(600'000);
  return Frame(kHeaders, kEndHeaders, stream, RequestHeaders("/ddskey.test.EchoService/Unary")) +
         Frame(kData, kEndStream, stream, Message(request.SerializeAsString()));
}

// gRPC takes memory for each call, asked for by whomever, and resets anybody's connections when it has too much.
TEST_P(ServerMemoryTest, S17UnansweredRequestsOfAProcessAreBounded) {
  ASSERT_NO_FATAL_FAILURE(Start());
  // The octets of the messages count as well.
  constexpr size_t kFull = kRequestOctetsPerProcess / (kStreams * kRequestCost) - 1;
  std::string calls = Hello();
  for (uint32_t stream = 0; stream < kStreams; ++stream) calls += Waiting(2 * stream + 1);
  std::list<RawClient> clients;
  for (size_t i = 0; i < kFull; ++i) {
    ASSERT_TRUE(clients.emplace_back(path_).Send(calls));
    ASSERT_TRUE(WaitFor([&] { return service_.running == static_cast<int>(kStreams * (i + 1)); }));
  }
  RawClient over(path_);
  over.Send(calls);
  EXPECT_TRUE(over.ReadToTheEnd());
  EXPECT_THAT(over.received(), HasSubstr("too much memory for the unanswered requests of this process"));

  // Another process of this user goes on.
  ConnectedChild child(path_, {});
  RawClient other(UniqueFd(child.TakeSocket()));
  ASSERT_TRUE(other.Send(Hello() + Frame(kHeaders, kEndHeaders, 1, RequestHeaders("/ddskey.test.EchoService/Unary")) +
                         Frame(kData, kEndStream, 1, Message(""))));
  EXPECT_TRUE(other.ReadUntil(kTrailers));
  // So does this one, when it has given back what it had. The child has a copy of each socket.
  child.Kill();
  clients.pop_back();
  ASSERT_TRUE(WaitFor([&] { return server_->connection_count() == kFull; }));
  EXPECT_TRUE(Echoes(*Connect()));
}

TEST_P(ServerMemoryTest, S17OctetsOfUnfinishedRequestsCount) {
  ASSERT_NO_FATAL_FAILURE(Start());
  constexpr size_t kWindow = 65535;  // of a new connection (RFC 9113, 6.9.2)
  const std::string message = Message(std::string(kApplicationMessageOctets / 2, 'x'));
  std::list<RawClient> clients;
  bool refused = false;
  for (size_t octets = 0; !refused && octets <= kRequestOctetsPerProcess; octets += size_t{3} * kFrameOctets) {
    if (clients.size() == Limits().connections_per_process) break;
    std::string request = Hello();
    for (uint32_t stream = 1; stream < 2 * kStreams; stream += 2) request += Begun(stream);
    static_assert(3 * kFrameOctets < kWindow);
    for (size_t i = 0; i < 3; ++i) {
      request += Frame(kData, 0, 1, std::string_view(message).substr(i * kFrameOctets, kFrameOctets));
    }
    refused = !clients.emplace_back(path_).Send(request) || !clients.back().ReadUntil(std::string("\x04\x01", 2));
  }
  ASSERT_TRUE(refused);
  EXPECT_THAT(clients.back().received(), HasSubstr("of this process"));
  // Without their DATA that many connections would be in order.
  EXPECT_LE((clients.size() - 1) * kStreams * kRequestCost, kRequestOctetsPerProcess);
  EXPECT_GT(clients.size() * (kStreams * kRequestCost + size_t{3} * kFrameOctets), kRequestOctetsPerProcess);
}

// A client that takes its requests back has not given back what they take here.
TEST(UnaryServerMemoryTest, S17RequestsCountUntilTheirCallsEndWhateverTheirClientDid) {
  const TempDir dir;
  ServiceTable services;
  std::mutex mutex;
  std::vector<ServiceTable::Call> held;
  services.Add<EchoRequest, EchoReply>("/ddskey.test.EchoService/Unary",
                                       [&](const ServiceTable::Call& call, const EchoRequest&, EchoReply*) {
                                         const std::lock_guard lock(mutex);
                                         held.push_back(call);
                                       });
  const auto server = *UnaryServer::Start(*ListeningSocket::Bind(dir.File("socket"), 0600),
                                          {.name = "test", .limits = {}}, std::move(services));
  const auto stub =
      EchoService::NewStub(grpc::CreateChannel("unix:" + dir.File("socket"), grpc::InsecureChannelCredentials()));
  EchoRequest request;
  request.set_payload(std::string(kApplicationMessageOctets - 100, 'x'));
  const auto call = [&] {
    grpc::ClientContext context;
    EchoReply reply;
    std::atomic<bool> answered = false;
    std::thread canceller([&, before = [&] {
      const std::lock_guard lock(mutex);
      return held.size();
    }()] {
      WaitFor([&] {
        const std::lock_guard lock(mutex);
        return answered || held.size() > before;
      });
      context.TryCancel();
    });
    const grpc::Status status = stub->Unary(&context, request, &reply);
    answered = true;
    canceller.join();
    return status;
  };
  constexpr size_t kFull = kRequestOctetsPerProcess / (kApplicationMessageOctets + kRequestCost);
  for (size_t i = 0; i + 1 < kFull; ++i) EXPECT_EQ(call().error_code(), grpc::StatusCode::CANCELLED) << i;
  grpc::Status over;
  for (size_t i = 0; i < 3 && over.error_code() != grpc::StatusCode::RESOURCE_EXHAUSTED; ++i) over = call();
  EXPECT_EQ(over.error_code(), grpc::StatusCode::RESOURCE_EXHAUSTED) << over.error_message();
  {
    const std::lock_guard lock(mutex);
    held.clear();
  }
  EXPECT_EQ(call().error_code(), grpc::StatusCode::CANCELLED) << "there is room again";
  const std::lock_guard lock(mutex);
  held.clear();
}

}  // namespace
}  // namespace ddskey
