#include "daemon/rpc/http2_session.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <nghttp2/nghttp2.h>

#include <chrono>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "daemon/rpc/limits.h"
#include "test/support/status_matchers.h"

namespace ddskey {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::SizeIs;

constexpr size_t kMaxMessage = 100'000;
using Headers = std::vector<std::pair<std::string, std::string>>;

std::string Message(const std::string& octets) {
  std::string out(5, '\0');
  for (int i = 0; i < 4; ++i) out[1 + i] = static_cast<char>(octets.size() >> (24 - 8 * i));
  return out + octets;
}

Headers CallOf(const std::string& path, const Headers& more = {}) {
  Headers headers = {{":method", "POST"},
                     {":scheme", "http"},
                     {":authority", "localhost"},
                     {":path", path},
                     {"content-type", "application/grpc"},
                     {"te", "trailers"}};
  headers.insert(headers.end(), more.begin(), more.end());
  return headers;
}

// Client is the other end, with libnghttp2 as well.
class Client {
 public:
  struct Reply {
    std::map<std::string, std::string> headers;
    std::string body;
    bool closed = false;
    uint32_t error = 0;
  };

  Client() {
    nghttp2_session_callbacks* callbacks = nullptr;
    nghttp2_session_callbacks_new(&callbacks);
    nghttp2_session_callbacks_set_on_header_callback(
        callbacks, [](nghttp2_session*, const nghttp2_frame* frame, const uint8_t* name, size_t name_size,
                      const uint8_t* value, size_t value_size, uint8_t, void* self) {
          Of(self).replies_[frame->hd.stream_id].headers.emplace(
              std::string(reinterpret_cast<const char*>(name), name_size),
              std::string(reinterpret_cast<const char*>(value), value_size));
          return 0;
        });
    nghttp2_session_callbacks_set_on_data_chunk_recv_callback(
        callbacks, [](nghttp2_session*, uint8_t, int32_t id, const uint8_t* octets, size_t size, void* self) {
          Of(self).replies_[id].body.append(reinterpret_cast<const char*>(octets), size);
          return 0;
        });
    nghttp2_session_callbacks_set_on_stream_close_callback(
        callbacks, [](nghttp2_session*, int32_t id, uint32_t error, void* self) {
          Of(self).replies_[id].closed = true;
          Of(self).replies_[id].error = error;
          return 0;
        });
    nghttp2_session_client_new(&session_, callbacks, this);
    nghttp2_session_callbacks_del(callbacks);
    nghttp2_submit_settings(session_, NGHTTP2_FLAG_NONE, nullptr, 0);
  }
  ~Client() { nghttp2_session_del(session_); }

  // Ask begins a call with `body`, which stays open if it is to be `unfinished`.
  int32_t Ask(const Headers& headers, const std::string& body, bool unfinished = false) {
    std::vector<nghttp2_nv> fields;
    for (const auto& [name, value] : headers) {
      fields.push_back({reinterpret_cast<uint8_t*>(const_cast<char*>(name.data())),
                        reinterpret_cast<uint8_t*>(const_cast<char*>(value.data())), name.size(), value.size(), 0});
    }
    bodies_.push_back(std::make_unique<Body>(Body{body, unfinished}));
    nghttp2_data_provider provider = {};
    provider.source.ptr = bodies_.back().get();
    provider.read_callback = [](nghttp2_session*, int32_t, uint8_t* buffer, size_t size, uint32_t* flags,
                                nghttp2_data_source* source, void*) -> ssize_t {
      Body& left = *static_cast<Body*>(source->ptr);
      const size_t copied = left.octets.copy(reinterpret_cast<char*>(buffer), size);
      left.octets.erase(0, copied);
      if (copied == 0 && left.unfinished) return NGHTTP2_ERR_DEFERRED;
      if (left.octets.empty() && !left.unfinished) *flags |= NGHTTP2_DATA_FLAG_EOF;
      return static_cast<ssize_t>(copied);
    };
    return nghttp2_submit_request(session_, nullptr, fields.data(), fields.size(), &provider, nullptr);
  }
  void Reset(int32_t stream) { nghttp2_submit_rst_stream(session_, NGHTTP2_FLAG_NONE, stream, NGHTTP2_CANCEL); }

  std::string Output() {
    std::string out;
    const uint8_t* octets = nullptr;
    for (ssize_t size = 0; (size = nghttp2_session_mem_send(session_, &octets)) > 0;) {
      out.append(reinterpret_cast<const char*>(octets), static_cast<size_t>(size));
    }
    return out;
  }
  void Take(const std::string& octets) {
    nghttp2_session_mem_recv(session_, reinterpret_cast<const uint8_t*>(octets.data()), octets.size());
  }
  Reply& reply(int32_t stream) { return replies_[stream]; }

