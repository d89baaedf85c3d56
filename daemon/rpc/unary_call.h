#ifndef DAEMON_RPC_UNARY_CALL_H_
#define DAEMON_RPC_UNARY_CALL_H_

#include <google/protobuf/arena.h>
#include <google/protobuf/message_lite.h>

#include <chrono>
#include <cstdint>
#include <functional>
#include <memory>
#include <mutex>
#include <string>

#include "absl/status/status.h"
#include "daemon/rpc/http2_session.h"
#include "policy/policy.h"

namespace ddskey {

// AnswerSink is where the answers of a connection's calls go. Thread-safe.
class AnswerSink {
 public:
  virtual ~AnswerSink() = default;
  // Respond answers the call on `stream`; nothing happens if its client is gone.
  virtual void Respond(int32_t stream, Http2Session::Answer answer) = 0;
};

// UnaryCall is a call of a client, with its messages, from its whole request until nobody holds it any more. It is
// answered once, by Finish, or with INTERNAL at its end. Thread-safe, but for the messages.
class UnaryCall {
 public:
  using Clock = std::chrono::steady_clock;

  // Origin is whose call it is, and what keeps count of it.
  struct Origin {
    std::shared_ptr<AnswerSink> sink;
    int32_t stream = 0;
    // Who the kernel says is calling (S-10).
    std::shared_ptr<const Subject> caller;
    // When the caller waits no longer; the latest time of the clock if it did not say.
    Clock::time_point deadline = Clock::time_point::max();
    // Destroyed with the call.
    std::shared_ptr<const void> lease;
  };

  explicit UnaryCall(Origin origin) : origin_(std::move(origin)) {}
  ~UnaryCall();
  UnaryCall(const UnaryCall&) = delete;
  UnaryCall& operator=(const UnaryCall&) = delete;

  const Subject& caller() const { return *origin_.caller; }
  Clock::time_point deadline() const { return origin_.deadline; }

  // Make makes a message that lives as long as the call.
  template <typename Message>
  Message* Make() {
    return google::protobuf::Arena::CreateMessage<Message>(&arena_);
  }

  // SetResponse makes `response`, one of Make's, the answer if Finish says OK.
  void SetResponse(const google::protobuf::MessageLite* response) { response_ = response; }

  // Finish answers: with the response, or with what a caller may know of an error.
  void Finish(const absl::Status& status);

  // OnGone has `gone` called when the client does not wait any more, from a thread of the server or this one; not after
  // Finish.
  void OnGone(std::function<void()> gone);

  // Leave is for the server: the client is gone.
  void Leave();

 private:
  const Origin origin_;
  google::protobuf::Arena arena_;
  const google::protobuf::MessageLite* response_ = nullptr;
  std::mutex mutex_;
  std::function<void()> gone_;
  bool has_left_ = false;
  bool finished_ = false;
};

}  // namespace ddskey

#endif  // DAEMON_RPC_UNARY_CALL_H_
