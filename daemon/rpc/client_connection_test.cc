#include "daemon/rpc/client_connection.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/epoll.h>
#include <sys/socket.h>

#include <array>
#include <chrono>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "daemon/rpc/http2_frames.h"
#include "daemon/rpc/limits.h"

namespace ddskey {
namespace {

using namespace test;  // NOLINT(google-build-using-namespace): the frames are the vocabulary of this test.
using ::testing::HasSubstr;
using ::testing::SizeIs;

// A client that has asked for something, and whose window is as large as it says.
class ClientConnectionTest : public ::testing::Test {
 protected:
  void Ask(const std::string& window) {
    std::array<int, 2> ends;
    ASSERT_EQ(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0, ends.data()), 0);
    client_ = UniqueFd(ends[0]);
    Connection connection;
    connection.socket = UniqueFd(ends[1]);
    connection_ = std::make_unique<ClientConnection>(
        std::move(connection), *Http2Session::Create(1000),
        std::make_shared<RequestShares>(RequestShares::Bounds{.per_process = 1 << 20, .per_uid = 1 << 20}),
        [this] { ++changes_; }, now_);
    const std::string octets = std::string(kPreface) + Frame(kSettings, 0, 0, std::string("\0\x4", 2) + window) +
                               Frame(kHeaders, kEndHeaders, 1, RequestHeaders("/a.B/C")) +
                               Frame(kData, kEndStream, 1, Message(""));
    ASSERT_EQ(send(client_.get(), octets.data(), octets.size(), 0), static_cast<ssize_t>(octets.size()));
    ASSERT_THAT(connection_->OnReady(EPOLLIN, scratch_, now_), SizeIs(1));
  }

  const ClientConnection::Clock::time_point now_ = ClientConnection::Clock::now();
  std::array<uint8_t, 4096> scratch_;
  int changes_ = 0;
  UniqueFd client_;
  std::unique_ptr<ClientConnection> connection_;
};

TEST_F(ClientConnectionTest, S9EndsAClientThatHasNoRoomForTheAnswerThatItAskedFor) {
  ASSERT_NO_FATAL_FAILURE(Ask(std::string(4, '\0')));
  connection_->Respond(1, {0, "", "answer"});
  EXPECT_EQ(changes_, 1) << "there is a deadline now";
  EXPECT_LE(connection_->wants().deadline, ClientConnection::Clock::now() + kStalledReaderTime);
  connection_->OnDeadline(now_ + kStalledReaderTime / 2);
  EXPECT_FALSE(connection_->wants().finished);
  connection_->OnDeadline(ClientConnection::Clock::now() + kStalledReaderTime);
  EXPECT_TRUE(connection_->wants().finished);
  EXPECT_THAT(connection_->violation(), HasSubstr("does not read what it asked for"));
}

TEST_F(ClientConnectionTest, WaitsForNothingOfAClientThatHasItsAnswer) {
  ASSERT_NO_FATAL_FAILURE(Ask(std::string("\0\0\xff\xff", 4)));
  connection_->Respond(1, {0, "", "answer"});
  EXPECT_EQ(changes_, 0);
  EXPECT_EQ(connection_->wants().deadline, ClientConnection::Clock::time_point::max());
  connection_->OnDeadline(now_ + 10 * kStalledReaderTime);
  EXPECT_FALSE(connection_->wants().finished);
}

}  // namespace
}  // namespace ddskey
