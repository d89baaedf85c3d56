#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <signal.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include <atomic>
#include <filesystem>
#include <string>
#include <thread>

#include "client/channel.h"
#include "test/fakes/echo_fixture.h"

namespace ddskey::test {
namespace {

using std::chrono::milliseconds;
using ::testing::AnyOf;
using ::testing::Eq;

class ChannelAcrossRestartsTest : public EchoFixture {};

TEST_F(ChannelAcrossRestartsTest, AStoppedServerCostsNoMoreThanTheDeadline) {
  StartServer();
  server_->Freeze();
  const auto start = CallClock::now();
  EXPECT_EQ(Echo(Payload("x"), Within(milliseconds(200))).status.code, CallCode::kDeadlineExceeded);
  EXPECT_LT(CallClock::now() - start, std::chrono::seconds(10));
  server_->Signal(SIGCONT);
  EXPECT_TRUE(Echo(Payload("x")).status.ok());
}

TEST_F(ChannelAcrossRestartsTest, ACallWhoseServerIsKilledIsUnavailable) {
  StartServer();
  EchoRequest request = Payload("x");
  request.set_delay_ms(60'000);
  std::thread killer([this] {
    // A call of another connection is answered only after the first one arrived.
    Channel other(socket_);
    EchoRequest soon = Payload("y");
    soon.set_delay_ms(100);
    EchoOn(other, soon, Within(kAmple));
    server_->Kill();
  });
  const auto reply = Echo(request);
  killer.join();
  EXPECT_EQ(reply.status.code, CallCode::kUnavailable);
}

TEST_F(ChannelAcrossRestartsTest, AServerThatIsGoneIsUnavailableAtOnce) {
  StartServer();
  server_->Kill();
  EXPECT_EQ(Echo(Payload("x"), CallOptions()).status.code, CallCode::kUnavailable);
}

TEST_F(ChannelAcrossRestartsTest, AnIdleChannelGoesOnAfterARestart) {
  StartServer();
  for (int i = 0; i < 3; ++i) {
    server_->Kill();
    server_ = Process::Start({"test/fakes/echo_server", socket_}, {});
    Channel probe(socket_);
    CallOptions ready = Within(kAmple);
    ready.wait_for_ready = true;
    ASSERT_TRUE(EchoOn(probe, Payload("ready"), ready).status.ok());
    const auto reply = Echo(Payload("x"));
    EXPECT_TRUE(reply.status.ok()) << reply.status.message;
    EXPECT_EQ(reply.value.pid(), server_->pid());
  }
}

TEST_F(ChannelAcrossRestartsTest, WaitsForAServerThatStartsLater) {
  CallResult<EchoResponse> reply;
  std::atomic<bool> waiting{false};
  std::thread caller([&] {
    CallOptions options = Within(kAmple);
    options.wait_for_ready = true;
    waiting = true;
    reply = Echo(Payload("x"), options);
  });
  ASSERT_TRUE(WaitFor([&] { return waiting.load(); }));
  server_ = Process::Start({"test/fakes/echo_server", socket_}, {});
  caller.join();
  EXPECT_TRUE(reply.status.ok()) << reply.status.message;
}

TEST_F(ChannelAcrossRestartsTest, WaitingForAServerEndsAtTheDeadline) {
  CallOptions options = Within(milliseconds(100));
  options.wait_for_ready = true;
  EXPECT_EQ(Echo(Payload("x"), options).status.code, CallCode::kUnavailable);
  EXPECT_GE(CallClock::now(), options.deadline);
}

TEST_F(ChannelAcrossRestartsTest, AnIdempotentCallIsRepeatedWhenItsServerIsKilled) {
  StartServer();
  const pid_t first = server_->pid();
  EchoRequest request = Payload("x");
  request.set_delay_ms(60'000);
  request.set_delaying_pid(first);
  CallOptions options = Within(kAmple);
  options.idempotent = true;
  options.wait_for_ready = true;
  CallResult<EchoResponse> reply;
  std::thread caller([&] { reply = Echo(request, options); });
  Channel other(socket_);
  EchoRequest soon = Payload("y");
  soon.set_delay_ms(100);
  EchoOn(other, soon, Within(kAmple));
  server_->Kill();
  server_ = Process::Start({"test/fakes/echo_server", socket_}, {});
  caller.join();
  EXPECT_TRUE(reply.status.ok()) << reply.status.message;
  EXPECT_NE(reply.value.pid(), first);
}

TEST_F(ChannelAcrossRestartsTest, NoCallFailsWhileTheServerRetiresConnections) {
  StartServer("100");
  const auto end = CallClock::now() + std::chrono::seconds(2);
  int calls = 0;
  for (; CallClock::now() < end; ++calls) {
    const auto reply = Echo(Payload("x"));
    ASSERT_TRUE(reply.status.ok()) << "call " << calls << ": " << reply.status.message;
  }
  EXPECT_GT(calls, 100);
}

// PlainListener is a unix socket that is no gRPC server.
class PlainListener {
 public:
  PlainListener(const std::string& path, int backlog) : descriptor_(socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0)) {
    sockaddr_un address{};
    address.sun_family = AF_UNIX;
    path.copy(address.sun_path, sizeof(address.sun_path) - 1);
    EXPECT_EQ(bind(descriptor_, reinterpret_cast<sockaddr*>(&address), sizeof(address)), 0);
    EXPECT_EQ(listen(descriptor_, backlog), 0);
  }
  ~PlainListener() { close(descriptor_); }
  PlainListener(const PlainListener&) = delete;
  PlainListener& operator=(const PlainListener&) = delete;

  // Answer accepts one connection, sends `octets` and waits until the caller has hung up.
  void Answer(const std::string& octets) const {
    const int connection = accept4(descriptor_, nullptr, nullptr, SOCK_CLOEXEC);
    EXPECT_EQ(send(connection, octets.data(), octets.size(), MSG_NOSIGNAL), static_cast<ssize_t>(octets.size()));
    char buffer[4096];
    while (read(connection, buffer, sizeof(buffer)) > 0) {
    }
    close(connection);
  }

 private:
  const int descriptor_;
};

TEST_F(ChannelAcrossRestartsTest, AListenerThatNeverAcceptsCostsNoMoreThanTheDeadline) {
  const PlainListener listener(socket_, 8);
  EXPECT_EQ(Echo(Payload("x"), Within(milliseconds(100))).status.code, CallCode::kDeadlineExceeded);
}

TEST_F(ChannelAcrossRestartsTest, AFullBacklogCostsNoMoreThanTheDeadline) {
  const PlainListener listener(socket_, 0);
  Channel first(socket_);
  EchoOn(first, Payload("x"), Within(milliseconds(100)));
  Channel second(socket_);
  const auto start = CallClock::now();
  EXPECT_EQ(EchoOn(second, Payload("x"), Within(milliseconds(200))).status.code, CallCode::kDeadlineExceeded);
  EXPECT_LT(CallClock::now() - start, std::chrono::seconds(10));
}

TEST_F(ChannelAcrossRestartsTest, APeerThatSpeaksSomethingElseIsAnErrorAtOnce) {
  const PlainListener listener(socket_, 8);
  std::thread server([&] { listener.Answer("HTTP/1.1 400 Bad Request\r\n\r\nand more than nine octets"); });
  const auto reply = Echo(Payload("x"), CallOptions());
  EXPECT_THAT(reply.status.code, AnyOf(Eq(CallCode::kUnavailable), Eq(CallCode::kInternal)));
  channel_.~Channel();
  new (&channel_) Channel(socket_);
  server.join();
}

}  // namespace
}  // namespace ddskey::test
