#include "client/unary_exchange.h"

#include <nghttp2/nghttp2.h>
#include <string.h>

#include <algorithm>
#include <charconv>
#include <utility>

namespace ddskey {
namespace {

std::optional<int> ParseNumber(std::string_view text) {
  int number = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), number);
  if (error != std::errc() || end != text.data() + text.size()) return std::nullopt;
  return number;
}

int HexDigit(char c) {
  if (c >= '0' && c <= '9') return c - '0';
  if (c >= 'A' && c <= 'F') return c - 'A' + 10;
  if (c >= 'a' && c <= 'f') return c - 'a' + 10;
  return -1;
}

// gRPC over HTTP/2, "Percent-Encoded": what is not a valid escape stands for itself.
std::string PercentDecode(std::string_view text) {
  std::string decoded;
  for (size_t i = 0; i < text.size(); ++i) {
    if (text[i] == '%' && i + 2 < text.size() && HexDigit(text[i + 1]) >= 0 && HexDigit(text[i + 2]) >= 0) {
      decoded += static_cast<char>(HexDigit(text[i + 1]) << 4 | HexDigit(text[i + 2]));
      i += 2;
    } else {
      decoded += text[i];
    }
  }
  return decoded;
}

// gRPC over HTTP/2, "HTTP to gRPC Status Code Mapping".
CallCode FromHttpStatus(int status) {
  switch (status) {
    case 400:
      return CallCode::kInternal;
    case 401:
      return CallCode::kUnauthenticated;
    case 403:
      return CallCode::kPermissionDenied;
    case 404:
      return CallCode::kUnimplemented;
    case 429:
    case 502:
    case 503:
    case 504:
      return CallCode::kUnavailable;
    default:
      return CallCode::kUnknown;
  }
}

// A code that a later gRPC may add is UNKNOWN.
CallCode FromNumber(int code) {
  return code >= 0 && code <= static_cast<int>(CallCode::kUnauthenticated) ? static_cast<CallCode>(code)
                                                                           : CallCode::kUnknown;
}

}  // namespace

UnaryExchange::UnaryExchange(std::string_view request, size_t max_response)
    : request_(request), max_response_(max_response) {}

UnaryExchange::~UnaryExchange() { explicit_bzero(body_.data(), body_.size()); }

size_t UnaryExchange::TakeRequest(uint8_t* buffer, size_t size) {
  const size_t before = taken_;
  const size_t length = request_.size();
  const uint8_t prefix[kPrefixSize] = {0, static_cast<uint8_t>(length >> 24), static_cast<uint8_t>(length >> 16),
                                       static_cast<uint8_t>(length >> 8), static_cast<uint8_t>(length)};
  while (taken_ < kPrefixSize && size > 0) {
    *buffer++ = prefix[taken_++];
    --size;
  }
  if (taken_ >= kPrefixSize) taken_ += request_.copy(reinterpret_cast<char*>(buffer), size, taken_ - kPrefixSize);
  return taken_ - before;
}

void UnaryExchange::OnHeader(std::string_view name, std::string_view value) {
  touched_ = true;
  if (name == ":status") {
    http_status_ = ParseNumber(value).value_or(0);
  } else if (name == "grpc-status") {
    grpc_status_ = ParseNumber(value).value_or(static_cast<int>(CallCode::kUnknown));
  } else if (name == "grpc-message") {
    grpc_message_ = value;
  } else if (name == "content-type" && !value.starts_with("application/grpc")) {
    Fail(FromHttpStatus(http_status_), "what listens there is not a gRPC server");
  }
}

void UnaryExchange::OnBody(std::string_view octets) {
  touched_ = true;
  if (failure_) return;
  // Growing by doubling would leave copies of a secret behind: make room once, when the size is known.
  const size_t head = std::min(octets.size(), kPrefixSize - std::min(kPrefixSize, body_.size()));
  body_.append(octets.substr(0, head));
  octets.remove_prefix(head);
  if (body_.size() < kPrefixSize) return;
  if (body_[0] != 0) return Fail(CallCode::kInternal, "the server compressed its answer");
  if (ResponseSize() > max_response_) {
    return Fail(CallCode::kResourceExhausted, "the answer of " + std::to_string(ResponseSize()) +
                                                  " octets is over the limit of " + std::to_string(max_response_));
  }
  if (body_.size() + octets.size() > kPrefixSize + ResponseSize()) {
    return Fail(CallCode::kInternal, "the server sent more than one answer");
  }
  body_.reserve(kPrefixSize + ResponseSize());
  body_.append(octets);
}

void UnaryExchange::OnStreamClosed(uint32_t http2_error) { http2_error_ = http2_error; }

bool UnaryExchange::refused() const { return http2_error_ == NGHTTP2_REFUSED_STREAM && !touched_; }

size_t UnaryExchange::ResponseSize() const {
  size_t size = 0;
  for (size_t i = 1; i < kPrefixSize; ++i) size = size << 8 | static_cast<uint8_t>(body_[i]);
  return size;
}

void UnaryExchange::Fail(CallCode code, std::string message) {
  if (!failure_) failure_ = CallStatus{code, std::move(message)};
}

CallStatus UnaryExchange::Outcome(bool deadline_passed) const {
  if (failure_) return *failure_;
  if (!grpc_status_) return StreamError(deadline_passed);
  const CallCode code = FromNumber(*grpc_status_);
  if (code != CallCode::kOk) return {code, PercentDecode(grpc_message_)};
  if (body_.size() < kPrefixSize || body_.size() != kPrefixSize + ResponseSize()) {
    return {CallCode::kInternal, "the server's answer is cut short"};
  }
  return {};
}

// gRPC over HTTP/2, "Errors": what an HTTP/2 error code means when there are no trailers.
CallStatus UnaryExchange::StreamError(bool deadline_passed) const {
  switch (http2_error_.value_or(NGHTTP2_NO_ERROR)) {
    case NGHTTP2_REFUSED_STREAM:
      return {CallCode::kUnavailable, "the server refused the call"};
    case NGHTTP2_CANCEL:
      if (deadline_passed) return {CallCode::kDeadlineExceeded, "the call's deadline has passed"};
      return {CallCode::kCancelled, "the server cancelled the call"};
    case NGHTTP2_ENHANCE_YOUR_CALM:
      return {CallCode::kResourceExhausted, "the server asks for fewer calls"};
    case NGHTTP2_INADEQUATE_SECURITY:
      return {CallCode::kPermissionDenied, "the server does not find the connection secure enough"};
    default:
      break;
  }
  if (http_status_ != 0 && http_status_ != 200) {
    return {FromHttpStatus(http_status_), "the server answered with HTTP status " + std::to_string(http_status_)};
  }
  return {CallCode::kInternal, "the server's answer has no status"};
}

std::string_view UnaryExchange::response() const {
  return body_.size() < kPrefixSize ? std::string_view() : std::string_view(body_).substr(kPrefixSize);
}

}  // namespace ddskey
