#include "daemon/custodian/authentication_custodian.h"

#include <utility>

#include "absl/strings/str_cat.h"
#include "daemon/custodian/use_identity.h"
#include "daemon/handshake/digest.h"
#include "proto/contract/status_macros.h"

namespace ddskey {
namespace {

// A device may be asked as long as the ticket lives.
constexpr std::chrono::seconds kSigningDeadline(120);

SignatureScheme SchemeOf(KeyAlgorithm algorithm) {
  return IsRsa(algorithm) ? SignatureScheme::kRsaPssSha256 : SignatureScheme::kEcdsaSha256;
}

// ProofOf is what the peer of a handshake has shown.
PeerProof ProofOf(const HandshakeMessage& message) { return {*message.c_id, message.ocsp_status.value_or("")}; }
PeerProof ProofOf(const HandshakeState& state) { return {state.peer_certificate, state.peer_ocsp_response}; }

PeerCredential CredentialOf(const std::shared_ptr<const Certificate>& certificate) {
  return {certificate->subject_der(), [certificate](std::string_view octets, std::string_view signature) {
            return certificate->VerifySignature(octets, signature);
          }};
}

}  // namespace

// Signing is a step that waits for its signature.
struct AuthenticationCustodian::Signing {
  Subject caller;
  TicketKind kind = TicketKind::kSignReply;
  Admitted admitted;
  HandshakeState state;
  const KeyGeneration* generation = nullptr;  // of the identity
  std::shared_ptr<const Certificate> peer;
  // What it was asked for again with; empty when it begins.
  std::string ticket;
};

AuthenticationCustodian::AuthenticationCustodian(const Parts& parts)
    : parts_(parts),
      admission_({parts.authorizer, parts.keys, parts.validator, parts.sealer, parts.changes, parts.clock, parts.book,
                  parts.file_lists, parts.check_clock}),
      deposits_(parts.pool, parts.deposits) {}

void AuthenticationCustodian::End(Trail& trail, const absl::Status& outcome) {
  if (!outcome.ok()) ++refused_;
  trail.End(outcome);
}

absl::StatusOr<std::string> AuthenticationCustodian::SealStep(TicketKind kind, const Subject& caller,
                                                              const Participant& participant,
                                                              const HandshakeState& state) const {
  return parts_.sealer.Seal(kind, {CallerBinding(caller), ParticipantBinding(participant)}, EncodeState(state),
                            state.secret.has_value() ? &*state.secret : nullptr);
}

absl::StatusOr<HandshakeState> AuthenticationCustodian::OpenStep(TicketKind kind, const Subject& caller,
                                                                 const Participant& participant,
                                                                 const std::string& ticket) const {
  ASSIGN_OR_RETURN(OpenedTicket opened,
                   parts_.sealer.Open(kind, {CallerBinding(caller), ParticipantBinding(participant)}, ticket));
  auto state = DecodeState(opened.body);
  if (!state.has_value()) return CannotOpen();
  state->secret = std::move(opened.secret);
  return *std::move(state);
}

absl::StatusOr<StepResult> AuthenticationCustodian::BeginRequestStep(const Subject& caller,
                                                                     const std::string& identity_ticket,
                                                                     const LocalOffer& offer, Trail& trail) {
  ASSIGN_OR_RETURN(const Admitted admitted, admission_.Admit(caller, identity_ticket, trail));
  RETURN_IF_ERROR(Admission::CheckPermissions(admitted, PermissionsDigest(offer.permissions)));
  ASSIGN_OR_RETURN(RequestStep step, BeginRequest(admission_.Local(caller, admitted, trail), offer));
  StepResult result;
  ASSIGN_OR_RETURN(result.handshake_ticket,
                   SealStep(TicketKind::kRequestSent, caller, admitted.participant, step.state));
  result.message = std::move(step.token);
  return result;
}

absl::StatusOr<AuthenticationCustodian::Signing> AuthenticationCustodian::PrepareReplySigning(
    const Subject& caller, const std::string& identity_ticket, const LocalOffer& offer, const HandshakeToken& request,
    Trail& trail) const {
  ASSIGN_OR_RETURN(Admitted admitted, admission_.Admit(caller, identity_ticket, trail));
  RETURN_IF_ERROR(Admission::CheckPermissions(admitted, PermissionsDigest(offer.permissions)));
  ASSIGN_OR_RETURN(const HandshakeMessage message, ParseToken(MessageRole::kRequest, request));
  ASSIGN_OR_RETURN(auto peer, admission_.AdmitPeer(caller, admitted, ProofOf(message), trail));
  // Not before: the octets of a certificate are as many as an attacker likes.
  if (parts_.begin_reply) RETURN_IF_ERROR(parts_.begin_reply(caller, peer->digest()));
  ASSIGN_OR_RETURN(HandshakeState state,
                   PrepareReply(admission_.Local(caller, admitted, trail), offer, message, CredentialOf(peer)));
  return MakeSigning(caller, TicketKind::kSignReply, std::move(admitted), std::move(state), std::move(peer), trail);
}

absl::StatusOr<AuthenticationCustodian::Signing> AuthenticationCustodian::PrepareFinalSigning(
    const Subject& caller, const std::string& identity_ticket, const std::string& handshake_ticket,
    const HandshakeToken& message, Trail& trail) const {
  ASSIGN_OR_RETURN(Admitted admitted, admission_.Admit(caller, identity_ticket, trail));
  ASSIGN_OR_RETURN(const HandshakeState state,
                   OpenStep(TicketKind::kRequestSent, caller, admitted.participant, handshake_ticket));
  RETURN_IF_ERROR(Admission::CheckPermissions(admitted, state.own_permissions_digest));
  ASSIGN_OR_RETURN(const HandshakeMessage reply, ParseToken(MessageRole::kReply, message));
  ASSIGN_OR_RETURN(auto peer, admission_.AdmitPeer(caller, admitted, ProofOf(reply), trail));
  ASSIGN_OR_RETURN(HandshakeState next, PrepareFinal(state, reply, CredentialOf(peer)));
  return MakeSigning(caller, TicketKind::kSignFinal, std::move(admitted), std::move(next), std::move(peer), trail);
}

absl::StatusOr<StepResult> AuthenticationCustodian::ProcessFinalStep(const Subject& caller,
                                                                     const std::string& identity_ticket,
                                                                     const std::string& handshake_ticket,
                                                                     const HandshakeToken& message,
                                                                     Trail& trail) const {
  ASSIGN_OR_RETURN(const Admitted admitted, admission_.Admit(caller, identity_ticket, trail));
  ASSIGN_OR_RETURN(const HandshakeState state,
                   OpenStep(TicketKind::kReplySent, caller, admitted.participant, handshake_ticket));
  RETURN_IF_ERROR(admission_.AdmitGeneration(caller, admitted, state.key_uuid, trail).status());
  RETURN_IF_ERROR(Admission::CheckPermissions(admitted, state.own_permissions_digest));
  ASSIGN_OR_RETURN(const auto peer, admission_.AdmitPeer(caller, admitted, ProofOf(state), trail));
  ASSIGN_OR_RETURN(const HandshakeMessage final_message, ParseToken(MessageRole::kFinal, message));
  ASSIGN_OR_RETURN(HandshakeOutcome outcome, ProcessFinal(state, final_message, CredentialOf(peer)));
  StepResult result;
  ASSIGN_OR_RETURN(result.completed, Complete(caller, admitted, std::move(outcome), *peer));
  return result;
}

absl::StatusOr<StepResult::Completed> AuthenticationCustodian::Complete(const Subject& caller, const Admitted& admitted,
                                                                        HandshakeOutcome outcome,
                                                                        const Certificate& peer) const {
  const std::string proof = EncodeProof({outcome.peer_certificate, outcome.peer_ocsp_response, parts_.clock()});
  ASSIGN_OR_RETURN(std::string ticket,
                   parts_.sealer.Seal(TicketKind::kPeer, {CallerBinding(caller), ""}, proof, nullptr));
  const absl::Time now = parts_.clock();
  const absl::Duration good_for = GoodUntil(outcome.peer_certificate, peer, *admitted.trust, now) - now;
  return StepResult::Completed{std::move(outcome), std::move(ticket), peer.not_after(), admitted.revision, good_for};
}

absl::StatusOr<AuthenticationCustodian::Signing> AuthenticationCustodian::PrepareSigning(
    const Subject& caller, const std::string& identity_ticket, const std::string& sign_ticket, Trail& trail) const {
  ASSIGN_OR_RETURN(Admitted admitted, admission_.Admit(caller, identity_ticket, trail));
  const TicketKind kind =
      TicketSealer::Peek(sign_ticket) == TicketKind::kSignFinal ? TicketKind::kSignFinal : TicketKind::kSignReply;
  ASSIGN_OR_RETURN(HandshakeState state, OpenStep(kind, caller, admitted.participant, sign_ticket));
  RETURN_IF_ERROR(Admission::CheckPermissions(admitted, state.own_permissions_digest));
  // A ticket is state, never a right: the peer's certificate and the policy are evaluated anew.
  ASSIGN_OR_RETURN(auto peer, admission_.AdmitPeer(caller, admitted, ProofOf(state), trail));
  ASSIGN_OR_RETURN(Signing signing,
                   MakeSigning(caller, kind, std::move(admitted), std::move(state), std::move(peer), trail));
  signing.ticket = sign_ticket;
  return signing;
}

absl::StatusOr<AuthenticationCustodian::Signing> AuthenticationCustodian::MakeSigning(
    const Subject& caller, TicketKind kind, Admitted admitted, HandshakeState state,
    std::shared_ptr<const Certificate> peer, Trail& trail) const {
  ASSIGN_OR_RETURN(const KeyGeneration* const generation,
                   admission_.AdmitGeneration(caller, admitted, state.key_uuid, trail));
  return Signing{caller, kind, std::move(admitted), std::move(state), generation, std::move(peer), ""};
}

absl::StatusOr<StepResult> AuthenticationCustodian::PendingStep(const Signing& signing) const {
  StepResult pending;
  pending.sign_ticket = signing.ticket;
  // A fresh one would live on for as long as somebody asks (S-5).
  if (!pending.sign_ticket.empty()) return pending;
  ASSIGN_OR_RETURN(pending.sign_ticket,
                   SealStep(signing.kind, signing.caller, signing.admitted.participant, signing.state));
  return pending;
}

absl::StatusOr<StepResult> AuthenticationCustodian::FinishSigning(const Signing& signing, const Signature& signature) {
  StepResult result;
  if (signing.kind == TicketKind::kSignReply) {
    result.message = FinishReply(signing.state, signature.octets);
    ASSIGN_OR_RETURN(result.handshake_ticket,
                     SealStep(TicketKind::kReplySent, signing.caller, signing.admitted.participant, signing.state));
    return result;
  }
  result.message = FinishFinal(signing.state, signature.octets);
  ASSIGN_OR_RETURN(HandshakeOutcome outcome, OutcomeOfFinal(signing.state));
  ASSIGN_OR_RETURN(result.completed, Complete(signing.caller, signing.admitted, std::move(outcome), *signing.peer));
  ++completed_;
  return result;
}

void AuthenticationCustodian::Sign(absl::StatusOr<Signing> prepared, std::chrono::steady_clock::time_point until,
                                   Trail trail, Done<StepResult> done) {
  if (!prepared.ok()) {
    End(trail, prepared.status());
    return done(prepared.status());
  }
  const auto signing = std::make_shared<const Signing>(*std::move(prepared));
  const auto entry = parts_.backends.FindForKey(signing->generation->backend_uuid, signing->generation->blob);
  if (!entry.ok()) {
    End(trail, entry.status());
    return done(entry.status());
  }
  const bool is_reply = signing->kind == TicketKind::kSignReply;
  KeyBackend* const backend = (*entry)->backend.get();
  DepositBox::Order order;
  order.owner = CallerBinding(signing->caller);
  order.user = signing->caller.uid;
  if (is_reply) order.lane = signing->peer->digest();
  order.digest = Sha256(is_reply ? ReplyTranscript(signing->state) : FinalTranscript(signing->state));
  order.pair = absl::StrCat(is_reply ? "reply " : "final ", GuidOctets(signing->state.local_guid),
                            GuidOctets(signing->state.remote_guid));
  order.backend = backend;
  order.submit = [signing, backend, is_reply, digest = order.digest](KeyBackend::SignDone signed_done) {
    const KeyGeneration& generation = *signing->generation;
    WorkOptions options;
    options.deadline = std::chrono::steady_clock::now() + kSigningDeadline;
    options.work_class = is_reply ? WorkClass::kReply : WorkClass::kCompletion;
    // A process that completes many handshakes makes only itself wait, and a user with many processes only those.
    options.fairness = is_reply ? signing->peer->digest() : CallerBinding(signing->caller);
    if (!is_reply) options.group = absl::StrCat("uid ", signing->caller.uid);
    return backend->SubmitSign({generation.algorithm, generation.purpose, generation.blob, generation.public_key},
                               SchemeOf(generation.algorithm), digest, options, std::move(signed_done));
  };
  deposits_.Collect(std::move(order), until,
                    [this, signing, trail = std::move(trail),
                     done = std::move(done)](std::optional<absl::StatusOr<Signature>> signature) mutable {
                      if (!signature.has_value()) {
                        // The device works on it whether or not somebody comes for it (S-16).
                        if (signing->ticket.empty()) End(trail, absl::OkStatus());
                        return done(PendingStep(*signing));
                      }
                      absl::Status served = signature->status();
                      // In an emergency not even a step that waited for its signature is served.
                      if (served.ok()) served = StillServed(parts_.keys, *signing->admitted.identity, trail);
                      absl::StatusOr<StepResult> result = served.ok() ? FinishSigning(*signing, **signature) : served;
                      End(trail, result.status());
                      done(std::move(result));
                    });
}

absl::StatusOr<DepositBox::Order> AuthenticationCustodian::PrepareUpdate(const Subject& caller,
                                                                         const std::string& identity_ticket,
                                                                         const ParticipantUpdate& update,
                                                                         Trail& trail) const {
  ASSIGN_OR_RETURN(const Admitted admitted, admission_.Admit(caller, identity_ticket, trail));
  const Participant& participant = admitted.participant;
  const Decision decision =
      parts_.authorizer.policy()->Evaluate(caller, Action::kSignParticipantData, participant.key_name);
  trail.Rule(decision.rule);
  if (!decision.allowed) {
    trail.Reason(decision.reason);
    return absl::PermissionDeniedError(
        "policy does not let this process sign participant data; it needs the operation SIGN_PARTICIPANT_DATA");
  }
  ASSIGN_OR_RETURN(const std::string octets, ParticipantUpdateOctets(participant.guid, participant.domain_id, update));
  const KeyGeneration& current = admitted.identity->current();
  ASSIGN_OR_RETURN(const BackendSet::Entry* const entry,
                   parts_.backends.FindForKey(current.backend_uuid, current.blob));
  DepositBox::Order order;
  order.owner = CallerBinding(caller);
  order.user = caller.uid;
  // A renewed key signs anew.
  order.digest = Sha256(absl::StrCat(current.uuid, " ", octets));
  order.pair = absl::StrCat("update ", GuidOctets(participant.guid));
  order.backend = entry->backend.get();
  order.submit = [identity = admitted.identity, backend = order.backend, digest = Sha256(octets), owner = order.owner,
                  uid = caller.uid](KeyBackend::SignDone done) {
    const KeyGeneration& generation = identity->current();
    WorkOptions options;
    options.deadline = std::chrono::steady_clock::now() + kSigningDeadline;
    options.fairness = owner;
    options.group = absl::StrCat("uid ", uid);
    return backend->SubmitSign({generation.algorithm, generation.purpose, generation.blob, generation.public_key},
                               SchemeOf(generation.algorithm), digest, options, std::move(done));
  };
  return order;
}

void AuthenticationCustodian::SignParticipantData(const Subject& caller, std::string identity_ticket,
                                                  ParticipantUpdate update, Wait wait,
                                                  Done<std::optional<Signature>> done) {
  parts_.pool.Post(caller, [this, caller, identity_ticket = std::move(identity_ticket), update = std::move(update),
                            wait, done = std::move(done)] {
    Trail trail(parts_.authorizer, caller, "SignParticipantData", "");
    const auto until = std::chrono::steady_clock::now() + wait;
    auto order = PrepareUpdate(caller, identity_ticket, update, trail);
    if (!order.ok()) {
      End(trail, order.status());
      return done(order.status());
    }
    deposits_.Collect(
        *std::move(order), until,
        [this, caller, identity_ticket, trail, done](std::optional<absl::StatusOr<Signature>> signature) mutable {
          if (signature.has_value() && signature->ok()) {
            // It may have been taken out of use meanwhile.
            if (const auto still = admission_.Admit(caller, identity_ticket, trail); !still.ok()) {
              signature = still.status();
            }
          }
          End(trail, signature.has_value() ? signature->status() : absl::OkStatus());
          if (!signature.has_value()) return done(std::optional<Signature>());
          if (!signature->ok()) return done(signature->status());
          done(std::optional<Signature>(**std::move(signature)));
        });
  });
}

void AuthenticationCustodian::ValidateLocalIdentity(const Subject& caller, LocalIdentityRequest request,
                                                    Done<LocalIdentity> done) {
  parts_.pool.Post(caller, [this, caller, request = std::move(request), done = std::move(done)] {
    Trail trail(parts_.authorizer, caller, "ValidateLocalIdentity", request.key_name);
    auto result = admission_.Validate(caller, request, trail);
    End(trail, result.status());
    done(std::move(result));
  });
}

void AuthenticationCustodian::BeginHandshakeRequest(const Subject& caller, std::string identity_ticket,
                                                    LocalOffer offer, Done<StepResult> done) {
  parts_.pool.Post(caller, [this, caller, identity_ticket = std::move(identity_ticket), offer = std::move(offer),
                            done = std::move(done)] {
    Trail trail(parts_.authorizer, caller, "BeginHandshakeRequest", "");
    auto result = BeginRequestStep(caller, identity_ticket, offer, trail);
    End(trail, result.status());
    done(std::move(result));
  });
}

void AuthenticationCustodian::BeginHandshakeReply(const Subject& caller, std::string identity_ticket, LocalOffer offer,
                                                  HandshakeToken request, Wait wait, Done<StepResult> done) {
  parts_.pool.Post(caller, [this, caller, identity_ticket = std::move(identity_ticket), offer = std::move(offer),
                            request = std::move(request), wait, done = std::move(done)] {
    Trail trail(parts_.authorizer, caller, "BeginHandshakeReply", "");
    const auto until = std::chrono::steady_clock::now() + wait;
    auto prepared = PrepareReplySigning(caller, identity_ticket, offer, request, trail);
    Sign(std::move(prepared), until, std::move(trail), done);
  });
}

void AuthenticationCustodian::ProcessHandshake(const Subject& caller, std::string identity_ticket,
                                               std::string handshake_ticket, HandshakeToken message, Wait wait,
                                               Done<StepResult> done) {
  parts_.pool.Post(caller, [this, caller, identity_ticket = std::move(identity_ticket),
                            handshake_ticket = std::move(handshake_ticket), message = std::move(message), wait,
                            done = std::move(done)] {
    Trail trail(parts_.authorizer, caller, "ProcessHandshake", "");
    if (TicketSealer::Peek(handshake_ticket) != TicketKind::kReplySent) {
      const auto until = std::chrono::steady_clock::now() + wait;
      auto prepared = PrepareFinalSigning(caller, identity_ticket, handshake_ticket, message, trail);
      return Sign(std::move(prepared), until, std::move(trail), done);
    }
    auto result = ProcessFinalStep(caller, identity_ticket, handshake_ticket, message, trail);
    if (result.ok()) ++completed_;
    End(trail, result.status());
    done(std::move(result));
  });
}

void AuthenticationCustodian::SignHandshake(const Subject& caller, std::string identity_ticket, std::string sign_ticket,
                                            Wait wait, Done<StepResult> done) {
  parts_.pool.Post(caller, [this, caller, identity_ticket = std::move(identity_ticket),
                            sign_ticket = std::move(sign_ticket), wait, done = std::move(done)] {
    Trail trail(parts_.authorizer, caller, "SignHandshake", "");
    const auto until = std::chrono::steady_clock::now() + wait;
    auto prepared = PrepareSigning(caller, identity_ticket, sign_ticket, trail);
    Sign(std::move(prepared), until, std::move(trail), done);
  });
}

}  // namespace ddskey
