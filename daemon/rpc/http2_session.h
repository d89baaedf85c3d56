#ifndef DAEMON_RPC_HTTP2_SESSION_H_
#define DAEMON_RPC_HTTP2_SESSION_H_

#include <nghttp2/nghttp2.h>

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"

namespace ddskey {

// Http2Session is the server's side of one connection of the gRPC protocol, for unary calls: octets of a client in,
// requests out; answers in, octets for the client out. HTTP/2 is libnghttp2's; what it does not bound is bounded here:
// the metadata of a call, the size of its request, and that it is not compressed. A call that breaks a rule is
// answered here, and nobody hears of it. It has no socket, clock or thread, and is not thread-safe.
class Http2Session {
 public:
  // Request is a call of which everything has come.
  struct Request {
    int32_t stream = 0;
    // "/ddskey.v1.SigningService/SignDigest".
    std::string path;
    // How long the client waits, if it said so.
    std::optional<std::chrono::nanoseconds> timeout;
    std::string message;
  };

  // Answer is what a call gets: a code of gRPC, with a message in printable ASCII, or a response if it is 0.
  struct Answer {
    int code = 0;
    std::string message;
    std::string response;
  };

  // Events are what octets brought: requests, and streams of requests whose client does not wait for an answer any
  // more.
  struct Events {
    std::vector<Request> requests;
    std::vector<int32_t> gone;
  };

  // A request may have `max_message` octets. INTERNAL if there is no memory.
  static absl::StatusOr<std::unique_ptr<Http2Session>> Create(size_t max_message);
  ~Http2Session();
  Http2Session(const Http2Session&) = delete;
  Http2Session& operator=(const Http2Session&) = delete;

  // Receive takes octets of the client. An error is the end of the connection.
  absl::Status Receive(std::span<const uint8_t> octets);

  // TakeEvents is what happened since it was asked last.
  Events TakeEvents() { return std::exchange(events_, {}); }

  // Respond answers a request; nothing happens if its client is gone.
  void Respond(int32_t stream, Answer answer);

  // SayGoodBye tells the client to begin nothing new here.
  void SayGoodBye();

  // TakeOutput appends to `out` what is to be written, about `enough` octets at most. An error is the end of the
  // connection once that is written: the client broke a rule, and is told so there.
  absl::Status TakeOutput(size_t enough, std::string& out);

  // unread_octets is what answers take that the client did not take yet.
  size_t unread_octets() const { return unread_octets_; }

  // ended says that nothing will be read or written any more.
  bool ended() const;

 private:
  struct Stream;

  explicit Http2Session(size_t max_message);

  static Http2Session& Of(void* self) { return *static_cast<Http2Session*>(self); }
  static int OnBeginHeaders(nghttp2_session* session, const nghttp2_frame* frame, void* self);
  static int OnHeader(nghttp2_session* session, const nghttp2_frame* frame, const uint8_t* name, size_t name_size,
                      const uint8_t* value, size_t value_size, uint8_t flags, void* self);
  static int OnData(nghttp2_session* session, uint8_t flags, int32_t id, const uint8_t* octets, size_t size,
                    void* self);
  static int OnFrame(nghttp2_session* session, const nghttp2_frame* frame, void* self);
  static int OnSent(nghttp2_session* session, const nghttp2_frame* frame, void* self);
  static int OnClose(nghttp2_session* session, int32_t id, uint32_t error, void* self);
  static ssize_t ReadResponse(nghttp2_session* session, int32_t id, uint8_t* buffer, size_t size, uint32_t* flags,
                              nghttp2_data_source* source, void* self);
  static int SendData(nghttp2_session* session, nghttp2_frame* frame, const uint8_t* header, size_t size,
                      nghttp2_data_source* source, void* self);

  Stream* Find(int32_t id);
  void TakeHeader(Stream& stream, std::string_view name, std::string_view value);
  void TakeData(int32_t id, Stream& stream, std::string_view octets);
  void EndRequest(int32_t id, Stream& stream);
  // Refuse answers a request that is not handed out; RefuseUnread one of which there may be more to come.
  void Refuse(int32_t id, Stream& stream, int code, std::string_view message);
  void RefuseUnread(int32_t id, Stream& stream, int code, std::string_view message);
  void Submit(int32_t id, Stream& stream, Answer answer);

  const size_t max_message_;
  nghttp2_session* session_ = nullptr;
  std::map<int32_t, std::unique_ptr<Stream>> streams_;
  Events events_;
  size_t unread_octets_ = 0;
  // Of the call of TakeOutput that is under way.
  std::string* output_ = nullptr;
  std::string violation_;
  // Of the GOAWAY that libnghttp2 has sent by itself.
  uint32_t error_ = NGHTTP2_NO_ERROR;
};

}  // namespace ddskey

#endif  // DAEMON_RPC_HTTP2_SESSION_H_
