#include "daemon/rpc/http2_session.h"

#include <string.h>

#include <algorithm>
#include <array>
#include <charconv>
#include <utility>

#include "absl/strings/str_cat.h"
#include "daemon/rpc/limits.h"

namespace ddskey {
namespace {

// gRPC over HTTP/2, "Length-Prefixed-Message".
constexpr size_t kPrefixSize = 5;

// Of gRPC's status codes.
constexpr int kInvalidArgument = 3;
constexpr int kResourceExhausted = 8;
constexpr int kUnimplemented = 12;

// What the headers and trailers of as many answers as there can be may take.
constexpr size_t kHeadersOctets = size_t{kStreams} * 256;

// What a header costs beside its octets (RFC 9113, 6.5.2).
constexpr size_t kHeaderCost = 32;

nghttp2_nv Header(std::string_view name, std::string_view value) {
  return {reinterpret_cast<uint8_t*>(const_cast<char*>(name.data())),
          reinterpret_cast<uint8_t*>(const_cast<char*>(value.data())), name.size(), value.size(),
          NGHTTP2_NV_FLAG_NO_COPY_NAME};
}

// ParseTimeout reads gRPC's grpc-timeout: at most 8 digits and a unit.
std::optional<std::chrono::nanoseconds> ParseTimeout(std::string_view text) {
  constexpr size_t kMostDigits = 8;
  int64_t number = 0;
  if (text.size() < 2 || text.size() > kMostDigits + 1) return std::nullopt;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size() - 1, number);
  if (error != std::errc() || end != text.data() + text.size() - 1 || number < 0) return std::nullopt;
  switch (text.back()) {
    case 'H':
      return std::chrono::hours(std::min<int64_t>(number, 1'000'000));
    case 'M':
      return std::chrono::minutes(number);
    case 'S':
      return std::chrono::seconds(number);
    case 'm':
      return std::chrono::milliseconds(number);
    case 'u':
      return std::chrono::microseconds(number);
    case 'n':
      return std::chrono::nanoseconds(number);
    default:
      return std::nullopt;
  }
}

// PercentEncode is what gRPC does to messages; they are printable ASCII already.
std::string PercentEncode(std::string_view text) {
  std::string encoded;
  for (const char c : text) {
    if (c == '%') {
      encoded += "%25";
    } else {
      encoded += c >= ' ' && c <= '~' ? c : '?';
    }
  }
  return encoded;
}

uint32_t MessageSize(std::string_view prefix) {
  uint32_t size = 0;
  for (size_t i = 1; i < kPrefixSize; ++i) size = size << 8 | static_cast<uint8_t>(prefix[i]);
  return size;
}

std::string WithPrefix(std::string message) {
  const auto size = static_cast<uint32_t>(message.size());
  const std::array<char, kPrefixSize> prefix = {0, static_cast<char>(size >> 24), static_cast<char>(size >> 16),
                                                static_cast<char>(size >> 8), static_cast<char>(size)};
  std::string out;
  // Once: growing would leave copies of a secret behind.
  out.reserve(kPrefixSize + message.size());
  out.append(prefix.data(), prefix.size());
  out.append(message);
  explicit_bzero(message.data(), message.size());
  return out;
}

}  // namespace

// Stream is a call from its first header to the last octet of its answer.
struct Http2Session::Stream {
  enum class State {
    kReceiving,
    // Somebody works on the answer.
    kHandedOut,
    kAnswered,
  };

  ~Stream() { explicit_bzero(response.data(), response.size()); }

  State state = State::kReceiving;
  size_t metadata = 0;
  bool is_post = false;
  bool is_grpc = false;
  bool is_plain = true;
  // It was refused before all of it had come.
  bool is_unread = false;
  Request request;
  // With its prefix.
  std::string response;
  size_t sent = 0;
};

Http2Session::Http2Session(size_t max_message) : max_message_(max_message) {}

