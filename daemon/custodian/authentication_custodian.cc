#include "daemon/custodian/authentication_custodian.h"

#include <algorithm>
#include <utility>

#include "absl/strings/str_cat.h"
#include "daemon/handshake/digest.h"
#include "daemon/handshake/field_codec.h"
#include "daemon/handshake/participant_data.h"
#include "proto/contract/status_macros.h"

namespace ddskey {
namespace {

// A device may be asked as long as the ticket lives.
constexpr std::chrono::seconds kSigningDeadline(120);

// NotPermitted is what a caller is told of a key it may not use, and of one that does not exist.
absl::Status NotPermitted() {
  return absl::PermissionDeniedError(
      "there is no such key, or policy does not let this process use it; the daemon's log says which");
}

// NeedsCertificate says in which state a key of the caller's own is, and what to do.
absl::Status NeedsCertificate(const std::string& key_name, std::string_view problem) {
  return absl::FailedPreconditionError(absl::StrCat("the key \"", key_name, "\" ", std::string(problem),
                                                    "; install a certificate with: ddskeyctl cert install ", key_name));
}

// UuidOf names an identity for ever, by its first key.
const std::string& UuidOf(const Identity& identity) { return identity.generations.front().uuid; }

const KeyGeneration* FindGeneration(const Identity& identity, const std::string& uuid) {
  const auto found = std::ranges::find(identity.generations, uuid, &KeyGeneration::uuid);
  return found == identity.generations.end() ? nullptr : &*found;
}

std::string HexPrefix(const std::string& digest) {
  static constexpr char kDigits[] = "0123456789abcdef";
  std::string hex;
  for (const char c : digest.substr(0, 8)) {
    const auto octet = static_cast<uint8_t>(c);
    hex.push_back(kDigits[octet >> 4]);
    hex.push_back(kDigits[octet & 15]);
  }
  return hex;
}

SignatureScheme SchemeOf(KeyAlgorithm algorithm) {
  return IsRsa(algorithm) ? SignatureScheme::kRsaPssSha256 : SignatureScheme::kEcdsaSha256;
}

LocalParticipant LocalOf(const Participant& participant, const KeyGeneration& generation) {
  return {.key_uuid = generation.uuid,
          .algorithm = generation.algorithm,
          .certificate = generation.certificate_chain,
          .guid = participant.guid,
          .domain_id = participant.domain_id,
          .key_agreement = participant.key_agreement};
}

PeerCredential CredentialOf(const std::shared_ptr<const Certificate>& certificate) {
  return {certificate->subject_der(), [certificate](std::string_view octets, std::string_view signature) {
            return certificate->VerifySignature(octets, signature);
          }};
}

}  // namespace

// Admitted is a participant whose right to use its key was found good for this call.
struct AuthenticationCustodian::Admitted {
  Participant participant;
  std::shared_ptr<const Identity> identity;
  std::shared_ptr<const TrustStore> trust;
};

// Signing is a step that waits for its signature.
struct AuthenticationCustodian::Signing {
  Subject caller;
  Participant participant;
  TicketKind kind = TicketKind::kSignReply;
  HandshakeState state;
  std::shared_ptr<const Identity> identity;
  const KeyGeneration* generation = nullptr;  // of `identity`
  std::shared_ptr<const Certificate> peer;
  // What it was asked for again with; empty when it begins.
  std::string ticket;
};

AuthenticationCustodian::AuthenticationCustodian(const Parts& parts)
    : parts_(parts), deposits_(parts.pool, parts.deposits) {}

void AuthenticationCustodian::End(Trail& trail, const absl::Status& outcome) {
  if (!outcome.ok()) ++refused_;
  trail.End(outcome);
}

absl::StatusOr<std::shared_ptr<const Identity>> AuthenticationCustodian::FindPermitted(const Subject& caller,
                                                                                       const std::string& key_name,
                                                                                       Trail& trail) const {
  const Decision decision = parts_.authorizer.policy()->Evaluate(caller, Action::kHandshake, key_name);
  trail.Rule(decision.rule);
  // The log is told the reason; the caller always reads the same.
  const auto refuse = [&trail](std::string_view reason) {
    trail.Reason(reason);
    return NotPermitted();
  };
  if (!decision.allowed) return refuse(decision.reason);
  const auto name = KeyName::Parse(key_name);
  if (!name.has_value()) return refuse("this is not a key name");
  const auto identity = parts_.keys.Find(*name);
  if (!identity.ok() || (*identity)->deleted) return refuse("there is no such key");
  if ((*identity)->current().purpose != KeyPurpose::kHandshake) {
    return refuse("the key was not made for handshakes");  // S-1
  }
  return *identity;
}

absl::Status AuthenticationCustodian::UseTrust(const Subject& caller, const LocalIdentityRequest& request,
                                               const std::shared_ptr<const Identity>& identity,
                                               Participant& participant, Trail& trail) const {
  if (identity->trust.anchors.empty()) {
    const Decision decision = parts_.authorizer.policy()->Evaluate(caller, Action::kOwnTrust, request.key_name);
    if (!decision.allowed || request.anchors.empty()) {
      trail.Reason(decision.allowed ? "the caller brought no trust anchors" : decision.reason);
      return absl::FailedPreconditionError(absl::StrCat(
          "the key \"", request.key_name,
          "\" has no trust anchors, and policy does not let this process bring its own; ",
          "install them with: ddskeyctl cert install ", request.key_name, " --certificate FILE --ca FILE"));
    }
    participant.own_trust = true;
    participant.anchors = request.anchors;
    participant.revocation_lists = request.revocation_lists;
    return absl::OkStatus();
  }
  if (!request.revocation_lists.empty()) {
    return absl::FailedPreconditionError(absl::StrCat("the key \"", request.key_name,
                                                      "\" has trust anchors of its own, so revocation lists of the "
                                                      "participant's QoS are not taken; remove the property"));
  }
  if (request.anchors.empty()) return absl::OkStatus();
  ASSIGN_OR_RETURN(const auto installed, trust_.Of(identity));
  ASSIGN_OR_RETURN(const auto asked, trust_.Get(request.anchors, {}));
  for (const Certificate& anchor : asked->anchors()) {
    const auto known = std::ranges::find(installed->anchors(), anchor.digest(), &Certificate::digest);
    if (known != installed->anchors().end()) continue;
    return absl::FailedPreconditionError(absl::StrCat("the identity CA of the participant's QoS (", anchor.subject(),
                                                      ", SHA-256 ", HexPrefix(anchor.digest()),
                                                      "...) is not the one installed for the key \"", request.key_name,
                                                      "\" (", installed->anchors().front().subject(), ", SHA-256 ",
                                                      HexPrefix(installed->anchors().front().digest()), "...)"));
  }
  return absl::OkStatus();
}

absl::StatusOr<std::shared_ptr<const Certificate>> AuthenticationCustodian::ValidateOwn(const Subject& caller,
                                                                                        const std::string& key_name,
                                                                                        const KeyGeneration& generation,
                                                                                        const TrustStore& trust) const {
  auto own = parts_.validator.Validate(generation.certificate_chain, trust, parts_.clock(), caller.uid);
  if (own.ok() || absl::IsInternal(own.status())) return own;
  return NeedsCertificate(key_name, absl::StrCat("has a certificate that is not good now: ", own.status().message()));
}

absl::StatusOr<LocalIdentity> AuthenticationCustodian::Validate(const Subject& caller,
                                                                const LocalIdentityRequest& request, Trail& trail) {
  ASSIGN_OR_RETURN(const auto identity, FindPermitted(caller, request.key_name, trail));
  const KeyGeneration& generation = identity->current();
  if (generation.certificate_chain.empty()) return NeedsCertificate(request.key_name, "has no certificate yet");
  Participant participant;
  participant.key_name = request.key_name;
  participant.identity_uuid = UuidOf(*identity);
  participant.domain_id = request.domain_id;
  participant.key_agreement = request.key_agreement;
  RETURN_IF_ERROR(UseTrust(caller, request, identity, participant, trail));
  ASSIGN_OR_RETURN(const auto trust, participant.own_trust
                                         ? trust_.Get(participant.anchors, participant.revocation_lists)
                                         : trust_.Of(identity));
  ASSIGN_OR_RETURN(const auto own, ValidateOwn(caller, request.key_name, generation, *trust));
  const Certificate& certificate = *own;
  // Access control reads the subject in the certificate of the QoS, which may be older than the installed one.
  ASSIGN_OR_RETURN(const std::vector<Certificate> from_qos, Certificate::ParsePem(request.certificate));
  if (from_qos.front().subject_der() != certificate.subject_der()) {
    return absl::FailedPreconditionError(absl::StrCat(
        "the identity certificate of the participant's QoS (", from_qos.front().subject(), ", SHA-256 ",
        HexPrefix(from_qos.front().digest()), "...) has another subject than the one installed for the key \"",
        request.key_name, "\" (", certificate.subject(), ", SHA-256 ", HexPrefix(certificate.digest()),
        "...); save the installed one with: ddskeyctl cert show ", request.key_name, " --pem"));
  }
  participant.subject_der = certificate.subject_der();
  participant.guid = AdjustedGuid(certificate.subject_der(), request.candidate_guid);
  ASSIGN_OR_RETURN(std::string ticket, parts_.sealer.Seal(TicketKind::kIdentity, {CallerBinding(caller), ""},
                                                          EncodeParticipant(participant), nullptr));
  const Certificate& ca = trust->anchors().front();
  return LocalIdentity{.adjusted_guid = participant.guid,
                       .ticket = std::move(ticket),
                       .subject = certificate.subject(),
                       .algorithm = certificate.token_algorithm(),
                       .ca_subject = ca.subject(),
                       .ca_algorithm = ca.token_algorithm(),
                       .not_after = certificate.not_after()};
}

absl::StatusOr<AuthenticationCustodian::Admitted> AuthenticationCustodian::Admit(const Subject& caller,
                                                                                 const std::string& identity_ticket,
                                                                                 Trail& trail) const {
  ASSIGN_OR_RETURN(const OpenedTicket opened,
                   parts_.sealer.Open(TicketKind::kIdentity, {CallerBinding(caller), ""}, identity_ticket));
  auto participant = DecodeParticipant(opened.body);
  if (!participant.has_value()) return CannotOpen();
  trail.Key(participant->key_name);
  ASSIGN_OR_RETURN(auto identity, FindPermitted(caller, participant->key_name, trail));
  if (UuidOf(*identity) != participant->identity_uuid) {
    trail.Reason("the key of that name is another one than the participant began with");
    return NotPermitted();
  }
  if (participant->own_trust) {
    const Decision decision = parts_.authorizer.policy()->Evaluate(caller, Action::kOwnTrust, participant->key_name);
    if (!decision.allowed || !identity->trust.anchors.empty()) {
      trail.Reason("the right to bring trust anchors was withdrawn");
      return NotPermitted();
    }
  }
  ASSIGN_OR_RETURN(auto trust, participant->own_trust ? trust_.Get(participant->anchors, participant->revocation_lists)
                                                      : trust_.Of(identity));
  // It may have expired since the participant began.
  RETURN_IF_ERROR(ValidateOwn(caller, participant->key_name, identity->current(), *trust).status());
  return Admitted{*std::move(participant), std::move(identity), std::move(trust)};
}

absl::StatusOr<std::shared_ptr<const Certificate>> AuthenticationCustodian::AdmitPeer(const Subject& caller,
                                                                                      const Admitted& admitted,
                                                                                      const std::string& peer_pem,
                                                                                      Trail& trail) const {
  trail.Peer("", HexPrefix(Sha256(peer_pem)));
  ASSIGN_OR_RETURN(std::shared_ptr<const Certificate> peer,
                   parts_.validator.Validate(peer_pem, *admitted.trust, parts_.clock(), caller.uid));
  trail.Peer(peer->subject(), HexPrefix(peer->digest()));
  const Decision decision = parts_.authorizer.policy()->Evaluate(
      caller, Action::kHandshake, admitted.participant.key_name,
      PeerIdentity{peer->subject(), peer->issuer(), peer->serial()}, !admitted.participant.own_trust);
  trail.Rule(decision.rule);
  if (!decision.allowed) {
    trail.Reason(decision.reason);
    return absl::PermissionDeniedError(absl::StrCat("[peer] policy does not allow handshakes with ", peer->subject()));
  }
  return peer;
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
  ASSIGN_OR_RETURN(const Admitted admitted, Admit(caller, identity_ticket, trail));
  ASSIGN_OR_RETURN(RequestStep step, BeginRequest(LocalOf(admitted.participant, admitted.identity->current()), offer));
  StepResult result;
  ASSIGN_OR_RETURN(result.handshake_ticket,
                   SealStep(TicketKind::kRequestSent, caller, admitted.participant, step.state));
  result.message = std::move(step.token);
  return result;
}

absl::StatusOr<AuthenticationCustodian::Signing> AuthenticationCustodian::PrepareReplySigning(
    const Subject& caller, const std::string& identity_ticket, const LocalOffer& offer, const HandshakeToken& request,
    Trail& trail) const {
  ASSIGN_OR_RETURN(Admitted admitted, Admit(caller, identity_ticket, trail));
  ASSIGN_OR_RETURN(const HandshakeMessage message, ParseToken(MessageRole::kRequest, request));
  ASSIGN_OR_RETURN(auto peer, AdmitPeer(caller, admitted, *message.c_id, trail));
  // Not before: the octets of a certificate are as many as an attacker likes.
  if (parts_.begin_reply) RETURN_IF_ERROR(parts_.begin_reply(caller, peer->digest()));
  ASSIGN_OR_RETURN(HandshakeState state, PrepareReply(LocalOf(admitted.participant, admitted.identity->current()),
                                                      offer, message, CredentialOf(peer)));
  return MakeSigning(caller, TicketKind::kSignReply, std::move(admitted), std::move(state), std::move(peer), trail);
}

absl::StatusOr<AuthenticationCustodian::Signing> AuthenticationCustodian::PrepareFinalSigning(
    const Subject& caller, const std::string& identity_ticket, const std::string& handshake_ticket,
    const HandshakeToken& message, Trail& trail) const {
  ASSIGN_OR_RETURN(Admitted admitted, Admit(caller, identity_ticket, trail));
  ASSIGN_OR_RETURN(const HandshakeState state,
                   OpenStep(TicketKind::kRequestSent, caller, admitted.participant, handshake_ticket));
  ASSIGN_OR_RETURN(const HandshakeMessage reply, ParseToken(MessageRole::kReply, message));
  ASSIGN_OR_RETURN(auto peer, AdmitPeer(caller, admitted, *reply.c_id, trail));
  ASSIGN_OR_RETURN(HandshakeState next, PrepareFinal(state, reply, CredentialOf(peer)));
  return MakeSigning(caller, TicketKind::kSignFinal, std::move(admitted), std::move(next), std::move(peer), trail);
}

absl::StatusOr<StepResult> AuthenticationCustodian::ProcessFinalStep(const Subject& caller,
                                                                     const std::string& identity_ticket,
                                                                     const std::string& handshake_ticket,
                                                                     const HandshakeToken& message,
                                                                     Trail& trail) const {
  ASSIGN_OR_RETURN(const Admitted admitted, Admit(caller, identity_ticket, trail));
  ASSIGN_OR_RETURN(const HandshakeState state,
                   OpenStep(TicketKind::kReplySent, caller, admitted.participant, handshake_ticket));
  ASSIGN_OR_RETURN(const auto peer, AdmitPeer(caller, admitted, state.peer_certificate, trail));
  ASSIGN_OR_RETURN(const HandshakeMessage final_message, ParseToken(MessageRole::kFinal, message));
  ASSIGN_OR_RETURN(HandshakeOutcome outcome, ProcessFinal(state, final_message, CredentialOf(peer)));
  StepResult result;
  ASSIGN_OR_RETURN(result.completed, Complete(caller, std::move(outcome), *peer));
  return result;
}

absl::StatusOr<StepResult::Completed> AuthenticationCustodian::Complete(const Subject& caller, HandshakeOutcome outcome,
                                                                        const Certificate& peer) const {
  FieldWriter body;
  body.Put(outcome.peer_certificate);
  ASSIGN_OR_RETURN(std::string ticket,
                   parts_.sealer.Seal(TicketKind::kPeer, {CallerBinding(caller), ""}, body.Take(), nullptr));
  return StepResult::Completed{std::move(outcome), std::move(ticket), peer.not_after()};
}

absl::StatusOr<AuthenticationCustodian::Signing> AuthenticationCustodian::PrepareSigning(
    const Subject& caller, const std::string& identity_ticket, const std::string& sign_ticket, Trail& trail) const {
  ASSIGN_OR_RETURN(Admitted admitted, Admit(caller, identity_ticket, trail));
  const TicketKind kind =
      TicketSealer::Peek(sign_ticket) == TicketKind::kSignFinal ? TicketKind::kSignFinal : TicketKind::kSignReply;
  ASSIGN_OR_RETURN(HandshakeState state, OpenStep(kind, caller, admitted.participant, sign_ticket));
  // A ticket is state, never a right: the peer's certificate and the policy are evaluated anew.
  ASSIGN_OR_RETURN(auto peer, AdmitPeer(caller, admitted, state.peer_certificate, trail));
  ASSIGN_OR_RETURN(Signing signing,
                   MakeSigning(caller, kind, std::move(admitted), std::move(state), std::move(peer), trail));
  signing.ticket = sign_ticket;
  return signing;
}

absl::StatusOr<AuthenticationCustodian::Signing> AuthenticationCustodian::MakeSigning(
    const Subject& caller, TicketKind kind, Admitted admitted, HandshakeState state,
    std::shared_ptr<const Certificate> peer, Trail& trail) {
  const KeyGeneration* generation = FindGeneration(*admitted.identity, state.key_uuid);
  if (generation == nullptr || generation->purpose != KeyPurpose::kHandshake) {
    trail.Reason("the key generation of the ticket is gone");
    return NotPermitted();
  }
  return Signing{caller,
                 std::move(admitted.participant),
                 kind,
                 std::move(state),
                 std::move(admitted.identity),
                 generation,
                 std::move(peer),
                 ""};
}

absl::StatusOr<StepResult> AuthenticationCustodian::PendingStep(const Signing& signing) const {
  StepResult pending;
  pending.sign_ticket = signing.ticket;
  // A fresh one would live on for as long as somebody asks (S-5).
  if (!pending.sign_ticket.empty()) return pending;
  ASSIGN_OR_RETURN(pending.sign_ticket, SealStep(signing.kind, signing.caller, signing.participant, signing.state));
  return pending;
}

absl::StatusOr<StepResult> AuthenticationCustodian::FinishSigning(const Signing& signing, const Signature& signature) {
  StepResult result;
  if (signing.kind == TicketKind::kSignReply) {
    result.message = FinishReply(signing.state, signature.octets);
    ASSIGN_OR_RETURN(result.handshake_ticket,
                     SealStep(TicketKind::kReplySent, signing.caller, signing.participant, signing.state));
    return result;
  }
  result.message = FinishFinal(signing.state, signature.octets);
  ASSIGN_OR_RETURN(HandshakeOutcome outcome, OutcomeOfFinal(signing.state));
  ASSIGN_OR_RETURN(result.completed, Complete(signing.caller, std::move(outcome), *signing.peer));
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
  const BackendSet::Entry* entry = parts_.backends.FindByUuid(signing->generation->backend_uuid);
  if (entry == nullptr) {
    const absl::Status status = absl::UnavailableError("the backend that holds the key is not configured");
    End(trail, status);
    return done(status);
  }
  const bool is_reply = signing->kind == TicketKind::kSignReply;
  KeyBackend* const backend = entry->backend.get();
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
                      absl::StatusOr<StepResult> result =
                          signature->ok() ? FinishSigning(*signing, **signature) : signature->status();
                      End(trail, result.status());
                      done(std::move(result));
                    });
}

absl::StatusOr<DepositBox::Order> AuthenticationCustodian::PrepareUpdate(const Subject& caller,
                                                                         const std::string& identity_ticket,
                                                                         const ParticipantUpdate& update,
                                                                         Trail& trail) const {
  ASSIGN_OR_RETURN(const Admitted admitted, Admit(caller, identity_ticket, trail));
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
  const BackendSet::Entry* entry = parts_.backends.FindByUuid(current.backend_uuid);
  if (entry == nullptr) return absl::UnavailableError("the backend that holds the key is not configured");
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
    deposits_.Collect(*std::move(order), until,
                      [this, trail, done](std::optional<absl::StatusOr<Signature>> signature) mutable {
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
    auto result = Validate(caller, request, trail);
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
