#include "daemon/rpc/relay.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <poll.h>
#include <sys/epoll.h>
#include <sys/socket.h>

#include <array>
#include <chrono>
#include <string>
#include <string_view>
#include <vector>

#include "daemon/rpc/http2_frames.h"
#include "daemon/rpc/limits.h"

namespace ddskey {
namespace {

using namespace test;  // NOLINT(google-build-using-namespace): the frames are the vocabulary of this test.
using std::chrono::seconds;
using ::testing::HasSubstr;

class RelayTest : public ::testing::Test {
 protected:
  RelayTest() {
    std::array<int, 2> ends = {-1, -1};
    EXPECT_EQ(socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0, ends.data()), 0);
    client_.Reset(ends[0]);
    UniqueFd client_side(ends[1]);
    EXPECT_EQ(socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0, ends.data()), 0);
    server_.Reset(ends[0]);
    relay_ = std::make_unique<Relay>(std::move(client_side), UniqueFd(ends[1]), now_);
  }

  // Pump does what the guard does, until nothing happens any more.
  void Pump() {
    while (!relay_->finished()) {
      const uint32_t client = Ready(relay_->client(), relay_->client_events());
      if (client != 0) relay_->OnClient(client, scratch_, now_);
      if (relay_->finished()) return;
      const uint32_t server = Ready(relay_->server(), relay_->server_events());
      if (server != 0) relay_->OnServer(server, scratch_, now_);
      if (client == 0 && server == 0) return;
    }
  }

  static uint32_t Ready(int socket, uint32_t events) {
    // poll's and epoll's bits have the same values. What is not watched tells nothing.
    if (events == 0) return 0;
    pollfd entry = {.fd = socket, .events = static_cast<int16_t>(events), .revents = 0};
    return poll(&entry, 1, 0) == 1 ? static_cast<uint32_t>(static_cast<uint16_t>(entry.revents)) : 0;
  }

  // Write writes what the socket takes, and returns the number of octets.
  static size_t Write(const UniqueFd& socket, std::string_view octets) {
    const ssize_t size = send(socket.get(), octets.data(), octets.size(), MSG_NOSIGNAL);
    return size < 0 ? 0 : static_cast<size_t>(size);
  }

  // Read reads all that is there.
  static std::string Read(const UniqueFd& socket) {
    std::string out;
    char buffer[8192];
    for (;;) {
      const ssize_t size = recv(socket.get(), buffer, sizeof(buffer), 0);
      if (size <= 0) return out;
      out.append(buffer, size);
    }
  }

  static bool AtEnd(const UniqueFd& socket) {
    char octet;
    return recv(socket.get(), &octet, 1, MSG_PEEK) == 0;
  }

  static std::string FirstRequest() {
    return Hello() + Frame(kHeaders, kEndHeaders, 1, "headers") + Frame(kData, kEndStream, 1, "message");
  }

  Relay::Clock::time_point now_ = Relay::Clock::time_point(seconds(1000));
  std::vector<uint8_t> scratch_ = std::vector<uint8_t>(64 * 1024);
  UniqueFd client_;
  UniqueFd server_;
  std::unique_ptr<Relay> relay_;
};

TEST_F(RelayTest, RelaysBothWays) {
  Write(client_, FirstRequest());
  Pump();
  EXPECT_EQ(Read(server_), FirstRequest());
  const std::string answer = Frame(kSettings, 0, 0) + Frame(kHeaders, kEndHeaders | kEndStream, 1, "trailers");
  Write(server_, answer);
  Pump();
  EXPECT_EQ(Read(client_), answer);
}

TEST_F(RelayTest, S9SendsNoPartOfAHeaderBlock) {
  const std::string request = FirstRequest();
  std::string sent;
  for (const char octet : request) {
    Write(client_, {&octet, 1});
    Pump();
    sent += Read(server_);
    // All that has gone on ends after a whole frame of SETTINGS or header block, or within DATA.
    EXPECT_TRUE(sent.empty() || sent == kPreface || sent == Hello() || sent.size() >= request.size() - 16)
        << sent.size();
  }
  EXPECT_EQ(sent, request);
}

TEST_F(RelayTest, S9EndsAConnectionThatBreaksTheRulesAndSaysWhy) {
  Write(client_, Hello() + Frame(kContinuation, 0, 1, "x"));
  Pump();
  EXPECT_TRUE(relay_->finished());
  EXPECT_EQ(relay_->violation(), "a CONTINUATION frame continues nothing");
  EXPECT_THAT(Read(client_), HasSubstr("ddskeyd: a CONTINUATION frame continues nothing"));
  EXPECT_EQ(Read(server_), "");
}