absl::StatusOr<std::unique_ptr<Http2Session>> Http2Session::Create(size_t max_message) {
  std::unique_ptr<Http2Session> session(new Http2Session(max_message));
  nghttp2_session_callbacks* callbacks = nullptr;
  if (nghttp2_session_callbacks_new(&callbacks) != 0) return absl::InternalError("no memory for a connection");
  nghttp2_session_callbacks_set_on_begin_headers_callback(callbacks, &OnBeginHeaders);
  nghttp2_session_callbacks_set_on_header_callback(callbacks, &OnHeader);
  nghttp2_session_callbacks_set_on_data_chunk_recv_callback(callbacks, &OnData);
  nghttp2_session_callbacks_set_on_frame_recv_callback(callbacks, &OnFrame);
  nghttp2_session_callbacks_set_on_frame_send_callback(callbacks, &OnSent);
  nghttp2_session_callbacks_set_on_stream_close_callback(callbacks, &OnClose);
  nghttp2_session_callbacks_set_send_data_callback(callbacks, &SendData);
  const int made = nghttp2_session_server_new(&session->session_, callbacks, session.get());
  nghttp2_session_callbacks_del(callbacks);
  // Without priorities libnghttp2 keeps nothing of streams that are closed or idle.
  const std::array<nghttp2_settings_entry, 3> settings = {
      {{NGHTTP2_SETTINGS_MAX_CONCURRENT_STREAMS, kStreams},
       {NGHTTP2_SETTINGS_NO_RFC7540_PRIORITIES, 1},
       {NGHTTP2_SETTINGS_MAX_HEADER_LIST_SIZE, static_cast<uint32_t>(kMetadataOctets)}}};
  if (made != 0 ||
      nghttp2_submit_settings(session->session_, NGHTTP2_FLAG_NONE, settings.data(), settings.size()) != 0) {
    return absl::InternalError("no memory for a connection");
  }
  return session;
}

Http2Session::~Http2Session() { nghttp2_session_del(session_); }

absl::Status Http2Session::Receive(std::span<const uint8_t> octets) {
  const ssize_t taken = nghttp2_session_mem_recv(session_, octets.data(), octets.size());
  if (taken >= 0) return absl::OkStatus();
  if (!violation_.empty()) return absl::InvalidArgumentError(violation_);
  return absl::InvalidArgumentError(absl::StrCat("breaks HTTP/2: ", nghttp2_strerror(static_cast<int>(taken))));
}

void Http2Session::Respond(int32_t stream, Answer answer) {
  Stream* const found = Find(stream);
  if (found != nullptr && found->state == Stream::State::kHandedOut) {
    Submit(stream, *found, std::move(answer));
  } else {
    explicit_bzero(answer.response.data(), answer.response.size());
  }
}

void Http2Session::SayGoodBye() {
  nghttp2_submit_goaway(session_, NGHTTP2_FLAG_NONE, nghttp2_session_get_last_proc_stream_id(session_),
                        NGHTTP2_NO_ERROR, nullptr, 0);
}

absl::Status Http2Session::TakeOutput(size_t enough, std::string& out) {
  // Once: growing would leave copies of a secret behind.
  out.reserve(std::min(enough, unread_octets_) + kFrameOctets + kHeadersOctets);
  output_ = &out;
  while (out.size() < enough) {
    const uint8_t* octets = nullptr;
    const ssize_t size = nghttp2_session_mem_send(session_, &octets);
    if (size < 0) return absl::InternalError(nghttp2_strerror(static_cast<int>(size)));
    if (size == 0) break;
    out.append(reinterpret_cast<const char*>(octets), static_cast<size_t>(size));
  }
  output_ = nullptr;
  if (error_ == NGHTTP2_NO_ERROR) return absl::OkStatus();
  return absl::InvalidArgumentError(absl::StrCat("breaks HTTP/2: ", nghttp2_http2_strerror(error_)));
}

bool Http2Session::ended() const {
  return nghttp2_session_want_read(session_) == 0 && nghttp2_session_want_write(session_) == 0;
}

int Http2Session::OnBeginHeaders(nghttp2_session* /*session*/, const nghttp2_frame* frame, void* self) {
  if (frame->hd.type == NGHTTP2_HEADERS && frame->headers.cat == NGHTTP2_HCAT_REQUEST) {
    Of(self).streams_.emplace(frame->hd.stream_id, std::make_unique<Stream>());
  }
  return 0;
}

