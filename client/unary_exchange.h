#ifndef CLIENT_UNARY_EXCHANGE_H_
#define CLIENT_UNARY_EXCHANGE_H_

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "client/call_status.h"

namespace ddskey {

// UnaryExchange is one gRPC call on one HTTP/2 stream: it frames the request, takes the response apart, and says how
// the call ended. It knows neither sockets nor HTTP/2 frames. Thread-compatible.
class UnaryExchange {
 public:
  // `request` must outlive the exchange; a response of more than `max_response` octets fails the call.
  UnaryExchange(std::string_view request, size_t max_response);
  ~UnaryExchange();
  UnaryExchange(const UnaryExchange&) = delete;
  UnaryExchange& operator=(const UnaryExchange&) = delete;

  // TakeRequest copies the next octets of the framed request into `buffer` and returns their number.
  size_t TakeRequest(uint8_t* buffer, size_t size);
  // request_taken is true when the whole request was taken.
  bool request_taken() const { return taken_ == kPrefixSize + request_.size(); }

  // What comes from the server: a header or trailer, octets of the body, the end of its side, the end of the stream.
  void OnHeader(std::string_view name, std::string_view value);
  void OnBody(std::string_view octets);
  void OnServerDone() { server_done_ = true; }
  void OnStreamClosed(uint32_t http2_error);

  // stream_closed is true when nothing more comes on this stream.
  bool stream_closed() const { return http2_error_.has_value(); }
  // touched is true if the server has said anything at all about this call: it has begun to work on it.
  bool touched() const { return touched_; }
  // answered_early is true if the server completed its answer without waiting for the whole request.
  bool answered_early() const { return server_done_ && grpc_status_ && !request_taken(); }
  // refused is true if the server says that it did not process the call (RFC 9113, 8.7).
  bool refused() const;
  // failure is set as soon as the answer is beyond use; the stream should be cancelled then.
  const std::optional<CallStatus>& failure() const { return failure_; }

  // Outcome is how the call ended, once the stream is closed or answered. `deadline_passed` decides what a cancellation
  // by the server means.
  CallStatus Outcome(bool deadline_passed) const;

  // response is the one message of the answer. It may hold a session secret and is erased with the exchange.
  std::string_view response() const;

 private:
  static constexpr size_t kPrefixSize = 5;

  size_t ResponseSize() const;
  void Fail(CallCode code, std::string message);
  CallStatus StreamError(bool deadline_passed) const;

  const std::string_view request_;
  const size_t max_response_;
  size_t taken_ = 0;
  std::string body_;
  std::optional<int> grpc_status_;
  std::string grpc_message_;
  int http_status_ = 0;
  bool touched_ = false;
  bool server_done_ = false;
  std::optional<uint32_t> http2_error_;
  std::optional<CallStatus> failure_;
};

}  // namespace ddskey

#endif  // CLIENT_UNARY_EXCHANGE_H_
