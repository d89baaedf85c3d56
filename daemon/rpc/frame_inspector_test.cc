#include "daemon/rpc/frame_inspector.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <chrono>
#include <string>
#include <string_view>

#include "daemon/rpc/http2_frames.h"
#include "daemon/rpc/limits.h"
#include "test/support/status_matchers.h"

namespace ddskey {
namespace {

using ::testing::HasSubstr;
using namespace test;  // NOLINT(google-build-using-namespace): the frames are the vocabulary of this test.
using std::chrono::milliseconds;
using std::chrono::seconds;
constexpr auto kNever = FrameInspector::Clock::time_point::max();

FrameInspector::Octets OctetsOf(std::string_view text) {
  return {reinterpret_cast<const uint8_t*>(text.data()), text.size()};
}

class FrameInspectorTest : public ::testing::Test {
 protected:
  absl::Status Client(std::string_view octets) { return inspector_.FromClient(OctetsOf(octets), now_); }
  void Server(std::string_view octets) { inspector_.FromServer(OctetsOf(octets)); }

  // A call from its request to its last answer.
  absl::Status Call(uint32_t stream) {
    const absl::Status status =
        Client(Frame(kHeaders, kEndHeaders, stream, "headers") + Frame(kData, kEndStream, stream, "message"));
    Server(Frame(kHeaders, kEndHeaders, stream, "headers") + Frame(kData, 0, stream, "message") +
           Frame(kHeaders, kEndHeaders | kEndStream, stream, "trailers"));
    return status;
  }