int Http2Session::OnHeader(nghttp2_session* /*session*/, const nghttp2_frame* frame, const uint8_t* name,
                           size_t name_size, const uint8_t* value, size_t value_size, uint8_t /*flags*/, void* self) {
  Stream* const stream = Of(self).Find(frame->hd.stream_id);
  if (stream == nullptr) return 0;
  stream->metadata += name_size + value_size + kHeaderCost;
  if (stream->metadata > kMetadataOctets) {
    // Whatever is left of the header block is not decoded: each octet of it may stand for 4 KiB.
    Of(self).violation_ = "sends more metadata than a call may have";
    return NGHTTP2_ERR_CALLBACK_FAILURE;
  }
  Of(self).TakeHeader(*stream, {reinterpret_cast<const char*>(name), name_size},
                      {reinterpret_cast<const char*>(value), value_size});
  return 0;
}

void Http2Session::TakeHeader(Stream& stream, std::string_view name, std::string_view value) {
  if (name == ":path") {
    stream.request.path = value;
  } else if (name == ":method") {
    stream.is_post = value == "POST";
  } else if (name == "content-type") {
    stream.is_grpc = value.starts_with("application/grpc");
  } else if (name == "grpc-encoding") {
    stream.is_plain = value == "identity";
  } else if (name == "grpc-timeout") {
    stream.request.timeout = ParseTimeout(value);
  }
}

int Http2Session::OnData(nghttp2_session* /*session*/, uint8_t /*flags*/, int32_t id, const uint8_t* octets,
                         size_t size, void* self) {
  Stream* const stream = Of(self).Find(id);
  if (stream == nullptr || stream->state != Stream::State::kReceiving) return 0;
  Of(self).TakeData(id, *stream, {reinterpret_cast<const char*>(octets), size});
  return 0;
}

void Http2Session::TakeData(int32_t id, Stream& stream, std::string_view octets) {
  std::string& message = stream.request.message;
  message.append(octets);
  if (message.size() < kPrefixSize) return;
  // A few octets can be inflated into more memory than there is: clients have no use for compression here.
  if (message[0] != 0 || !stream.is_plain) {
    return RefuseUnread(id, stream, kUnimplemented, "compressed requests are not taken");
  }
  const size_t size = MessageSize(message);
  if (size > max_message_) {
    return RefuseUnread(id, stream, kResourceExhausted,
                        absl::StrCat("the request of ", size, " octets is over the limit of ", max_message_));
  }
  if (message.size() > kPrefixSize + size) {
    return RefuseUnread(id, stream, kInvalidArgument, "a call has one request, which is as long as it says");
  }
}

int Http2Session::OnFrame(nghttp2_session* /*session*/, const nghttp2_frame* frame, void* self) {
  if (frame->hd.type != NGHTTP2_HEADERS && frame->hd.type != NGHTTP2_DATA) return 0;
  if ((frame->hd.flags & NGHTTP2_FLAG_END_STREAM) == 0) return 0;
  Stream* const stream = Of(self).Find(frame->hd.stream_id);
  if (stream != nullptr && stream->state == Stream::State::kReceiving) {
    Of(self).EndRequest(frame->hd.stream_id, *stream);
  }
  return 0;
}

void Http2Session::EndRequest(int32_t id, Stream& stream) {
  if (!stream.is_post || !stream.is_grpc) {
    return Refuse(id, stream, kInvalidArgument, "this socket speaks gRPC only");
  }
  std::string& message = stream.request.message;
  if (message.size() < kPrefixSize || message.size() != kPrefixSize + MessageSize(message)) {
    return Refuse(id, stream, kInvalidArgument, "a call has one request, which is as long as it says");
  }
  message.erase(0, kPrefixSize);
  stream.state = Stream::State::kHandedOut;
  stream.request.stream = id;
  events_.requests.push_back(std::move(stream.request));
}

