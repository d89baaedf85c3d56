#include "plugin_shim/core/handshake.h"

#include <algorithm>
#include <chrono>
#include <utility>

#include "plugin_shim/core/explain.h"

namespace ddskey {
namespace {

using std::chrono::milliseconds;

// Below this a call is not worth beginning: its answer would come after its deadline and be thrown away.
constexpr milliseconds kLeastWait(50);
// The daemon is told to answer that much before the call's deadline.
constexpr milliseconds kMargin(100);
// Cyclone DDS loses sight of a peer after 10 s. What is left of a ticket's 120 s must be enough for a handshake.
constexpr std::chrono::seconds kResumable(40);

bool SameMessage(const v1::DataHolder& a, const v1::DataHolder& b) {
  return a.SerializeAsString() == b.SerializeAsString();
}

}  // namespace

Handshake::Handshake(AuthenticationClient& client, WaitBudget& budget, std::shared_ptr<LocalIdentity> local,
                     const Guid& remote_guid, std::string challenge)
    : client_(client),
      budget_(budget),
      local_(std::move(local)),
      remote_guid_(GuidOctets(remote_guid)),
      challenge_(std::move(challenge)) {}

void Handshake::set_remote_future_challenge(std::string challenge) {
  const std::lock_guard lock(mutex_);
  remote_future_challenge_ = std::move(challenge);
}

bool Handshake::Resumable() const { return CallClock::now() < resumable_until_.load(); }

StepOutcome Handshake::BeginRequest(const std::string& participant_data) {
  const std::lock_guard lock(mutex_);
  pending_.reset();
  sign_ticket_.clear();
  const bool same = sent_ && sent_->participant_data == participant_data &&
                    sent_->remote_future_challenge == remote_future_challenge_;
  if (resume_.exchange(false) && same && Resumable()) return {StepOutcome::Kind::kDone, sent_->step, false, {}};
  resumable_until_ = CallClock::time_point();
  StepOutcome outcome = Run([this, &participant_data](CallClock::time_point deadline, uint32_t /*wait_ms*/) {
    v1::BeginHandshakeRequestRequest request;
    request.set_identity_ticket(local_->ticket());
    request.set_remote_guid(remote_guid_);
    request.set_challenge(challenge_);
    request.set_participant_data(participant_data);
    request.set_permissions(local_->permissions());
    request.set_remote_future_challenge(remote_future_challenge_);
    return client_.BeginHandshakeRequest(request, deadline);
  });
  if (outcome.kind == StepOutcome::Kind::kDone) {
    sent_ = Sent{participant_data, remote_future_challenge_, std::nullopt, outcome.step};
    resumable_until_ = CallClock::now() + kResumable;
  }
  return Complete(std::move(outcome));
}

StepOutcome Handshake::BeginReply(const std::string& participant_data, const v1::DataHolder& request) {
  const std::lock_guard lock(mutex_);
  if (pending_ == Operation::kBeginReply) return Continue(&request);
  if (sent_ && sent_->answers && sent_->participant_data == participant_data && SameMessage(*sent_->answers, request)) {
    return {StepOutcome::Kind::kDone, sent_->step, false, {}};
  }
  pending_ = Operation::kBeginReply;
  sign_ticket_.clear();
  message_ = request;
  participant_data_ = participant_data;
  return Continue(nullptr);
}

StepOutcome Handshake::Process(const v1::DataHolder& message) {
  const std::lock_guard lock(mutex_);
  if (!sent_ && completed_) return {StepOutcome::Kind::kDone, *completed_, true, {}};
  if (pending_ == Operation::kProcess) return Continue(&message);
  pending_ = Operation::kProcess;
  sign_ticket_.clear();
  message_ = message;
  return Continue(nullptr);
}

StepOutcome Handshake::Continue(const v1::DataHolder* newer) {
  const bool unseen = sign_ticket_.empty();
  StepOutcome outcome = Run(PrepareCall());
  // What the step began with was never looked at while the daemon was away, and it was no good: what came since may be.
  const bool refused = outcome.kind == StepOutcome::Kind::kRefused;
  if (refused && unseen && newer != nullptr && !SameMessage(*newer, message_)) {
    message_ = *newer;
    sign_ticket_.clear();
    outcome = Run(PrepareCall());
  }
  if (outcome.kind == StepOutcome::Kind::kDone && pending_ == Operation::kBeginReply) {
    sent_ = Sent{participant_data_, {}, message_, outcome.step};
    resumable_until_ = CallClock::time_point();
  }
  if (outcome.kind != StepOutcome::Kind::kPending) {
    pending_.reset();
    sign_ticket_.clear();
    message_.Clear();
  }
  return Complete(std::move(outcome));
}

Handshake::Call Handshake::PrepareCall() {
  if (pending_ == Operation::kProcess) {
    return [this](CallClock::time_point deadline, uint32_t wait_ms) {
      v1::ProcessHandshakeRequest request;
      request.set_identity_ticket(local_->ticket());
      request.set_handshake_ticket(handshake_ticket_);
      *request.mutable_message() = message_;
      request.set_wait_ms(wait_ms);
      return client_.ProcessHandshake(request, deadline);
    };
  }
  return [this](CallClock::time_point deadline, uint32_t wait_ms) {
    v1::BeginHandshakeReplyRequest request;
    request.set_identity_ticket(local_->ticket());
    request.set_remote_guid(remote_guid_);
    request.set_challenge(challenge_);
    request.set_participant_data(participant_data_);
    request.set_permissions(local_->permissions());
    request.set_remote_future_challenge(remote_future_challenge_);
    *request.mutable_request() = message_;
    request.set_wait_ms(wait_ms);
    return client_.BeginHandshakeReply(request, deadline);
  };
}

StepOutcome Handshake::Run(const Call& prepare) {
  CallStatus status{CallCode::kDeadlineExceeded, "the wait for the daemon is put off to spare the host"};
  const auto begin = CallClock::now();
  const auto deadline = begin + budget_.Left(begin);
  bool renewed = false;
  bool waited = false;
  StepOutcome outcome;
  for (;;) {
    const auto left = std::chrono::floor<milliseconds>(deadline - CallClock::now());
    if (left < kLeastWait) {
      outcome = NotDone(StepOutcome::Kind::kPending, status);
      break;
    }
    const auto wait_ms = static_cast<uint32_t>(std::max(left - kMargin, milliseconds::zero()).count());
    CallResult<v1::HandshakeStep> result;
    if (sign_ticket_.empty()) {
      result = prepare(deadline, wait_ms);
    } else {
      v1::SignHandshakeRequest request;
      request.set_identity_ticket(local_->ticket());
      request.set_sign_ticket(sign_ticket_);
      request.set_wait_ms(wait_ms);
      result = client_.SignHandshake(request, deadline);
    }
    if (result.status.ok() && result.value.sign_ticket().empty()) {
      outcome = {StepOutcome::Kind::kDone, std::move(result.value), false, {}};
      break;
    }
    if (result.status.ok()) {
      sign_ticket_ = result.value.sign_ticket();
      status = {CallCode::kUnavailable, "the signature is not made yet"};
      if (!std::exchange(waited, true)) continue;
      outcome = NotDone(StepOutcome::Kind::kPending, status);
      break;
    }
    status = result.status;
    if (RemedyFor(status) == Remedy::kAnew && Restart(deadline, &renewed, &status)) continue;
    const bool wait = RemedyFor(status) == Remedy::kWait;
    outcome = NotDone(wait ? StepOutcome::Kind::kPending : StepOutcome::Kind::kRefused, status);
    break;
  }
  budget_.Spend(begin, CallClock::now());
  return outcome;
}

bool Handshake::Restart(CallClock::time_point deadline, bool* renewed, CallStatus* status) {
  // The octets to sign are lost, the message that led to them is not.
  if (!sign_ticket_.empty()) {
    sign_ticket_.clear();
    return true;
  }
  // The daemon does not say which of the tickets it could not open; that of the identity can be replaced.
  if (std::exchange(*renewed, true)) return false;
  const CallStatus renewal = local_->Renew(client_, deadline);
  if (!renewal.ok()) *status = renewal;
  return renewal.ok();
}

StepOutcome Handshake::Complete(StepOutcome outcome) {
  if (outcome.kind != StepOutcome::Kind::kDone) return outcome;
  if (!outcome.step.handshake_ticket().empty()) handshake_ticket_ = outcome.step.handshake_ticket();
  if (!outcome.step.has_result()) return outcome;
  // Swapped out meanwhile, so that no second copy is made.
  std::string secret;
  secret.swap(*outcome.step.mutable_result()->mutable_shared_secret());
  completed_ = outcome.step;
  sent_.reset();
  resumable_until_ = CallClock::time_point();
  secret.swap(*outcome.step.mutable_result()->mutable_shared_secret());
  return outcome;
}

StepOutcome Handshake::NotDone(StepOutcome::Kind kind, const CallStatus& status) const {
  return {kind, {}, false, Explain(status, local_->key_name(), client_.socket())};
}

}  // namespace ddskey