 private:
  struct Body {
    std::string octets;
    bool unfinished;
  };
  static Client& Of(void* self) { return *static_cast<Client*>(self); }

  nghttp2_session* session_ = nullptr;
  std::vector<std::unique_ptr<Body>> bodies_;
  std::map<int32_t, Reply> replies_;
};

class Http2SessionTest : public ::testing::Test {
 protected:
  // Exchange passes on what both have to say, `step` octets at a time, until both are silent.
  void Exchange(size_t step = std::string::npos) {
    for (bool silent = false; !silent;) {
      const std::string asked = client_.Output();
      for (size_t at = 0; at < asked.size(); at += std::min(step, asked.size())) {
        const std::string part = asked.substr(at, step);
        ASSERT_OK(session_->Receive({reinterpret_cast<const uint8_t*>(part.data()), part.size()}));
      }
      std::string told;
      ASSERT_OK(session_->TakeOutput(std::string::npos, told));
      client_.Take(told);
      silent = asked.empty() && told.empty();
    }
    Http2Session::Events events = session_->TakeEvents();
    for (auto& request : events.requests) requests_.push_back(std::move(request));
    gone_.insert(gone_.end(), events.gone.begin(), events.gone.end());
  }
  // Refusal is what a call that nobody hears of is told, as "CODE message".
  std::string Refusal(const Headers& headers, const std::string& body, bool unfinished = false) {
    const int32_t stream = client_.Ask(headers, body, unfinished);
    Exchange();
    EXPECT_THAT(requests_, IsEmpty());
    Client::Reply& reply = client_.reply(stream);
    return reply.headers["grpc-status"] + " " + reply.headers["grpc-message"];
  }

