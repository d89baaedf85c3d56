#ifndef PLUGIN_SHIM_CORE_HANDSHAKE_H_
#define PLUGIN_SHIM_CORE_HANDSHAKE_H_

#include <atomic>
#include <functional>
#include <memory>
#include <mutex>
#include <optional>
#include <string>

#include "client/authentication_client.h"
#include "client/call_status.h"
#include "client/unix_socket.h"
#include "ddskey/v1/authentication.pb.h"
#include "plugin_shim/core/local_identity.h"
#include "plugin_shim/core/wait_budget.h"
#include "proto/contract/guid.h"

namespace ddskey {

// StepOutcome is what a step of a handshake came to.
struct StepOutcome {
  enum class Kind {
    // The step is done; `step` has its message, its result, or both.
    kDone,
    // Not yet: call again later, with the same or any other message.
    kPending,
    // The answer is no.
    kRefused,
  };

  Kind kind = Kind::kRefused;
  v1::HandshakeStep step;
  // The handshake was complete before: `step` is what completed it, without the shared secret.
  bool repeated = false;
  // Why the step is pending or refused, for the log of the host.
  std::string sentence;
};

// Handshake runs the steps between one local participant and one remote one, as initiator or as replier, with the
// daemon. A step that waits for its signature, or for the daemon, is pending and continues with the message it began
// with, whatever else has arrived meanwhile (S-4). A restart of the daemon goes unnoticed. When the pair authenticates
// once more, what the last complete handshake came to stays until the new one is complete. Thread-safe.
class Handshake {
 public:
  // `client` and `budget` must outlive the handshake. `challenge` is this side's, 32 octets.
  Handshake(AuthenticationClient& client, WaitBudget& budget, std::shared_ptr<LocalIdentity> local,
            const Guid& remote_guid, std::string challenge);
  Handshake(const Handshake&) = delete;
  Handshake& operator=(const Handshake&) = delete;

  const std::shared_ptr<LocalIdentity>& local() const { return local_; }
  const std::string& challenge() const { return challenge_; }

  // set_remote_future_challenge keeps what the peer announced as its challenge; empty if it announced none.
  void set_remote_future_challenge(std::string challenge);

  // BeginRequest makes the Request; every call makes a new one, unless Resume was called before.
  StepOutcome BeginRequest(const std::string& participant_data);

  // Resumable is true for a while after BeginRequest, until a Reply is taken: a peer may have answered that Request,
  // and then goes on offering its Reply and takes no other Request. Does not block.
  bool Resumable() const;
  // Resume lets the next BeginRequest repeat its last Request, if nothing that is in it has changed. For a host that
  // has lost sight of the peer, which has not lost sight of the host. Does not block.
  void Resume() { resume_ = true; }

  // BeginReply answers `request`, with the same Reply if it has done so already; it continues a pending one, or else
  // begins anew.
  StepOutcome BeginReply(const std::string& participant_data, const v1::DataHolder& request);

  // Process takes a Reply or Final. A message that is refused changes nothing: the next may be the right one. When the
  // handshake is complete, further calls repeat its last outcome until a new one has begun. The shared
  // secret is given out once and not kept; the caller erases it.
  StepOutcome Process(const v1::DataHolder& message);

 private:
  enum class Operation { kBeginReply, kProcess };
  // A call of the daemon, given its deadline and how long it may wait for a signature.
  using Call = std::function<CallResult<v1::HandshakeStep>(CallClock::time_point deadline, uint32_t wait_ms)>;

  // Sent is a message that has gone out, with all that it was made from.
  struct Sent {
    std::string participant_data;
    // Of a Request.
    std::string remote_future_challenge;
    // Of a Reply: the Request that it answers.
    std::optional<v1::DataHolder> answers;
    v1::HandshakeStep step;
  };

  // Continue runs the pending operation; `newer` is a message that arrived since it began, or null.
  StepOutcome Continue(const v1::DataHolder* newer);
  // Run calls `prepare`, or SignHandshake while `sign_ticket_` is set, until the step is done or time is up.
  StepOutcome Run(const Call& prepare);
  // Restart makes another attempt possible after FAILED_PRECONDITION; true if there is one.
  bool Restart(CallClock::time_point deadline, bool* renewed, CallStatus* status);
  Call PrepareCall();
  StepOutcome Complete(StepOutcome outcome);
  StepOutcome NotDone(StepOutcome::Kind kind, const CallStatus& status) const;

  AuthenticationClient& client_;
  WaitBudget& budget_;
  const std::shared_ptr<LocalIdentity> local_;
  const std::string remote_guid_;
  const std::string challenge_;

  std::mutex mutex_;
  std::string remote_future_challenge_;
  std::string handshake_ticket_;
  // The operation under way, with all that it needs to begin again.
  std::optional<Operation> pending_;
  v1::DataHolder message_;
  std::string participant_data_;
  std::string sign_ticket_;
  // What the handshake under way has sent first; nothing when none is.
  std::optional<Sent> sent_;
  // What the last complete handshake came to; without the secret.
  std::optional<v1::HandshakeStep> completed_;
  std::atomic<CallClock::time_point> resumable_until_ = CallClock::time_point();
  std::atomic<bool> resume_ = false;
};

}  // namespace ddskey

#endif  // PLUGIN_SHIM_CORE_HANDSHAKE_H_
