#include "daemon/rpc/authentication_handler.h"

#include <string.h>

#include <algorithm>
#include <chrono>
#include <memory>
#include <optional>
#include <string>
#include <utility>

#include "absl/strings/str_cat.h"
#include "daemon/rpc/admitted_call.h"
#include "daemon/rpc/watch_call.h"
#include "daemon/rpc/wire_status.h"
#include "proto/contract/secret_access.h"
#include "proto/contract/status_macros.h"

namespace ddskey {
namespace {

constexpr size_t kChallengeSize = 32;
constexpr size_t kMaxDocument = size_t{64} * 1024;
constexpr size_t kMaxCertificate = size_t{16} * 1024;
constexpr size_t kMaxTrustDocuments = 32;
constexpr size_t kMaxTicket = size_t{320} * 1024;
constexpr int kMaxPeers = 64;
constexpr int kMaxProperties = 32;
constexpr size_t kMaxPeerTickets = size_t{256} * 1024;
constexpr uint32_t kMaxDomain = 232;  // DDSI-RTPS 9.6.1.3: beyond it ports are over 65535.
constexpr std::chrono::milliseconds kLongestWait(1000);
constexpr char kIdentityClass[] = "DDS:Auth:PKI-DH:1.0";

absl::Status CheckSize(const char* field, const std::string& value, size_t smallest, size_t largest) {
  if (value.size() >= smallest && value.size() <= largest) return absl::OkStatus();
  return absl::InvalidArgumentError(
      absl::StrCat(field, " has ", value.size(), " octets; allowed are ", smallest, " to ", largest));
}

absl::StatusOr<Guid> GuidField(const char* field, const std::string& value) {
  const auto guid = ParseGuid(value);
  if (!guid.has_value()) return absl::InvalidArgumentError(absl::StrCat(field, " must have 16 octets"));
  return *guid;
}

template <typename List>
absl::StatusOr<std::vector<std::string>> Documents(const char* field, const List& list) {
  if (static_cast<size_t>(list.size()) > kMaxTrustDocuments) {
    return absl::InvalidArgumentError(absl::StrCat(field, " has too many documents"));
  }
  size_t total = 0;
  for (const std::string& document : list) total += document.size();
  if (total > kMaxDocument) return absl::InvalidArgumentError(absl::StrCat(field, " is over 64 KiB"));
  return std::vector<std::string>(list.begin(), list.end());
}

absl::StatusOr<KeyAgreementChoice> ToChoice(v1::KeyAgreementChoice choice) {
  switch (choice) {
    case v1::KEY_AGREEMENT_CHOICE_UNSPECIFIED:
      return KeyAgreementChoice::kAuto;
    case v1::KEY_AGREEMENT_CHOICE_DH:
      return KeyAgreementChoice::kDh;
    case v1::KEY_AGREEMENT_CHOICE_ECDH:
      return KeyAgreementChoice::kEcdh;
    case v1::KEY_AGREEMENT_CHOICE_DH_ONLY:
      return KeyAgreementChoice::kDhOnly;
    case v1::KEY_AGREEMENT_CHOICE_ECDH_ONLY:
      return KeyAgreementChoice::kEcdhOnly;
    default:
      return absl::InvalidArgumentError("key_agreement is none that this daemon knows");
  }
}

absl::StatusOr<LocalIdentityRequest> Parse(const v1::ValidateLocalIdentityRequest& request) {
  LocalIdentityRequest parsed;
  RETURN_IF_ERROR(CheckSize("key_name", request.key_name(), 1, 63));
  RETURN_IF_ERROR(CheckSize("identity_certificate", request.identity_certificate(), 1, kMaxCertificate));
  if (request.domain_id() > kMaxDomain) return absl::InvalidArgumentError("domain_id is over 232");
  parsed.key_name = request.key_name();
  parsed.domain_id = request.domain_id();
  parsed.certificate = request.identity_certificate();
  ASSIGN_OR_RETURN(parsed.candidate_guid, GuidField("candidate_guid", request.candidate_guid()));
  ASSIGN_OR_RETURN(parsed.key_agreement, ToChoice(request.key_agreement()));
  ASSIGN_OR_RETURN(parsed.anchors, Documents("identity_ca", request.identity_ca()));
  ASSIGN_OR_RETURN(parsed.revocation_lists, Documents("revocation_list", request.revocation_list()));
  return parsed;
}

// ParseOffer serves both begin requests, whose fields have the same names.
template <typename Request>
absl::StatusOr<LocalOffer> ParseOffer(const Request& request) {
  LocalOffer offer;
  RETURN_IF_ERROR(CheckSize("identity_ticket", request.identity_ticket(), 1, kMaxTicket));
  RETURN_IF_ERROR(CheckSize("challenge", request.challenge(), kChallengeSize, kChallengeSize));
  RETURN_IF_ERROR(CheckSize("participant_data", request.participant_data(), 1, kMaxDocument));
  RETURN_IF_ERROR(CheckSize("permissions", request.permissions(), 0, kMaxDocument));
  if (!request.remote_future_challenge().empty()) {
    RETURN_IF_ERROR(
        CheckSize("remote_future_challenge", request.remote_future_challenge(), kChallengeSize, kChallengeSize));
  }
  ASSIGN_OR_RETURN(offer.remote_guid, GuidField("remote_guid", request.remote_guid()));
  offer.challenge = request.challenge();
  offer.participant_data = request.participant_data();
  offer.permissions = request.permissions();
  offer.remote_future_challenge = request.remote_future_challenge();
  return offer;
}

// CheckToken refuses what no token has (HandshakeToken) before it is copied.
absl::Status CheckToken(const char* field, const v1::DataHolder& holder) {
  if (holder.binary_properties_size() <= kMaxProperties && holder.properties_size() <= kMaxProperties) {
    return absl::OkStatus();
  }
  return absl::InvalidArgumentError(absl::StrCat(field, " has more than ", kMaxProperties, " properties"));
}

HandshakeToken ToToken(const v1::DataHolder& holder) {
  HandshakeToken token;
  token.class_id = holder.class_id();
  for (const v1::BinaryProperty& property : holder.binary_properties()) {
    token.binary_properties.push_back({property.name(), property.value()});
  }
  return token;
}

void FillHolder(HandshakeToken token, v1::DataHolder& holder) {
  holder.set_class_id(std::move(token.class_id));
  for (BinaryProperty& property : token.binary_properties) {
    v1::BinaryProperty& added = *holder.add_binary_properties();
    added.set_name(std::move(property.name));
    added.set_value(std::move(property.value));
  }
}

// Rounded up: who asks again then finds what was good until then at its end.
uint64_t MillisecondsOf(absl::Duration duration) {
  return static_cast<uint64_t>(
      std::max<int64_t>(absl::ToInt64Milliseconds(absl::Ceil(duration, absl::Milliseconds(1))), 1));
}

void FillResult(StepResult::Completed completed, v1::HandshakeResult& result) {
  // The one place where key material is put on the wire: a session secret, for the participant's crypto plugin.
  const std::span<const uint8_t> secret = completed.outcome.shared_secret.Reveal(SecretAccess());
  result.set_shared_secret(secret.data(), secret.size());
  result.set_challenge1(std::move(completed.outcome.challenge1));
  result.set_challenge2(std::move(completed.outcome.challenge2));
  result.set_peer_certificate(std::move(completed.outcome.peer_certificate));
  result.set_peer_permissions(std::move(completed.outcome.peer_permissions));
  result.set_peer_ticket(std::move(completed.peer_ticket));
  result.set_peer_not_after(absl::ToUnixSeconds(completed.peer_not_after));
  result.set_revision(completed.revision);
  result.set_good_for_ms(MillisecondsOf(completed.good_for));
}

void FillStep(StepResult result, v1::HandshakeStep& step) {
  step.set_sign_ticket(std::move(result.sign_ticket));
  step.set_handshake_ticket(std::move(result.handshake_ticket));
  if (result.message.has_value()) FillHolder(*std::move(result.message), *step.mutable_message());
  if (result.completed.has_value()) FillResult(*std::move(result.completed), *step.mutable_result());
}

void AddProperty(const char* name, const std::string& value, v1::DataHolder& token) {
  v1::Property& property = *token.add_properties();
  property.set_name(name);
  property.set_value(value);
}

void FillIdentity(LocalIdentity identity, v1::ValidateLocalIdentityResponse& response) {
  response.set_adjusted_guid(GuidOctets(identity.adjusted_guid));
  response.set_identity_ticket(std::move(identity.ticket));
  response.set_not_after(absl::ToUnixSeconds(identity.not_after));
  v1::DataHolder& token = *response.mutable_identity_token();
  token.set_class_id(kIdentityClass);
  AddProperty("dds.cert.sn", identity.subject, token);
  AddProperty("dds.cert.algo", identity.algorithm, token);
  AddProperty("dds.ca.sn", identity.ca_subject, token);
  AddProperty("dds.ca.algo", identity.ca_algorithm, token);
}

absl::Status CheckTickets(const v1::CheckPeersRequest& request) {
  RETURN_IF_ERROR(CheckSize("identity_ticket", request.identity_ticket(), 1, kMaxTicket));
  size_t total = 0;
  for (const std::string& ticket : request.peer_ticket()) total += ticket.size();
  if (request.peer_ticket_size() <= kMaxPeers && total <= kMaxPeerTickets) return absl::OkStatus();
  return absl::InvalidArgumentError("peer_ticket has more than 64 tickets, or more than 256 KiB");
}

// What a caller may read of a refusal, as in an error.
std::string RefusalText(const std::string& refusal) {
  return ToWire(absl::PermissionDeniedError(refusal)).error_message();
}

v1::PeerVerdict::Outcome ToOutcome(PeerVerdict::Outcome outcome) {
  switch (outcome) {
    case PeerVerdict::Outcome::kGood:
      return v1::PeerVerdict::GOOD;
    case PeerVerdict::Outcome::kRefused:
      return v1::PeerVerdict::REFUSED;
    case PeerVerdict::Outcome::kUnknownTicket:
      return v1::PeerVerdict::UNKNOWN_TICKET;
    case PeerVerdict::Outcome::kUndecided:
      break;
  }
  return v1::PeerVerdict::OUTCOME_UNSPECIFIED;
}

void FillReview(const PeerReview& review, v1::CheckPeersResponse& response) {
  response.set_revision(review.revision);
  if (!review.identity_refused.empty()) {
    response.set_identity_refused(RefusalText(review.identity_refused));
    return;
  }
  response.set_not_after(absl::ToUnixSeconds(review.not_after));
  response.set_good_for_ms(MillisecondsOf(review.good_for));
  for (const PeerVerdict& peer : review.peers) {
    v1::PeerVerdict& verdict = *response.add_verdict();
    verdict.set_outcome(ToOutcome(peer.outcome));
    if (peer.outcome == PeerVerdict::Outcome::kRefused) verdict.set_refusal(RefusalText(peer.refusal));
    if (peer.outcome == PeerVerdict::Outcome::kGood) verdict.set_good_for_ms(MillisecondsOf(peer.good_for));
  }
}

std::chrono::milliseconds WaitOf(uint32_t wait_ms) {
  return std::min(std::chrono::milliseconds(wait_ms), kLongestWait);
}

// Answer is the `done` of every step.
AuthenticationCustodian::Done<StepResult> Answer(const std::shared_ptr<AdmittedCall>& call,
                                                 v1::HandshakeStep* response) {
  return [call, response](absl::StatusOr<StepResult> result) {
    if (!result.ok()) return call->Finish(result.status());
    FillStep(*std::move(result), *response);
    call->Finish(absl::OkStatus());
    if (!response->has_result()) return;
    std::string& secret = *response->mutable_result()->mutable_shared_secret();
    explicit_bzero(secret.data(), secret.size());
  };
}

}  // namespace

void AuthenticationHandler::AddTo(ServiceTable& services) {
  Add(services, "ValidateLocalIdentity", &AuthenticationHandler::ValidateLocalIdentity);
  Add(services, "BeginHandshakeRequest", &AuthenticationHandler::BeginHandshakeRequest);
  Add(services, "BeginHandshakeReply", &AuthenticationHandler::BeginHandshakeReply);
  Add(services, "ProcessHandshake", &AuthenticationHandler::ProcessHandshake);
  Add(services, "SignHandshake", &AuthenticationHandler::SignHandshake);
  Add(services, "SignParticipantData", &AuthenticationHandler::SignParticipantData);
  Add(services, "Watch", &AuthenticationHandler::Watch);
  Add(services, "CheckPeers", &AuthenticationHandler::CheckPeers);
}

template <typename Request, typename Response>
void AuthenticationHandler::Add(ServiceTable& services, const char* method,
                                void (AuthenticationHandler::*serve)(const ServiceTable::Call&, const Request&,
                                                                     Response*)) {
  services.Add<Request, Response>(absl::StrCat("/ddskey.v1.AuthenticationService/", method),
                                  [this, serve](const ServiceTable::Call& call, const Request& request,
                                                Response* response) { (this->*serve)(call, request, response); });
}

void AuthenticationHandler::ValidateLocalIdentity(const ServiceTable::Call& begun,
                                                  const v1::ValidateLocalIdentityRequest& request,
                                                  v1::ValidateLocalIdentityResponse* response) {
  const auto call = AdmittedCall::Admit(limiter_, begun);
  if (call == nullptr) return;
  auto parsed = Parse(request);
  if (!parsed.ok()) return call->Finish(parsed.status());
  custodian_.ValidateLocalIdentity(call->caller(), *std::move(parsed),
                                   [call, response](absl::StatusOr<LocalIdentity> identity) {
                                     if (!identity.ok()) return call->Finish(identity.status());
                                     FillIdentity(*std::move(identity), *response);
                                     call->Finish(absl::OkStatus());
                                   });
}

void AuthenticationHandler::BeginHandshakeRequest(const ServiceTable::Call& begun,
                                                  const v1::BeginHandshakeRequestRequest& request,
                                                  v1::HandshakeStep* response) {
  const auto call = AdmittedCall::Admit(limiter_, begun);
  if (call == nullptr) return;
  auto offer = ParseOffer(request);
  absl::Status admitted = offer.status();
  if (admitted.ok()) admitted = limiter_.BeginHandshake(call->caller());
  if (!admitted.ok()) return call->Finish(admitted);
  custodian_.BeginHandshakeRequest(call->caller(), request.identity_ticket(), *std::move(offer),
                                   Answer(call, response));
}

void AuthenticationHandler::BeginHandshakeReply(const ServiceTable::Call& begun,
                                                const v1::BeginHandshakeReplyRequest& request,
                                                v1::HandshakeStep* response) {
  const auto call = AdmittedCall::Admit(limiter_, begun);
  if (call == nullptr) return;
  auto offer = ParseOffer(request);
  absl::Status checked = offer.status();
  if (checked.ok()) checked = CheckToken("request", request.request());
  if (!checked.ok()) return call->Finish(checked);
  custodian_.BeginHandshakeReply(call->caller(), request.identity_ticket(), *std::move(offer),
                                 ToToken(request.request()), WaitOf(request.wait_ms()), Answer(call, response));
}

void AuthenticationHandler::ProcessHandshake(const ServiceTable::Call& begun,
                                             const v1::ProcessHandshakeRequest& request, v1::HandshakeStep* response) {
  const auto call = AdmittedCall::Admit(limiter_, begun);
  if (call == nullptr) return;
  absl::Status sizes = CheckSize("identity_ticket", request.identity_ticket(), 1, kMaxTicket);
  sizes.Update(CheckSize("handshake_ticket", request.handshake_ticket(), 1, kMaxTicket));
  sizes.Update(CheckToken("message", request.message()));
  if (!sizes.ok()) return call->Finish(sizes);
  custodian_.ProcessHandshake(call->caller(), request.identity_ticket(), request.handshake_ticket(),
                              ToToken(request.message()), WaitOf(request.wait_ms()), Answer(call, response));
}

void AuthenticationHandler::SignHandshake(const ServiceTable::Call& begun, const v1::SignHandshakeRequest& request,
                                          v1::HandshakeStep* response) {
  const auto call = AdmittedCall::Admit(limiter_, begun);
  if (call == nullptr) return;
  absl::Status sizes = CheckSize("identity_ticket", request.identity_ticket(), 1, kMaxTicket);
  sizes.Update(CheckSize("sign_ticket", request.sign_ticket(), 1, kMaxTicket));
  if (!sizes.ok()) return call->Finish(sizes);
  custodian_.SignHandshake(call->caller(), request.identity_ticket(), request.sign_ticket(), WaitOf(request.wait_ms()),
                           Answer(call, response));
}

void AuthenticationHandler::SignParticipantData(const ServiceTable::Call& begun,
                                                const v1::SignParticipantDataRequest& request,
                                                v1::SignParticipantDataResponse* response) {
  const auto call = AdmittedCall::Admit(limiter_, begun);
  if (call == nullptr) return;
  absl::Status admitted = CheckSize("identity_ticket", request.identity_ticket(), 1, kMaxTicket);
  admitted.Update(CheckSize("participant_data", request.participant_data(), 1, kMaxDocument));
  if (admitted.ok()) admitted = limiter_.BeginHandshake(call->caller());
  if (!admitted.ok()) return call->Finish(admitted);
  custodian_.SignParticipantData(call->caller(), request.identity_ticket(),
                                 {request.participant_data(), request.revision()}, WaitOf(request.wait_ms()),
                                 [call, response](absl::StatusOr<std::optional<Signature>> signature) {
                                   if (!signature.ok()) return call->Finish(signature.status());
                                   if (signature->has_value()) response->set_signature((*signature)->octets);
                                   call->Finish(absl::OkStatus());
                                 });
}

void AuthenticationHandler::Watch(const ServiceTable::Call& begun, const v1::WatchRequest& request,
                                  v1::WatchResponse* response) {
  BeginWatch(limiter_, board_, begun, request, response);
}

void AuthenticationHandler::CheckPeers(const ServiceTable::Call& begun, const v1::CheckPeersRequest& request,
                                       v1::CheckPeersResponse* response) {
  const auto call = AdmittedCall::Admit(limiter_, begun);
  if (call == nullptr) return;
  if (const absl::Status sizes = CheckTickets(request); !sizes.ok()) return call->Finish(sizes);
  reviewer_.Review(call->caller(), request.identity_ticket(),
                   {request.peer_ticket().begin(), request.peer_ticket().end()},
                   [call, response](const absl::StatusOr<PeerReview>& review) {
                     if (review.ok()) FillReview(*review, *response);
                     call->Finish(review.status());
                   });
}

}  // namespace ddskey
