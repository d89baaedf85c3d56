#include "client/connection.h"

#include <nghttp2/nghttp2.h>
#include <string.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstring>
#include <utility>

namespace ddskey {
namespace {

constexpr uint32_t kWindow = 1 << 20;
constexpr size_t kInputSize = 32768;
// Headers and body of a usual call leave in one send().
constexpr size_t kOutputSize = 65536;

// Timeout is the value of grpc-timeout: at most eight digits and a unit.
std::string Timeout(CallClock::time_point deadline) {
  constexpr int64_t kMost = 99'999'999;
  using std::chrono::ceil;
  const auto left = deadline - CallClock::now();
  const int64_t us = std::max<int64_t>(1, ceil<std::chrono::microseconds>(left).count());
  if (us <= kMost) return std::to_string(us) + "u";
  const int64_t ms = ceil<std::chrono::milliseconds>(left).count();
  if (ms <= kMost) return std::to_string(ms) + "m";
  return std::to_string(std::min<int64_t>(ceil<std::chrono::seconds>(left).count(), kMost)) + "S";
}

nghttp2_nv Header(std::string_view name, std::string_view value, uint8_t flags = NGHTTP2_NV_FLAG_NONE) {
  const auto octets = [](std::string_view text) {
    return reinterpret_cast<uint8_t*>(const_cast<char*>(text.data()));  // nghttp2 only reads it
  };
  return {octets(name), octets(value), name.size(), value.size(), flags};
}

std::string_view View(const uint8_t* data, size_t size) { return {reinterpret_cast<const char*>(data), size}; }

UnaryExchange* ExchangeOf(nghttp2_session* session, int32_t stream) {
  return static_cast<UnaryExchange*>(nghttp2_session_get_stream_user_data(session, stream));
}

}  // namespace

// What nghttp2 calls back. No C++ exception may cross its frames.
struct ConnectionCallbacks {
  static int OnHeader(nghttp2_session* session, const nghttp2_frame* frame, const uint8_t* name, size_t name_size,
                      const uint8_t* value, size_t value_size, uint8_t /*flags*/, void* /*connection*/) {
    UnaryExchange* const exchange = ExchangeOf(session, frame->hd.stream_id);
    if (exchange == nullptr) return 0;
    try {
      exchange->OnHeader(View(name, name_size), View(value, value_size));
    } catch (...) {
      return NGHTTP2_ERR_CALLBACK_FAILURE;
    }
    return 0;
  }

  static int OnBody(nghttp2_session* session, uint8_t /*flags*/, int32_t stream, const uint8_t* data, size_t size,
                    void* /*connection*/) {
    UnaryExchange* const exchange = ExchangeOf(session, stream);
    if (exchange == nullptr) return 0;
    try {
      exchange->OnBody(View(data, size));
    } catch (...) {
      return NGHTTP2_ERR_CALLBACK_FAILURE;
    }
    return 0;
  }

  static int OnFrame(nghttp2_session* session, const nghttp2_frame* frame, void* connection) {
    if (frame->hd.type == NGHTTP2_GOAWAY) static_cast<Connection*>(connection)->going_away_ = true;
    const bool carries_end = frame->hd.type == NGHTTP2_DATA || frame->hd.type == NGHTTP2_HEADERS;
    if (!carries_end || (frame->hd.flags & NGHTTP2_FLAG_END_STREAM) == 0) return 0;
    if (UnaryExchange* const exchange = ExchangeOf(session, frame->hd.stream_id)) exchange->OnServerDone();
    return 0;
  }

  static int OnStreamClosed(nghttp2_session* session, int32_t stream, uint32_t error, void* /*connection*/) {
    if (UnaryExchange* const exchange = ExchangeOf(session, stream)) exchange->OnStreamClosed(error);
    return 0;
  }