int Http2Session::OnClose(nghttp2_session* /*session*/, int32_t id, uint32_t /*error*/, void* self) {
  Http2Session& session = Of(self);
  const auto found = session.streams_.find(id);
  if (found == session.streams_.end()) return 0;
  // Else it was answered, or never whole.
  if (found->second->state == Stream::State::kHandedOut) session.events_.gone.push_back(id);
  session.unread_octets_ -= found->second->response.size();
  session.streams_.erase(found);
  return 0;
}

Http2Session::Stream* Http2Session::Find(int32_t id) {
  const auto found = streams_.find(id);
  return found == streams_.end() ? nullptr : found->second.get();
}

void Http2Session::Refuse(int32_t id, Stream& stream, int code, std::string_view message) {
  std::string().swap(stream.request.message);
  Submit(id, stream, {code, std::string(message), ""});
}

void Http2Session::RefuseUnread(int32_t id, Stream& stream, int code, std::string_view message) {
  Refuse(id, stream, code, message);
  stream.is_unread = true;
}

int Http2Session::OnSent(nghttp2_session* session, const nghttp2_frame* frame, void* self) {
  if (frame->hd.type == NGHTTP2_GOAWAY) Of(self).error_ = frame->goaway.error_code;
  const int32_t id = frame->hd.stream_id;
  const Stream* const stream = frame->hd.type == NGHTTP2_HEADERS ? Of(self).Find(id) : nullptr;
  if (stream != nullptr && stream->is_unread && nghttp2_session_get_stream_remote_close(session, id) == 0) {
    // The rest of the request need not be sent (RFC 9113, 8.1). Any sooner, and the answer would not be.
    nghttp2_submit_rst_stream(session, NGHTTP2_FLAG_NONE, id, NGHTTP2_NO_ERROR);
  }
  return 0;
}

void Http2Session::Submit(int32_t id, Stream& stream, Answer answer) {
  stream.state = Stream::State::kAnswered;
  const std::string code = absl::StrCat(answer.code);
  const std::string message = PercentEncode(answer.message);
  std::vector<nghttp2_nv> headers = {Header(":status", "200"), Header("content-type", "application/grpc")};
  if (answer.code != 0) {
    headers.push_back(Header("grpc-status", code));
    headers.push_back(Header("grpc-message", message));
    nghttp2_submit_response(session_, id, headers.data(), headers.size(), nullptr);
    return;
  }
  stream.response = WithPrefix(std::move(answer.response));
  unread_octets_ += stream.response.size();
  nghttp2_data_provider provider = {};
  provider.source.ptr = &stream;
  provider.read_callback = &ReadResponse;
  nghttp2_submit_response(session_, id, headers.data(), headers.size(), &provider);
}

ssize_t Http2Session::ReadResponse(nghttp2_session* session, int32_t id, uint8_t* /*buffer*/, size_t size,
                                   uint32_t* flags, nghttp2_data_source* source, void* /*self*/) {
  const Stream& stream = *static_cast<const Stream*>(source->ptr);
  const size_t left = stream.response.size() - stream.sent;
  const size_t part = std::min(left, size);
  // SendData copies it: a buffer of libnghttp2's would keep it as long as the connection lives.
  *flags |= NGHTTP2_DATA_FLAG_NO_COPY;
  if (part == left) {
    *flags |= NGHTTP2_DATA_FLAG_EOF | NGHTTP2_DATA_FLAG_NO_END_STREAM;
    const nghttp2_nv status = Header("grpc-status", "0");
    if (nghttp2_submit_trailer(session, id, &status, 1) != 0) return NGHTTP2_ERR_TEMPORAL_CALLBACK_FAILURE;
  }
  return static_cast<ssize_t>(part);
}

int Http2Session::SendData(nghttp2_session* /*session*/, nghttp2_frame* /*frame*/, const uint8_t* header, size_t size,
                           nghttp2_data_source* source, void* self) {
  constexpr size_t kFrameHeaderSize = 9;
  Stream& stream = *static_cast<Stream*>(source->ptr);
  std::string& out = *Of(self).output_;
  out.append(reinterpret_cast<const char*>(header), kFrameHeaderSize);
  out.append(stream.response, stream.sent, size);
  stream.sent += size;
  return 0;
}

}  // namespace ddskey
