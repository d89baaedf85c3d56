#include "daemon/custodian/peer_reviewer.h"

#include <memory>
#include <optional>
#include <utility>

#include "proto/contract/status_macros.h"

namespace ddskey {
namespace {

constexpr char kOperation[] = "CheckPeers";

// IsRefusal tells a no from not being able to say.
bool IsRefusal(const absl::Status& status) {
  return absl::IsPermissionDenied(status) || absl::IsInvalidArgument(status) || absl::IsFailedPrecondition(status);
}

}  // namespace

void PeerReviewer::Review(const Subject& caller, std::string identity_ticket, std::vector<std::string> peer_tickets,
                          Done done) {
  parts_.pool.Post(caller,
                   [this, caller, identity_ticket = std::move(identity_ticket), peer_tickets = std::move(peer_tickets),
                    done = std::move(done)] { done(Judge(caller, identity_ticket, peer_tickets)); });
}

absl::StatusOr<PeerReview> PeerReviewer::Judge(const Subject& caller, const std::string& identity_ticket,
                                               const std::vector<std::string>& peer_tickets) const {
  PeerReview review;
  review.revision = parts_.changes.revision();
  // A ticket that does not open says nothing about the participant; its caller gets another one.
  RETURN_IF_ERROR(parts_.sealer.Open(TicketKind::kIdentity, {CallerBinding(caller), ""}, identity_ticket).status());
  Trail trail(parts_.authorizer, caller, kOperation, "");
  const auto admitted = parts_.admission.Admit(caller, identity_ticket, trail);
  if (!admitted.ok()) {
    trail.End(admitted.status());
    if (!IsRefusal(admitted.status())) return admitted.status();
    review.identity_refused = std::string(admitted.status().message());
    return review;
  }
  const absl::Time now = parts_.clock();
  review.not_after = admitted->certificate->not_after();
  review.good_for =
      GoodUntil(admitted->identity->current().certificate_chain, *admitted->certificate, *admitted->trust, now) - now;
  for (const std::string& ticket : peer_tickets) review.peers.push_back(JudgePeer(caller, *admitted, ticket));
  return review;
}

PeerVerdict PeerReviewer::JudgePeer(const Subject& caller, const Admitted& admitted, const std::string& ticket) const {
  const auto opened = parts_.sealer.Open(TicketKind::kPeer, {CallerBinding(caller), ""}, ticket);
  const auto proof = opened.ok() ? DecodeProof(opened->body) : std::nullopt;
  if (!proof.has_value()) return {.outcome = PeerVerdict::Outcome::kUnknownTicket};
  Trail trail(parts_.authorizer, caller, kOperation, admitted.participant.key_name);
  const absl::Time now = parts_.clock();
  const auto peer = parts_.admission.AdmitPeer(caller, admitted, *proof, trail);
  if (peer.ok()) {
    return {.outcome = PeerVerdict::Outcome::kGood,
            .refusal = "",
            .good_for = GoodUntil(proof->certificate, **peer, *admitted.trust, now) - now};
  }
  trail.End(peer.status());
  if (!IsRefusal(peer.status())) return {};
  return {.outcome = PeerVerdict::Outcome::kRefused, .refusal = std::string(peer.status().message())};
}

}  // namespace ddskey
