#ifndef DAEMON_RPC_CLIENT_CONNECTION_H_
#define DAEMON_RPC_CLIENT_CONNECTION_H_

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <mutex>
#include <span>
#include <string>
#include <unordered_map>
#include <vector>

#include "absl/status/status.h"
#include "daemon/rpc/frame_inspector.h"
#include "daemon/rpc/http2_session.h"
#include "daemon/rpc/listener.h"
#include "daemon/rpc/request_shares.h"
#include "daemon/rpc/unary_call.h"
#include "policy/policy.h"

namespace ddskey {

// ClientConnection is a client of a UnaryServer: its socket, behind a FrameInspector (S-9) and an Http2Session. Answers
// are written by whoever gives them, at once; what the socket does not take is kept, and nothing more is read from the
// client until it is gone. Thread-safe; OnReady and OnDeadline are for the server's thread.
class ClientConnection final : public AnswerSink {
 public:
  using Clock = FrameInspector::Clock;

  // Wants is what the connection waits for.
  struct Wants {
    // Of epoll.
    uint32_t events = 0;
    Clock::time_point deadline = Clock::time_point::max();
    // It has ended: it is to be forgotten.
    bool finished = false;
  };

  // `shares` counts its requests; `changed` is called when what it wants has changed, on any thread, with no lock held.
  ClientConnection(Connection connection, std::unique_ptr<Http2Session> session, std::shared_ptr<RequestShares> shares,
                   std::function<void()> changed, Clock::time_point now);
  ~ClientConnection() override;

  // OnReady handles `events` of epoll and returns the requests that have come. `scratch` is for the length of the call.
  std::vector<Http2Session::Request> OnReady(uint32_t events, std::span<uint8_t> scratch, Clock::time_point now);
  // OnDeadline refuses a client that is late.
  void OnDeadline(Clock::time_point now);

  // Track remembers a call until it is answered, so that it hears when its client has gone.
  void Track(int32_t stream, const std::shared_ptr<UnaryCall>& call);

  void Respond(int32_t stream, Http2Session::Answer answer) override;

  // SayGoodBye tells the client to begin nothing new here.
  void SayGoodBye();
  // End ends the connection and closes its socket: its calls hear that their client has gone.
  void End();
  // LeaveCalls does the latter only.
  void LeaveCalls();

  Wants wants() const;
  // has_output says that answers were not read yet.
  bool has_output() const;
  // violation says what the client did to have its connection ended; empty if that was not why.
  std::string violation() const;

  int socket() const { return socket_.get(); }
  const std::shared_ptr<const Subject>& subject() const { return subject_; }

 private:
  using Calls = std::unordered_map<int32_t, std::weak_ptr<UnaryCall>>;

  // These are called under the lock.
  bool reads() const { return !finished_ && output_.empty(); }
  // IsAwaited says that the client has an answer to take.
  bool IsAwaited() const { return !output_.empty() || session_->unread_octets() > 0; }
  void Read(std::span<uint8_t> scratch, Clock::time_point now);
  void Flush(Clock::time_point now);
  void Write(Clock::time_point now);
  void Refuse(const std::string& violation);
  void Count();
  // TakeGone is the calls whose clients wait no longer.
  std::vector<std::shared_ptr<UnaryCall>> TakeGone(const std::vector<int32_t>& streams);

  UniqueFd socket_;
  const std::shared_ptr<const Subject> subject_;
  UsageLimiter::Permit permit_;
  const std::shared_ptr<RequestShares> shares_;
  const std::function<void()> changed_;

  mutable std::mutex mutex_;
  FrameInspector inspector_;
  const std::unique_ptr<Http2Session> session_;
  Calls calls_;
  // What the client has not taken yet.
  std::string output_;
  // How much of it the socket has taken.
  size_t written_ = 0;
  Clock::time_point stopped_reading_;
  Clock::time_point progress_;
  // What was counted of it in shares_.
  uint64_t counted_ = 0;
  bool finished_ = false;
  std::string violation_;
};

}  // namespace ddskey

#endif  // DAEMON_RPC_CLIENT_CONNECTION_H_