  static ssize_t TakeRequest(nghttp2_session* /*session*/, int32_t /*stream*/, uint8_t* buffer, size_t size,
                             uint32_t* flags, nghttp2_data_source* source, void* /*connection*/) {
    auto* const exchange = static_cast<UnaryExchange*>(source->ptr);
    const size_t taken = exchange->TakeRequest(buffer, size);
    if (exchange->request_taken()) *flags |= NGHTTP2_DATA_FLAG_EOF;
    return static_cast<ssize_t>(taken);
  }
};

std::unique_ptr<Connection> Connection::Open(const std::string& path, const std::vector<uid_t>& server_uids,
                                             CallClock::time_point deadline, CallStatus* status) {
  CallResult<std::optional<UnixSocket>> socket = UnixSocket::Connect(path, deadline);
  *status = std::move(socket.status);
  if (!status->ok()) return nullptr;

  const std::optional<uid_t> uid = socket.value->PeerUid();
  if (!uid || std::find(server_uids.begin(), server_uids.end(), *uid) == server_uids.end()) {
    *status = {CallCode::kUnauthenticated, "user " + (uid ? std::to_string(*uid) : "unknown") + " listens at " + path +
                                               ", who is neither root nor ddskeyd"};
    return nullptr;
  }
  std::unique_ptr<Connection> connection(new Connection(*std::move(socket.value)));
  if (!connection->StartSession()) {
    *status = {CallCode::kInternal, "no memory for a connection"};
    return nullptr;
  }
  return connection;
}

Connection::Connection(UnixSocket socket) : socket_(std::move(socket)), input_(kInputSize) {}

// Without a GOAWAY: the connection may be a forked copy of one that somebody else goes on using.
Connection::~Connection() { nghttp2_session_del(session_); }

bool Connection::StartSession() {
  nghttp2_session_callbacks* callbacks = nullptr;
  if (nghttp2_session_callbacks_new(&callbacks) != 0) return false;
  nghttp2_session_callbacks_set_on_header_callback(callbacks, &ConnectionCallbacks::OnHeader);
  nghttp2_session_callbacks_set_on_data_chunk_recv_callback(callbacks, &ConnectionCallbacks::OnBody);
  nghttp2_session_callbacks_set_on_frame_recv_callback(callbacks, &ConnectionCallbacks::OnFrame);
  nghttp2_session_callbacks_set_on_stream_close_callback(callbacks, &ConnectionCallbacks::OnStreamClosed);
  const int made = nghttp2_session_client_new(&session_, callbacks, this);
  nghttp2_session_callbacks_del(callbacks);
  if (made != 0) return false;

  const std::array<nghttp2_settings_entry, 2> settings = {
      {{NGHTTP2_SETTINGS_ENABLE_PUSH, 0}, {NGHTTP2_SETTINGS_INITIAL_WINDOW_SIZE, kWindow}}};
  return nghttp2_submit_settings(session_, NGHTTP2_FLAG_NONE, settings.data(), settings.size()) == 0 &&
         nghttp2_session_set_local_window_size(session_, NGHTTP2_FLAG_NONE, 0, kWindow) == 0;
}

bool Connection::Usable() {
  if (finished() || !socket_.IsOurs()) return false;
  return Read() && Flush() && !going_away_ && nghttp2_session_want_read(session_) != 0;
}

Connection::Fate Connection::Call(std::string_view method, UnaryExchange& exchange, CallClock::time_point deadline,
                                  const Waker* waker, CallStatus* status) {
  const int32_t stream = Submit(method, exchange, deadline);
  if (stream < 0) {
    broken_ = true;
    *status = {CallCode::kUnavailable, nghttp2_strerror(stream)};
    return Fate::kNotProcessed;
  }
  const Fate fate = Converse(stream, exchange, deadline, waker, status);
  // A stream that lives on in the session must not point at the caller's exchange.
  if (!exchange.stream_closed()) {
    nghttp2_session_set_stream_user_data(session_, stream, nullptr);
    broken_ = true;
  }
  return fate;
}

int32_t Connection::Submit(std::string_view method, UnaryExchange& exchange, CallClock::time_point deadline) {
  const std::string timeout = deadline == CallClock::time_point::max() ? "" : Timeout(deadline);
  std::vector<nghttp2_nv> headers = {
      Header(":method", "POST"),         Header(":scheme", "http"), Header(":path", method),
      Header(":authority", "localhost"), Header("te", "trailers"),  Header("content-type", "application/grpc"),
  };
  // Differs in every call: would only fill HPACK's table.
  if (!timeout.empty()) headers.push_back(Header("grpc-timeout", timeout, NGHTTP2_NV_FLAG_NO_INDEX));
  nghttp2_data_provider body{};
  body.source.ptr = &exchange;
  body.read_callback = &ConnectionCallbacks::TakeRequest;
  return nghttp2_submit_request(session_, nullptr, headers.data(), headers.size(), &body, &exchange);
}

Connection::Fate Connection::Converse(int32_t stream, UnaryExchange& exchange, CallClock::time_point deadline,
                                      const Waker* waker, CallStatus* status) {
  for (;;) {
    Pump(exchange);
    if (exchange.stream_closed()) break;
    if (exchange.answered_early()) {
      Reset(stream, NGHTTP2_NO_ERROR);
      break;
    }
    if (exchange.failure()) return GiveUp(stream, exchange, *exchange.failure(), status);
    if (broken_) return Lost(exchange, status);
    if (MillisecondsUntil(deadline) == 0) {
      return GiveUp(stream, exchange, {CallCode::kDeadlineExceeded, "the daemon did not answer in time"}, status);
    }
    if (waker != nullptr && waker->woken()) {
      return GiveUp(stream, exchange, {CallCode::kCancelled, "the caller does not wait any more"}, status);
    }
    bool readable = false;
    if (!socket_.Wait(HasOutput(), deadline, waker, &readable)) {
      broken_ = true;
      error_ = EBADF;
    }
    if (readable && !Read()) broken_ = true;
  }
  if (exchange.refused()) {
    *status = {CallCode::kUnavailable, "the daemon refused the call"};
    return Fate::kNotProcessed;
  }
  *status = exchange.Outcome(MillisecondsUntil(deadline) == 0);
  if (!broken_ && HasOutput() && !Flush()) broken_ = true;  // window updates, acknowledgements
  return Fate::kFinished;
}

void Connection::Pump(UnaryExchange& exchange) {
  if (!broken_ && !Flush()) broken_ = true;
  // A server that answered and hung up: its trailers or GOAWAY may still lie in the socket.
  constexpr int kMostReads = 64;
  if (broken_ && error_ == EPIPE) {
    for (int i = 0; i < kMostReads && !exchange.stream_closed() && Read(); ++i) {
    }
  }
  // nghttp2 gives up silently after a protocol error: it wants neither to read nor to write.
  if (!broken_ && !exchange.stream_closed() && nghttp2_session_want_read(session_) == 0 && !HasOutput()) {
    broken_ = true;
    error_ = EPROTO;
  }
}

Connection::Fate Connection::GiveUp(int32_t stream, const UnaryExchange& exchange, CallStatus reason,
                                    CallStatus* status) {
  Reset(stream, NGHTTP2_CANCEL);
  // What the server still sends would fill a socket that nobody reads while it idles.
  if (exchange.touched()) broken_ = true;
  *status = std::move(reason);
  return Fate::kFinished;
}

void Connection::Reset(int32_t stream, uint32_t http2_error) {
  nghttp2_submit_rst_stream(session_, NGHTTP2_FLAG_NONE, stream, http2_error);
  if (!Flush() || HasOutput()) broken_ = true;
}

Connection::Fate Connection::Lost(const UnaryExchange& exchange, CallStatus* status) const {
  std::string reason = "closed by the daemon";
  if (error_ == EPROTO) {
    reason = "what listens there does not speak HTTP/2";
  } else if (error_ != 0) {
    char text[128];
    reason = strerror_r(error_, text, sizeof(text));
  }
  *status = {CallCode::kUnavailable, "the connection to the daemon was lost: " + reason};
  const bool handed_over = exchange.request_taken() && flushed_ == output_.size();
  return exchange.touched() || handed_over ? Fate::kUnknown : Fate::kNotProcessed;
}

bool Connection::HasOutput() const { return flushed_ < output_.size() || nghttp2_session_want_write(session_) != 0; }

bool Connection::Flush() {
  for (;;) {
    if (flushed_ == output_.size()) {
      output_.clear();
      flushed_ = 0;
      const uint8_t* data = nullptr;
      while (output_.size() < kOutputSize) {
        const ssize_t size = nghttp2_session_mem_send(session_, &data);
        if (size < 0) {
          error_ = EPROTO;
          return false;
        }
        if (size == 0) break;
        output_.append(reinterpret_cast<const char*>(data), static_cast<size_t>(size));
      }
      if (output_.empty()) return true;
    }
    const ssize_t sent = socket_.Send(output_.data() + flushed_, output_.size() - flushed_);
    if (sent == -EAGAIN) return true;
    if (sent < 0) {
      error_ = static_cast<int>(-sent);
      return false;
    }
    flushed_ += static_cast<size_t>(sent);
  }
}

bool Connection::Read() {
  for (;;) {
    const ssize_t received = socket_.Receive(input_.data(), input_.size());
    if (received == -EAGAIN) return true;
    if (received <= 0) {
      error_ = static_cast<int>(-received);
      return false;
    }
    const ssize_t taken = nghttp2_session_mem_recv(session_, input_.data(), static_cast<size_t>(received));
    // An answer may carry a session secret.
    explicit_bzero(input_.data(), static_cast<size_t>(received));
    if (taken != received) {
      error_ = EPROTO;
      return false;
    }
    if (static_cast<size_t>(received) < input_.size()) return true;
  }
}

}  // namespace ddskey