  FrameInspector::Clock::time_point now_ = FrameInspector::Clock::time_point(seconds(1000));
  FrameInspector inspector_{now_};
};

// --- What goes on to gRPC ---------------------------------------------------

// Everything a client may send, with a header block in parts.
std::string LongConversation() {
  return Hello() + Frame(kSettings, kAck, 0) + Frame(kWindowUpdate, 0, 0, "1234") +
         Frame(kHeaders, 0, 1, "first part") + Frame(kContinuation, 0, 1, "") +
         Frame(kContinuation, kEndHeaders, 1, "last part") + Frame(kData, 0, 1, std::string(2000, 'd')) +
         Frame(kData, kEndStream, 1, "") + Frame(kPing, 0, 0, "12345678") +
         Frame(kHeaders, kEndHeaders | kEndStream, 3, "headers") + Frame(kRstStream, 0, 3, "1234") +
         Frame(kPriority, 0, 5, "12345") + Frame(77, 0, 0, "unknown") + Frame(kGoAway, 0, 0, "12345678");
}

TEST_F(FrameInspectorTest, S9ForwardsAConversationHoweverItIsCut) {
  const std::string all = LongConversation();
  for (size_t first = 0; first <= all.size(); ++first) {
    FrameInspector inspector(now_);
    ASSERT_OK(inspector.FromClient(OctetsOf(all).first(first), now_)) << first;
    ASSERT_LE(inspector.held(), first);
    ASSERT_OK(inspector.FromClient(OctetsOf(all).subspan(first), now_)) << first;
    ASSERT_EQ(inspector.held(), 0u) << first;
    ASSERT_EQ(inspector.open_streams(), 1u) << first;
  }
}

TEST_F(FrameInspectorTest, S9HoldsPrefaceFrameHeadersAndHeaderBlocksUntilTheyAreWhole) {
  const std::string settings = Frame(kSettings, 0, 0, "123456");
  const std::string block = Frame(kHeaders, 0, 1, "first") + Frame(kContinuation, kEndHeaders, 1, "last");
  const std::string data = Frame(kData, kEndStream, 1, "message");
  const auto feed = [this](std::string_view octets, const auto& held_after) {
    for (size_t i = 0; i < octets.size(); ++i) {
      ASSERT_OK(Client(octets.substr(i, 1)));
      ASSERT_EQ(inspector_.held(), held_after(i + 1)) << "after octet " << i << " of " << octets.size();
    }
  };
  feed(kPreface, [](size_t octets) { return octets < 24 ? octets : 0; });
  feed(settings, [](size_t octets) { return octets < 9 ? octets : 0; });
  feed(block, [&](size_t octets) { return octets < block.size() ? octets : 0; });
  feed(data, [](size_t octets) { return octets < 9 ? octets : 0; });
}

TEST_F(FrameInspectorTest, S9HoldsAtMostOneHeaderBlock) {
  ASSERT_OK(Client(Hello() + Frame(kHeaders, 0, 1, std::string(kHeaderBlockOctets - kContinuations, 'h'))));
  for (uint32_t i = 0; i < kContinuations; ++i) ASSERT_OK(Client(Frame(kContinuation, 0, 1, "c")));
  EXPECT_LE(inspector_.held(), 17u * 1024);
}

// --- What ends the connection -----------------------------------------------

TEST_F(FrameInspectorTest, S9RefusesWhatIsNotHttp2) {
  EXPECT_THAT(Client("GET / HTTP/1.1\r\n"), StatusIs(absl::StatusCode::kInvalidArgument, "does not speak HTTP/2"));
}

TEST_F(FrameInspectorTest, S9RefusesAnyWrongOctetOfThePreface) {
  for (size_t i = 0; i < kPreface.size(); ++i) {
    std::string preface(kPreface);
    preface[i] = static_cast<char>(preface[i] ^ 1);
    FrameInspector inspector(now_);
    EXPECT_FALSE(inspector.FromClient(OctetsOf(preface), now_).ok()) << i;
  }
}

TEST_F(FrameInspectorTest, S9RefusesAConnectionThatDoesNotBeginWithSettings) {
  const std::string preface(kPreface);
  for (const std::string& frame : {Frame(kHeaders, kEndHeaders, 1, "headers"), Frame(kPing, 0, 0, "12345678"),
                                   Frame(kSettings, kAck, 0), Frame(kWindowUpdate, 0, 0, "1234")}) {
    FrameInspector inspector(now_);
    EXPECT_THAT(inspector.FromClient(OctetsOf(preface + frame), now_),
                StatusIs(absl::StatusCode::kInvalidArgument, "does not begin with SETTINGS"));
  }
}

TEST_F(FrameInspectorTest, S9RefusesWhatBreaksTheFraming) {
  const std::string request = Frame(kHeaders, kEndHeaders, 1, "headers");
  const std::string open_block = Frame(kHeaders, 0, 1, "part");
  const std::string sixteen_k(kFrameOctets, 'x');
  struct Case {
    const char* why;
    std::string octets;
  };
  const Case cases[] = {
      {"a frame is too large", request + Frame(kData, 0, 1, sixteen_k + "x")},
      {"a frame is too large", Frame(kHeaders, kEndHeaders, 1, sixteen_k + "x")},
      {"a header block is too large", Frame(kHeaders, 0, 1, sixteen_k) + Frame(kContinuation, 0, 1, "x")},
      {"a header block is interrupted", open_block + Frame(kData, 0, 1, "message")},
      {"a header block is interrupted", open_block + Frame(kHeaders, kEndHeaders, 3, "headers")},
      {"a header block is interrupted", open_block + Frame(kPing, 0, 0, "12345678")},
      {"a CONTINUATION frame continues nothing", Frame(kContinuation, kEndHeaders, 1, "part")},
      {"a CONTINUATION frame continues nothing", open_block + Frame(kContinuation, kEndHeaders, 3, "part")},
      {"a CONTINUATION frame continues nothing", request + Frame(kContinuation, kEndHeaders, 1, "part")},
      {"a stream has a wrong number", Frame(kHeaders, kEndHeaders, 0, "headers")},
      {"a stream has a wrong number", Frame(kHeaders, kEndHeaders, 2, "headers")},
      {"DATA without a stream", Frame(kData, 0, 0, "message")},
      {"DATA without a stream", request + Frame(kData, 0, 3, "message")},
      {"a client must not promise", Frame(kPushPromise, kEndHeaders, 1, "1234")},
      {"a PING frame has the wrong size", Frame(kPing, 0, 0, "1234567")},
      {"an RST_STREAM frame has the wrong size", request + Frame(kRstStream, 0, 1, "12345")},
      {"a WINDOW_UPDATE frame has the wrong size", Frame(kWindowUpdate, 0, 0, "123")},
      {"a SETTINGS frame has the wrong size", Frame(kSettings, 0, 0, "1234567")},
      {"a SETTINGS frame has the wrong size", Frame(kSettings, 0, 0, std::string(33 * 6, 's'))},
  };
  for (const Case& c : cases) {
    FrameInspector inspector(now_);
    EXPECT_THAT(inspector.FromClient(OctetsOf(Hello() + c.octets), now_),
                StatusIs(absl::StatusCode::kInvalidArgument, c.why));
  }
}

TEST_F(FrameInspectorTest, S9RefusesEndlessEmptyContinuations) {
  ASSERT_OK(Client(Hello() + Frame(kHeaders, 0, 1, "")));
  for (uint32_t i = 0; i < kContinuations; ++i) ASSERT_OK(Client(Frame(kContinuation, 0, 1, "")));
  EXPECT_THAT(Client(Frame(kContinuation, 0, 1, "")),
              StatusIs(absl::StatusCode::kInvalidArgument, "a header block has too many parts"));
}

TEST_F(FrameInspectorTest, S9RefusesAFloodOfControlFrames) {
  const std::string floods[] = {Frame(kRstStream, 0, 1, "1234"),
                                Frame(kPing, 0, 0, "12345678"),
                                Frame(kPing, kAck, 0, "12345678"),
                                Frame(kSettings, 0, 0),
                                Frame(kPriority, 0, 1, "12345"),
                                Frame(kGoAway, 0, 0, "12345678"),
                                Frame(99, 0, 0)};
  for (const std::string& frame : floods) {
    FrameInspector inspector(now_);
    ASSERT_OK(inspector.FromClient(OctetsOf(Hello()), now_));
    // SETTINGS of the beginning was the first.
    for (uint32_t i = 1; i < kControlFramesPerSecond; ++i) ASSERT_OK(inspector.FromClient(OctetsOf(frame), now_));
    EXPECT_FALSE(inspector.FromClient(OctetsOf(frame), now_).ok()) << int{static_cast<uint8_t>(frame[3])};
  }
}

TEST_F(FrameInspectorTest, S9AllowsControlFramesInMeasureForever) {
  ASSERT_OK(Client(Hello()));
  for (int i = 0; i < 10'000; ++i) {
    now_ += milliseconds(1000 / kControlFramesPerSecond);
    ASSERT_OK(Client(Frame(kPing, 0, 0, "12345678")));
  }
}

TEST_F(FrameInspectorTest, S9RefusesAFloodOfTrailers) {
  ASSERT_OK(Client(Hello() + Frame(kHeaders, kEndHeaders, 1, "headers")));
  absl::Status status;
  uint32_t sent = 0;
  for (; status.ok() && sent <= kControlFramesPerSecond; ++sent) {
    status = Client(Frame(kHeaders, kEndHeaders | kEndStream, 1, "trailers"));
  }
  EXPECT_THAT(status, StatusIs(absl::StatusCode::kInvalidArgument, "too many trailers"));
}

TEST_F(FrameInspectorTest, S9RefusesFloodsOfWindowUpdatesAndCrumbs) {
  for (const std::string& frame :
       {Frame(kWindowUpdate, 0, 0, "1234"), Frame(kData, 0, 1, ""), Frame(kData, 0, 1, "x")}) {
    FrameInspector inspector(now_);
    ASSERT_OK(inspector.FromClient(OctetsOf(Hello() + Frame(kHeaders, kEndHeaders, 1, "headers")), now_));
    absl::Status status;
    uint32_t sent = 0;
    for (; status.ok() && sent < 1'000'000; ++sent) status = inspector.FromClient(OctetsOf(frame), now_);
    EXPECT_THAT(status, StatusIs(absl::StatusCode::kInvalidArgument, HasSubstr("too many WINDOW_UPDATE")));
    EXPECT_LE(sent, 20 * kSmallFramesPerSecond + kSmallFramesPerUnitOfWork + 1);
  }
}

TEST_F(FrameInspectorTest, S9AllowsTheWindowUpdatesOfABusyClient) {
  ASSERT_OK(Client(Hello()));
  // A hundred thousand calls without a moment passing, with what gRPC adds to each.
  for (uint32_t call = 0; call < 100'000; ++call) {
    ASSERT_OK(Call(2 * call + 1));
    ASSERT_OK(Client(Frame(kWindowUpdate, 0, 0, "1234") + Frame(kWindowUpdate, 0, 2 * call + 1, "1234")));
  }
}

// --- Streams ----------------------------------------------------------------

TEST_F(FrameInspectorTest, S9RefusesTheStreamOverTheLimit) {
  ASSERT_OK(Client(Hello()));
  uint32_t stream = 1;
  for (; stream < 2 * kStreams; stream += 2) ASSERT_OK(Client(Frame(kHeaders, kEndHeaders | kEndStream, stream, "h")));
  EXPECT_EQ(inspector_.open_streams(), kStreams);
  EXPECT_THAT(Client(Frame(kHeaders, kEndHeaders | kEndStream, stream, "h")),
              StatusIs(absl::StatusCode::kInvalidArgument, "too many streams are open"));
}

TEST_F(FrameInspectorTest, AStreamEndsWhenBothSidesHaveEndedIt) {
  ASSERT_OK(Client(Hello() + Frame(kHeaders, kEndHeaders, 1, "headers")));
  Server(Frame(kHeaders, kEndHeaders | kEndStream, 1, "trailers"));
  EXPECT_EQ(inspector_.open_streams(), 1u);
  ASSERT_OK(Client(Frame(kData, kEndStream, 1, "message")));
  EXPECT_EQ(inspector_.open_streams(), 0u);
}

TEST_F(FrameInspectorTest, AStreamEndsWhenEitherSideResetsIt) {
  ASSERT_OK(Client(Hello() + Frame(kHeaders, kEndHeaders, 1, "headers") + Frame(kHeaders, kEndHeaders, 3, "headers")));
  ASSERT_OK(Client(Frame(kRstStream, 0, 1, "1234")));
  EXPECT_EQ(inspector_.open_streams(), 1u);
  Server(Frame(kRstStream, 0, 3, "1234"));
  EXPECT_EQ(inspector_.open_streams(), 0u);
  // What was on its way when the server reset the stream is no mistake.
  EXPECT_OK(Client(Frame(kData, kEndStream, 3, "message")));
}

TEST_F(FrameInspectorTest, FollowsTheServerHoweverItsFramesAreCut) {
  const std::string answer = Frame(kSettings, 0, 0, "123456") + Frame(kHeaders, kEndHeaders, 1, "headers") +
                             Frame(kData, 0, 1, std::string(1000, 'd')) + Frame(kPing, 0, 0, "12345678") +
                             Frame(kHeaders, kEndHeaders | kEndStream, 1, "trailers");
  for (size_t first = 0; first <= answer.size(); ++first) {
    FrameInspector inspector(now_);
    ASSERT_OK(inspector.FromClient(OctetsOf(Hello() + Frame(kHeaders, kEndHeaders | kEndStream, 1, "h")), now_));
    inspector.FromServer(OctetsOf(answer).first(first));
    inspector.FromServer(OctetsOf(answer).subspan(first));
    ASSERT_EQ(inspector.open_streams(), 0u) << first;
  }
}

// --- Deadlines --------------------------------------------------------------

TEST_F(FrameInspectorTest, S9ExpectsARequestSoonAfterConnecting) {
  EXPECT_EQ(inspector_.deadline(), now_ + kFirstRequestTime);
  ASSERT_OK(Client(Hello() + Frame(kPing, 0, 0, "12345678")));
  EXPECT_EQ(inspector_.deadline(), now_ + kFirstRequestTime);
  EXPECT_EQ(inspector_.Overdue(), "no request came in time");
  ASSERT_OK(Call(1));
  EXPECT_EQ(inspector_.deadline(), kNever);
}

TEST_F(FrameInspectorTest, S9DoesNotTakeAResetForARequest) {
  ASSERT_OK(Client(Hello() + Frame(kHeaders, kEndHeaders, 1, "headers") + Frame(kRstStream, 0, 1, "1234")));
  EXPECT_EQ(inspector_.deadline(), now_ + kFirstRequestTime);
}

TEST_F(FrameInspectorTest, S9ExpectsTheEndOfAHeaderBlock) {
  ASSERT_OK(Client(Hello()));
  ASSERT_OK(Call(1));
  ASSERT_OK(Client(Frame(kHeaders, 0, 3, "part")));
  EXPECT_EQ(inspector_.deadline(), now_ + kHeaderBlockTime);
  EXPECT_EQ(inspector_.Overdue(), "a header block was not finished in time");
  // More of it does not buy more time.
  const auto begun = now_;
  now_ += seconds(1);
  ASSERT_OK(Client(Frame(kContinuation, 0, 3, "part")));
  EXPECT_EQ(inspector_.deadline(), begun + kHeaderBlockTime);
}

TEST_F(FrameInspectorTest, S9ExpectsTheEndOfTheOldestRequest) {
  ASSERT_OK(Client(Hello()));
  ASSERT_OK(Call(1));
  ASSERT_OK(Client(Frame(kHeaders, kEndHeaders, 3, "headers")));
  const auto begun = now_;
  now_ += seconds(1);
  ASSERT_OK(Client(Frame(kHeaders, kEndHeaders, 5, "headers")));
  EXPECT_EQ(inspector_.deadline(), begun + kRequestTime);
  EXPECT_EQ(inspector_.Overdue(), "a request was not finished in time");
  ASSERT_OK(Client(Frame(kData, kEndStream, 3, "message")));
  EXPECT_EQ(inspector_.deadline(), now_ + kRequestTime);
  ASSERT_OK(Client(Frame(kData, kEndStream, 5, "message")));
  EXPECT_EQ(inspector_.deadline(), kNever);
}

TEST_F(FrameInspectorTest, ExcusesTheTimeInWhichNobodyRead) {
  ASSERT_OK(Client(Hello() + Frame(kHeaders, 0, 1, "part")));
  inspector_.Excuse(seconds(7));
  EXPECT_EQ(inspector_.deadline(), now_ + kHeaderBlockTime + seconds(7));
}

// --- Farewell ---------------------------------------------------------------

TEST_F(FrameInspectorTest, SaysGoodByeOnlyBetweenFramesOfTheServer) {
  EXPECT_EQ(inspector_.GoodBye("why"),
            Frame(kSettings, 0, 0) + Frame(kGoAway, 0, 0, std::string("\0\0\0\0\0\0\0\x0bwhy", 11)));
  ASSERT_OK(Client(Hello() + Frame(kHeaders, kEndHeaders, 1, "headers")));
  Server(Frame(kSettings, 0, 0));
  EXPECT_EQ(inspector_.GoodBye("why"), Frame(kGoAway, 0, 0, std::string("\0\0\0\1\0\0\0\x0bwhy", 11)));
  Server(Frame(kData, 0, 1, "message").substr(0, 12));
  EXPECT_EQ(inspector_.GoodBye("why"), "");
}

}  // namespace
}  // namespace ddskey
