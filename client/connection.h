#ifndef CLIENT_CONNECTION_H_
#define CLIENT_CONNECTION_H_

#include <sys/types.h>

#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "client/call_status.h"
#include "client/unary_exchange.h"
#include "client/unix_socket.h"
#include "client/waker.h"

struct nghttp2_session;

namespace ddskey {

// Connection is an HTTP/2 connection with prior knowledge (RFC 9113, 3.3) over a unix socket. It makes one call at a
// time, by blocking I/O on its caller's thread, and has no thread of its own. Thread-compatible.
class Connection {
 public:
  // Fate is what became of a call.
  enum class Fate {
    // It has run its course.
    kFinished,
    // The server surely has not processed it: it may be sent again.
    kNotProcessed,
    // The connection broke after the whole request was handed to the kernel: nobody knows.
    kUnknown,
  };

  // Open connects to `path` and checks that the other side runs as one of `server_uids` (UNAUTHENTICATED if not).
  // `*status` says why when the result is null.
  static std::unique_ptr<Connection> Open(const std::string& path, const std::vector<uid_t>& server_uids,
                                          CallClock::time_point deadline, CallStatus* status);
  ~Connection();
  Connection(const Connection&) = delete;
  Connection& operator=(const Connection&) = delete;

  // Usable takes what has arrived while the connection was idle and tells whether it is good for another call.
  bool Usable();

  // finished is true when the connection is good for nothing any more.
  bool finished() const { return broken_ || going_away_; }

  // CloseCopy closes the descriptor and nothing else: all that may be done with a connection that a fork has torn in
  // the middle of a call.
  void CloseCopy() { socket_.Close(); }

  // Call runs `exchange` against `method` ("/package.Service/Method"); `*status` is how it ended.
  // It is CANCELLED when `waker` (unless null) is woken.
  Fate Call(std::string_view method, UnaryExchange& exchange, CallClock::time_point deadline, const Waker* waker,
            CallStatus* status);

 private:
  explicit Connection(UnixSocket socket);
  bool StartSession();
  int32_t Submit(std::string_view method, UnaryExchange& exchange, CallClock::time_point deadline);
  Fate Converse(int32_t stream, UnaryExchange& exchange, CallClock::time_point deadline, const Waker* waker,
                CallStatus* status);
  Fate GiveUp(int32_t stream, const UnaryExchange& exchange, CallStatus reason, CallStatus* status);
  void Reset(int32_t stream, uint32_t http2_error);
  Fate Lost(const UnaryExchange& exchange, CallStatus* status) const;

  // Flush hands what is to be sent to the kernel; Read takes what has arrived. Neither blocks; both return false, and
  // say why in `error_`, when the connection is broken.
  bool Flush();
  bool Read();
  void Pump(UnaryExchange& exchange);
  bool HasOutput() const;

  friend struct ConnectionCallbacks;

  UnixSocket socket_;
  nghttp2_session* session_ = nullptr;
  std::string output_;
  size_t flushed_ = 0;
  // On the heap: a host's threads may have stacks of 16 KiB.
  std::vector<uint8_t> input_;
  bool going_away_ = false;
  bool broken_ = false;
  int error_ = 0;
};

}  // namespace ddskey

#endif  // CLIENT_CONNECTION_H_
