#include "client/channel.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <unistd.h>

#include <atomic>
#include <random>
#include <string>
#include <thread>
#include <vector>

#include "test/fakes/echo_fixture.h"

namespace ddskey::test {
namespace {

using std::chrono::milliseconds;
using ::testing::AllOf;
using ::testing::HasSubstr;

class ChannelTest : public EchoFixture {
 protected:
  void SetUp() override { StartServer(); }
};

TEST_F(ChannelTest, BringsTheAnswerOfTheServer) {
  const auto reply = Echo(Payload("hello"));
  ASSERT_TRUE(reply.status.ok()) << reply.status.message;
  EXPECT_EQ(reply.value.payload(), "hello");
}

TEST_F(ChannelTest, BringsAnEmptyAnswer) {
  const auto reply = Echo(Payload(""));
  ASSERT_TRUE(reply.status.ok()) << reply.status.message;
  EXPECT_EQ(reply.value.payload(), "");
}

TEST_F(ChannelTest, TellsTheServerItsDeadline) {
  EXPECT_GT(Echo(Payload(""), Within(milliseconds(20'000))).value.time_left_ms(), 10'000);
  EXPECT_LE(Echo(Payload(""), Within(milliseconds(20'000))).value.time_left_ms(), 20'000);
  EXPECT_GT(Echo(Payload(""), Within(std::chrono::hours(48))).value.time_left_ms(), 47 * 3'600'000);
}

TEST_F(ChannelTest, BringsEveryErrorCode) {
  for (int code = 1; code <= 16; ++code) {
    EchoRequest request = Payload("x");
    request.set_code(code);
    request.set_message("reason " + std::to_string(code));
    const auto reply = Echo(request);
    EXPECT_EQ(static_cast<int>(reply.status.code), code);
    EXPECT_EQ(reply.status.message, "reason " + std::to_string(code));
  }
}

TEST_F(ChannelTest, BringsOddAndLongMessagesUnchanged) {
  std::string ascii;
  for (char c = 1; c < 127; ++c) ascii += c;
  for (const std::string& message : {ascii, std::string("100% \xc3\xa9\n%4g %"), std::string(7000, 'e')}) {
    EchoRequest request = Payload("x");
    request.set_code(static_cast<int>(CallCode::kNotFound));
    request.set_message(message);
    const auto reply = Echo(request);
    EXPECT_EQ(reply.status.code, CallCode::kNotFound);
    EXPECT_EQ(reply.status.message, message);
  }
}

TEST_F(ChannelTest, SurvivesAMessageTooLongForAnyHeader) {
  EchoRequest request = Payload("x");
  request.set_code(static_cast<int>(CallCode::kNotFound));
  request.set_message(std::string(200'000, 'e'));
  EXPECT_FALSE(Echo(request).status.ok());
  EXPECT_TRUE(Echo(Payload("y")).status.ok());
}

TEST_F(ChannelTest, EndsACallAtItsDeadline) {
  EchoRequest request = Payload("x");
  request.set_delay_ms(60'000);
  const auto start = CallClock::now();
  const auto reply = Echo(request, Within(milliseconds(100)));
  EXPECT_EQ(reply.status.code, CallCode::kDeadlineExceeded);
  EXPECT_GE(CallClock::now() - start, milliseconds(100));
  EXPECT_LT(CallClock::now() - start, std::chrono::seconds(10));
  EXPECT_TRUE(Echo(Payload("y")).status.ok());
}

TEST_F(ChannelTest, MakesNoCallWhoseDeadlineHasPassed) {
  EXPECT_EQ(Echo(Payload("x"), Within(milliseconds(-1))).status.code, CallCode::kDeadlineExceeded);
}

TEST_F(ChannelTest, CarriesLargeMessagesBothWays) {
  for (const size_t size : {65'535u, 65'536u, 1u << 20, 3u << 20}) {
    const std::string payload(size, 'q');
    const auto reply = Echo(Payload(payload));
    ASSERT_TRUE(reply.status.ok()) << reply.status.message;
    EXPECT_EQ(reply.value.payload() == payload, true);
  }
}

TEST_F(ChannelTest, RefusesAnAnswerOverItsLimitAndGoesOn) {
  EchoRequest request = Payload("x");
  request.set_response_size(5 << 20);
  const auto reply = Echo(request);
  EXPECT_EQ(reply.status.code, CallCode::kResourceExhausted);
  EXPECT_THAT(reply.status.message, HasSubstr("over the limit"));
  EXPECT_TRUE(Echo(Payload("y")).status.ok());
}

TEST_F(ChannelTest, ReportsARequestOverTheLimitOfTheServerAndGoesOn) {
  EXPECT_EQ(Echo(Payload(std::string(5 << 20, 'q'))).status.code, CallCode::kResourceExhausted);
  EXPECT_TRUE(Echo(Payload("y")).status.ok());
}

TEST_F(ChannelTest, CarriesMessagesOfManySizesOnOneConnection) {
  std::mt19937 random(7);
  for (int i = 0; i < 1'000; ++i) {
    EchoRequest request = Payload(std::string(random() % (i % 10 == 0 ? 100'000 : 2'000), 'p'));
    request.set_response_size(i % 3 == 0 ? 1 + random() % 100'000 : 0);
    const size_t expected = request.response_size() > 0 ? request.response_size() : request.payload().size();
    const auto reply = Echo(request);
    ASSERT_TRUE(reply.status.ok()) << i << ": " << reply.status.message;
    ASSERT_EQ(reply.value.payload().size(), expected) << i;
  }
}

TEST_F(ChannelTest, SaysThatAMethodIsUnknown) {
  EchoResponse response;
  const CallStatus status = channel_.Call("/ddskey.test.EchoService/None", Payload("x"), &response, Within(kAmple));
  EXPECT_EQ(status.code, CallCode::kUnimplemented);
}

TEST_F(ChannelTest, ServesMoreThreadsThanItKeepsConnections) {
  std::atomic<int> failed{0};
  std::vector<std::thread> threads;
  threads.reserve(24);
  for (int i = 0; i < 24; ++i) {
    threads.emplace_back([this, i, &failed] {
      for (int k = 0; k < 100; ++k) {
        const std::string payload = std::to_string(i) + "/" + std::to_string(k);
        const auto reply = Echo(Payload(payload));
        if (!reply.status.ok() || reply.value.payload() != payload) ++failed;
      }
    });
  }
  for (std::thread& thread : threads) thread.join();
  EXPECT_EQ(failed, 0);
}

TEST_F(ChannelTest, S10RefusesAServerOfAnotherUser) {
  Channel channel(socket_, {geteuid() + 1});
  const auto reply = EchoOn(channel, Payload("secret"), Within(kAmple));
  EXPECT_EQ(reply.status.code, CallCode::kUnauthenticated);
  EXPECT_THAT(reply.status.message, AllOf(HasSubstr(socket_), HasSubstr(std::to_string(geteuid()))));
}

TEST_F(ChannelTest, S10AcceptsAServerOfATrustedUser) {
  Channel channel(socket_, {geteuid() + 1, geteuid()});
  EXPECT_TRUE(EchoOn(channel, Payload("x"), Within(kAmple)).status.ok());
}

TEST(ChannelWithoutServerTest, SaysAtOnceThatNobodyListens) {
  TempDir folder;
  Channel channel(folder.File("s"));
  EchoResponse response;
  const CallStatus status = channel.Call("/ddskey.test.EchoService/Echo", EchoRequest(), &response, CallOptions());
  EXPECT_EQ(status.code, CallCode::kUnavailable);
  EXPECT_THAT(status.message, HasSubstr(folder.File("s")));
}

TEST(ChannelWithoutServerTest, RefusesAPathNoSocketCanHave) {
  for (const std::string& path : {std::string(), std::string(200, 'p')}) {
    Channel channel(path);
    EchoResponse response;
    const CallStatus status = channel.Call("/ddskey.test.EchoService/Echo", EchoRequest(), &response, CallOptions());
    EXPECT_EQ(status.code, CallCode::kInvalidArgument);
  }
}

}  // namespace
}  // namespace ddskey::test
