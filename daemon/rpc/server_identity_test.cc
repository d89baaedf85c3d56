#include <grpcpp/client_context.h>
#include <grpcpp/create_channel_posix.h>
#include <gtest/gtest.h>

#include <atomic>
#include <memory>
#include <string>
#include <thread>
#include <vector>

#include "daemon/rpc/connected_child.h"
#include "daemon/rpc/server_fixture.h"
#include "test/support/process.h"
#include "test/support/temp_dir.h"

namespace ddskey {
namespace {

using test::ConnectedChild;
using test::EchoReply;
using test::EchoRequest;
using test::EchoService;
using test::WaitFor;

struct HasTempDir {
  const test::TempDir dir_;
};

class ServerIdentityTest : public ::testing::TestWithParam<test::ServerKind>,
                           protected HasTempDir,
                           protected test::ServerFixture {
 protected:
  ServerIdentityTest() : ServerFixture(dir_.File("socket"), GetParam()) {}

  void SetUp() override {
    // For other users.
    ASSERT_EQ(chmod(dir_.path().c_str(), 0755), 0);
  }

  // CallAs makes a call on the connection of `child`.
  static grpc::Status CallAs(ConnectedChild& child, EchoReply* reply) {
    const auto stub = EchoService::NewStub(grpc::CreateInsecureChannelFromFd("child", child.TakeSocket()));
    return Call(*stub, EchoRequest(), reply);
  }
};

INSTANTIATE_TEST_SUITE_P(Kinds, ServerIdentityTest,
                         ::testing::Values(test::ServerKind::kGrpc, test::ServerKind::kUnary), &test::ServerKindName);

TEST_P(ServerIdentityTest, S10NeverMistakesOneProcessForAnother) {
  ASSERT_NO_FATAL_FAILURE(Start());
  constexpr int kThreads = 4;
  constexpr int kConnections = 75;
  std::atomic<int> right{0};
  std::vector<std::thread> threads;
  threads.reserve(kThreads);
  for (int t = 0; t < kThreads; ++t) {
    threads.emplace_back([&, t] {
      for (int i = 0; i < kConnections; ++i) {
        const uid_t user = 20'000 + 1000 * t + i;
        ConnectedChild child(path_, {.user = user, .groups = {}, .user_afterwards = {}});
        EchoReply reply;
        const grpc::Status status = CallAs(child, &reply);
        right += status.ok() && reply.uid() == user && reply.gid() == user && reply.pid() == child.pid() ? 1 : 0;
      }
    });
  }
  for (std::thread& thread : threads) thread.join();
  EXPECT_EQ(right, kThreads * kConnections);
  EXPECT_TRUE(WaitFor([&] { return server_->connection_count() == 0; }));
}

TEST_P(ServerIdentityTest, S10AConnectionThatWasPassedOnKeepsWhoMadeIt) {
  ASSERT_NO_FATAL_FAILURE(Start());
  ConnectedChild child(path_, {.user = 12345, .groups = {}, .user_afterwards = {}});
  EchoReply reply;
  ASSERT_TRUE(CallAs(child, &reply).ok());
  EXPECT_EQ(reply.uid(), 12345u);
  EXPECT_NE(reply.pid(), getpid());
}

TEST_P(ServerIdentityTest, S17AUserThatTakesAllItsConnectionsLeavesThoseOfOthers) {
  ASSERT_NO_FATAL_FAILURE(Start({.name = "test", .limits = {.connections_per_uid = 5}}));
  std::vector<std::unique_ptr<ConnectedChild>> greedy;
  for (int i = 0; i < 20; ++i) {
    greedy.push_back(std::make_unique<ConnectedChild>(
        path_, ConnectedChild::Options{.user = 12345, .groups = {}, .user_afterwards = {}}));
  }
  EXPECT_TRUE(WaitFor([&] { return server_->connection_count() == 5; }));
  ConnectedChild other(path_, {.user = 12346, .groups = {}, .user_afterwards = {}});
  EchoReply reply;
  EXPECT_TRUE(CallAs(other, &reply).ok());
  EXPECT_EQ(reply.uid(), 12346u);
}

}  // namespace
}  // namespace ddskey