  std::unique_ptr<Http2Session> session_ = *Http2Session::Create(kMaxMessage);
  Client client_;
  std::vector<Http2Session::Request> requests_;
  std::vector<int32_t> gone_;
};

TEST_F(Http2SessionTest, CarriesCallsHoweverTheirOctetsAreCut) {
  for (const size_t step : {size_t{1}, size_t{7}, std::string::npos}) {
    requests_.clear();
    const std::string octets(kMaxMessage, 'q');
    const int32_t small = client_.Ask(CallOf("/a.B/C"), Message(""));
    const int32_t large = client_.Ask(CallOf("/a.B/D", {{"grpc-timeout", "250m"}}), Message(octets));
    Exchange(step);
    ASSERT_THAT(requests_, SizeIs(2));
    EXPECT_EQ(requests_[0].path, "/a.B/C");
    EXPECT_EQ(requests_[0].message, "");
    EXPECT_EQ(requests_[0].timeout, std::nullopt);
    EXPECT_EQ(requests_[1].path, "/a.B/D");
    EXPECT_EQ(requests_[1].message, octets);
    EXPECT_EQ(requests_[1].timeout, std::chrono::milliseconds(250));
    session_->Respond(large, {0, "", std::string(300'000, 'r')});
    session_->Respond(small, {5, "100% gone", ""});
    Exchange(step);
    EXPECT_EQ(client_.reply(large).headers["grpc-status"], "0");
    EXPECT_EQ(client_.reply(large).body, Message(std::string(300'000, 'r')));
    EXPECT_EQ(client_.reply(small).headers["grpc-status"], "5");
    EXPECT_EQ(client_.reply(small).headers["grpc-message"], "100%25 gone");
    EXPECT_TRUE(client_.reply(small).closed);
    EXPECT_TRUE(client_.reply(large).closed);
    EXPECT_EQ(session_->unread_octets(), 0u);
  }
  EXPECT_THAT(gone_, IsEmpty());
}

TEST_F(Http2SessionTest, S17RefusesWhatIsTooLargeBeforeItHasAllCome) {
  std::string head = Message(std::string(kMaxMessage + 1, 'x'));
  head.resize(100);
  EXPECT_THAT(Refusal(CallOf("/a.B/C"), head, /*unfinished=*/true),
              HasSubstr("8 the request of 100001 octets is over the limit"));
}

TEST_F(Http2SessionTest, S17TakesNothingCompressed) {
  std::string message = Message("abc");
  message[0] = 1;
  EXPECT_THAT(Refusal(CallOf("/a.B/C"), message), HasSubstr("12 compressed"));
  EXPECT_THAT(Refusal(CallOf("/a.B/C", {{"grpc-encoding", "gzip"}}), Message("abc")), HasSubstr("12 compressed"));
}

TEST_F(Http2SessionTest, RefusesWhatIsNoUnaryCall) {
  EXPECT_THAT(Refusal(CallOf("/a.B/C"), ""), HasSubstr("3 a call has one request"));
  EXPECT_THAT(Refusal(CallOf("/a.B/C"), Message("ab").substr(0, 6)), HasSubstr("3 a call has one request"));
  EXPECT_THAT(Refusal(CallOf("/a.B/C"), Message("ab") + Message("cd")), HasSubstr("3 a call has one request"));
  Headers headers = CallOf("/a.B/C");
  headers[0].second = "GET";
  EXPECT_THAT(Refusal(headers, Message("")), HasSubstr("3 this socket speaks gRPC"));
  headers = CallOf("/a.B/C");
  headers[4].second = "text/html";
  EXPECT_THAT(Refusal(headers, Message("")), HasSubstr("3 this socket speaks gRPC"));
}

TEST_F(Http2SessionTest, S9EndsWithTooMuchMetadata) {
  client_.Ask(CallOf("/a.B/C", {{"x", std::string(kMetadataOctets / 2, 'v')}}), Message(""));
  Exchange();
  EXPECT_THAT(requests_, SizeIs(1));
  client_.Ask(CallOf("/a.B/C", {{"x", std::string(kMetadataOctets, 'v')}}), Message(""));
  const std::string asked = client_.Output();
  EXPECT_THAT(session_->Receive({reinterpret_cast<const uint8_t*>(asked.data()), asked.size()}),
              test::StatusIs(absl::StatusCode::kInvalidArgument, HasSubstr("more metadata")));
}

TEST_F(Http2SessionTest, TellsWhoseClientWaitsNoLongerAndAnswersNobody) {
  const int32_t stream = client_.Ask(CallOf("/a.B/C"), Message(""));
  Exchange();
  client_.Reset(stream);
  Exchange();
  EXPECT_THAT(gone_, ElementsAre(stream));
  session_->Respond(stream, {0, "", "late"});
  session_->Respond(99, {0, "", "never asked for"});
  Exchange();
  EXPECT_EQ(client_.reply(stream).body, "");
  EXPECT_EQ(session_->unread_octets(), 0u);
  // One that is answered is not waited for.
  const int32_t answered = client_.Ask(CallOf("/a.B/C"), Message(""));
  Exchange();
  session_->Respond(answered, {0, "", "x"});
  session_->Respond(answered, {0, "", "twice"});
  Exchange();
  EXPECT_EQ(client_.reply(answered).body, Message("x"));
  EXPECT_THAT(gone_, ElementsAre(stream));
}

TEST_F(Http2SessionTest, BeginsNothingAfterItsGoodByeAndFinishesTheRest) {
  const int32_t before = client_.Ask(CallOf("/a.B/C"), Message(""));
  Exchange();
  session_->SayGoodBye();
  Exchange();
  client_.Ask(CallOf("/a.B/C"), Message(""));
  Exchange();
  EXPECT_THAT(requests_, SizeIs(1));
  EXPECT_FALSE(session_->ended());
  session_->Respond(before, {0, "", "done"});
  Exchange();
  EXPECT_EQ(client_.reply(before).body, Message("done"));
  EXPECT_TRUE(session_->ended());
}

TEST_F(Http2SessionTest, TakesNoTimeoutThatIsNone) {
  for (const char* const text : {"", "m", "10", "123456789S", "-5S", "5x", "1 S"}) {
    client_.Ask(CallOf("/a.B/C", {{"grpc-timeout", text}}), Message(""));
  }
  client_.Ask(CallOf("/a.B/C", {{"grpc-timeout", "99999999H"}}), Message(""));
  Exchange();
  ASSERT_THAT(requests_, SizeIs(8));
  for (int i = 0; i < 7; ++i) EXPECT_EQ(requests_[i].timeout, std::nullopt) << i;
  EXPECT_EQ(requests_[7].timeout, std::chrono::hours(1'000'000));
}

TEST_F(Http2SessionTest, EndsWithOctetsThatAreNoHttp2) {
  const std::string octets(100, 'x');
  EXPECT_FALSE(session_->Receive({reinterpret_cast<const uint8_t*>(octets.data()), octets.size()}).ok());
}

}  // namespace
}  // namespace ddskey