TEST_F(RelayTest, KeepsOrderWhenTheServerReadsSlowly) {
  ASSERT_EQ(Write(client_, FirstRequest()), FirstRequest().size());
  Pump();
  std::string wanted = FirstRequest();
  std::string got;
  // Frames of one long upload, far more than the sockets and the relay hold together.
  std::string upload = Frame(kHeaders, kEndHeaders, 3, "headers");
  for (int i = 0; i < 200; ++i) upload += Frame(kData, 0, 3, std::string(16'000, static_cast<char>(i)));
  wanted += upload;
  bool stopped = false;
  for (size_t sent = 0; sent < upload.size();) {
    const size_t size = Write(client_, std::string_view(upload).substr(sent));
    sent += size;
    Pump();
    if (size == 0) {
      // Full from end to end: the relay waits for the server and does not read.
      stopped = true;
      EXPECT_EQ(relay_->client_events(), 0u);
      EXPECT_EQ(relay_->server_events() & EPOLLOUT, uint32_t{EPOLLOUT});
      EXPECT_EQ(relay_->deadline(), Relay::Clock::time_point::max());
      got += Read(server_);
    }
    Pump();
  }
  EXPECT_TRUE(stopped);
  for (std::string part = Read(server_); !part.empty(); part = Read(server_)) {
    got += part;
    Pump();
  }
  EXPECT_EQ(got, wanted);
  EXPECT_FALSE(relay_->finished());
}

TEST_F(RelayTest, DoesNotBlameTheClientForTheTimeTheServerTook) {
  Write(client_, FirstRequest());
  Pump();
  std::string upload = Frame(kHeaders, kEndHeaders, 3, "headers");
  for (int i = 0; i < 200; ++i) upload += Frame(kData, 0, 3, std::string(16'000, 'x'));
  size_t sent = 0;
  for (size_t size = 1; size > 0; sent += size) {
    size = Write(client_, std::string_view(upload).substr(sent));
    Pump();
  }
  now_ += seconds(3600);
  Read(server_);
  Pump();
  EXPECT_GT(relay_->deadline(), now_);
  relay_->OnDeadline(now_);
  EXPECT_FALSE(relay_->finished());
}

TEST_F(RelayTest, S9EndsAClientThatDoesNotReadButNotOneThatReadsSlowly) {
  Write(client_, FirstRequest());
  Pump();
  const std::string answer = Frame(kData, 0, 1, std::string(16'000, 'x'));
  const auto fill = [&] {
    // Whole frames only; the rest of one is left for the next time.
    static std::string left;
    for (;;) {
      if (left.empty()) left = answer;
      const size_t size = Write(server_, left);
      left.erase(0, size);
      Pump();
      if (size == 0) return;
    }
  };
  fill();
  EXPECT_EQ(relay_->deadline(), now_ + kStalledReaderTime);
  // It takes a little now and then.
  for (int i = 0; i < 10; ++i) {
    now_ += kStalledReaderTime - seconds(1);
    relay_->OnDeadline(now_);
    ASSERT_FALSE(relay_->finished());
    ASSERT_NE(Read(client_), "");
    fill();
  }
  now_ += kStalledReaderTime;
  relay_->OnDeadline(now_);
  EXPECT_TRUE(relay_->finished());
  EXPECT_EQ(relay_->violation(), "does not read what it asked for");
}

TEST_F(RelayTest, S9EndsASilentClient) {
  EXPECT_EQ(relay_->deadline(), now_ + kFirstRequestTime);
  relay_->OnDeadline(now_ + kFirstRequestTime);
  EXPECT_TRUE(relay_->finished());
  EXPECT_EQ(relay_->violation(), "no request came in time");
}

TEST_F(RelayTest, EndsWhenTheClientIsGone) {
  Write(client_, FirstRequest());
  client_.Reset();
  Pump();
  EXPECT_TRUE(relay_->finished());
  EXPECT_EQ(relay_->violation(), "");
  relay_.reset();
  EXPECT_EQ(Read(server_), FirstRequest());
  EXPECT_TRUE(AtEnd(server_));
}

TEST_F(RelayTest, DeliversWhatTheServerWroteLast) {
  Write(client_, FirstRequest());
  Pump();
  Read(server_);
  // More than the client's socket takes, then the end.
  const std::string answer = Frame(kData, 0, 1, std::string(16'000, 'x'));
  std::string written;
  for (size_t size = 1; size > 0; written.append(answer, 0, size)) {
    size = Write(server_, answer);
    if (size < answer.size()) break;
    Pump();
  }
  server_.Reset();
  Pump();
  EXPECT_FALSE(relay_->finished());
  std::string got;
  for (std::string part = Read(client_); !part.empty(); part = Read(client_)) {
    got += part;
    Pump();
  }
  EXPECT_GE(got.size(), written.size());
  EXPECT_TRUE(relay_->finished());
}

}  // namespace
}  // namespace ddskey
