#include "daemon/handshake/handshake.h"

#include <algorithm>
#include <optional>
#include <utility>

#include "daemon/handshake/cdr.h"
#include "daemon/handshake/check.h"
#include "daemon/handshake/digest.h"
#include "daemon/handshake/participant_data.h"
#include "proto/contract/secret_access.h"
#include "proto/contract/status_macros.h"

namespace ddskey {
namespace {

constexpr size_t kChallengeSize = 32;
constexpr std::string_view kEcdsa = "ECDSA-SHA256";
constexpr std::string_view kRsaPss = "RSASSA-PSS-SHA256";

bool Equal(std::string_view a, std::string_view b) {
  const auto octets = [](std::string_view text) {
    return std::span(reinterpret_cast<const uint8_t*>(text.data()), text.size());
  };
  return ConstantTimeEquals(octets(a), octets(b));
}

// CheckRepeated refuses a property that is present and is not what it repeats.
absl::Status CheckRepeated(std::string_view name, const std::optional<std::string>& received,
                           std::string_view expected) {
  if (received.has_value() && !Equal(*received, expected)) {
    return Refuse(name, "the property is not that of this handshake");
  }
  return absl::OkStatus();
}

// CheckAnnounced compares a challenge with the future_challenge that its side announced, if it did.
absl::Status CheckAnnounced(std::string_view name, const std::string& received, const std::string& announced) {
  if (!announced.empty() && !Equal(received, announced)) {
    return Refuse(name, "the challenge is not the one that the peer announced");
  }
  return absl::OkStatus();
}

// CheckOffer makes sure that a participant speaks for itself (S-7).
absl::Status CheckOffer(const LocalParticipant& local, const LocalOffer& offer) {
  if (offer.challenge.size() != kChallengeSize) {
    return absl::InvalidArgumentError("the challenge of this participant must have 32 octets");
  }
  ASSIGN_OR_RETURN(const ParticipantData data, ParseParticipantData(offer.participant_data));
  if (data.guid != local.guid) {
    return absl::InvalidArgumentError("c.pdata of this participant names another GUID than the one it was given");
  }
  if (data.domain_id.has_value() && *data.domain_id != local.domain_id) {
    return absl::InvalidArgumentError("c.pdata of this participant names another domain than it declared");
  }
  if (offer.remote_guid == local.guid) return Refuse("reflection", "the peer's GUID is this participant's own");
  return absl::OkStatus();
}

HandshakeMessage Credentials(const LocalParticipant& local, const LocalOffer& offer, const KeyAgreement& agreement) {
  HandshakeMessage own;
  // Readers of PEM stop before the NUL; Connext wants it.
  own.c_id = local.certificate + '\0';
  own.c_perm = offer.permissions;
  own.c_pdata = offer.participant_data;
  // DDS Security 1.1 has a name for P-256 only; P-384 signs SHA-256 under it too, as the name says.
  own.c_dsign_algo = IsRsa(local.algorithm) ? kRsaPss : kEcdsa;
  own.c_kagree_algo = agreement.name();
  if (!local.ocsp_response.empty()) own.ocsp_status = local.ocsp_response;
  return own;
}

// CheckPeerCredentials checks the c.* of a peer against each other and against what is known of it (S-7).
absl::Status CheckPeerCredentials(const HandshakeMessage& message, const Guid& remote_guid, uint32_t domain_id,
                                  const PeerCredential& peer) {
  // Fast DDS names the algorithm of its CA here: either known name will do, the certificate's key decides.
  const std::string_view signature_algorithm = WithoutNul(*message.c_dsign_algo);
  if (signature_algorithm != kEcdsa && signature_algorithm != kRsaPss) {
    return Refuse("c.dsign_algo", "the peer names a signature algorithm that is not supported");
  }
  ASSIGN_OR_RETURN(const ParticipantData data, ParseParticipantData(*message.c_pdata));
  if (data.guid != remote_guid) return Refuse("guid", "c.pdata names another participant than the one that sent it");
  if (data.domain_id.has_value() && *data.domain_id != domain_id) {
    return Refuse("domain", "the peer is in another DDS domain");
  }
  return CheckSubjectHash(data.guid, peer.subject_der);
}

absl::Status RefuseReflection(const HandshakeState& state) {
  const KeyAgreement* agreement = FindKeyAgreement(state.key_agreement);
  if (agreement == nullptr) return absl::InternalError("a handshake's state lost its key agreement");
  if (Equal(state.hash_c1, state.hash_c2) || agreement->Same(state.dh1, state.dh2) ||
      Equal(state.challenge1, state.challenge2)) {
    return Refuse("reflection", "the peer sent this participant's own values back");
  }
  return absl::OkStatus();
}

// Agree derives the shared secret from the ephemeral key of `state` and the peer's public value.
absl::StatusOr<SecretBytes> Agree(const HandshakeState& state, std::string_view own, std::string_view peer_property,
                                  std::string_view peer) {
  const KeyAgreement* agreement = FindKeyAgreement(state.key_agreement);
  if (agreement == nullptr || !state.secret.has_value()) {
    return absl::InternalError("a handshake's state lost its ephemeral key");
  }
  return agreement->Derive(*state.secret, own, peer_property, peer);
}

}  // namespace

absl::StatusOr<RequestStep> BeginRequest(const LocalParticipant& local, const LocalOffer& offer) {
  RETURN_IF_ERROR(CheckOffer(local, offer));
  const KeyAgreement& agreement = ProposedKeyAgreement(local.key_agreement);
  ASSIGN_OR_RETURN(EphemeralKey ephemeral, agreement.Generate());
  HandshakeMessage request = Credentials(local, offer, agreement);
  request.hash_c1 = HashCredentials(request);
  request.dh1 = ephemeral.public_value;
  request.challenge1 = offer.challenge;

  HandshakeState state;
  state.key_uuid = local.key_uuid;
  state.local_guid = local.guid;
  state.remote_guid = offer.remote_guid;
  state.domain_id = local.domain_id;
  state.challenge1 = offer.challenge;
  state.challenge2 = offer.remote_future_challenge;
  state.hash_c1 = *request.hash_c1;
  state.dh1 = std::move(ephemeral.public_value);
  state.own_permissions_digest = PermissionsDigest(offer.permissions);
  state.secret = std::move(ephemeral.private_value);
  state.key_agreement = agreement.name();
  return RequestStep{BuildToken(MessageRole::kRequest, request), std::move(state)};
}

absl::StatusOr<HandshakeState> PrepareReply(const LocalParticipant& local, const LocalOffer& offer,
                                            const HandshakeMessage& request, const PeerCredential& peer) {
  RETURN_IF_ERROR(CheckOffer(local, offer));
  RETURN_IF_ERROR(CheckPeerCredentials(request, offer.remote_guid, local.domain_id, peer));
  const KeyAgreement* agreement = FindKeyAgreement(WithoutNul(*request.c_kagree_algo));
  if (agreement == nullptr) {
    return Refuse("c.kagree_algo", "the peer proposes a key agreement that is not supported");
  }
  if (!Permits(local.key_agreement, *agreement)) {
    return Refuse("c.kagree_algo", "the peer proposes a key agreement that this participant does not take");
  }
  const std::string hash_c1 = HashCredentials(request);
  RETURN_IF_ERROR(CheckRepeated("hash_c1", request.hash_c1, hash_c1));
  RETURN_IF_ERROR(CheckAnnounced("challenge1", *request.challenge1, offer.remote_future_challenge));
  ASSIGN_OR_RETURN(EphemeralKey ephemeral, agreement->GenerateAnswer("dh1", *request.dh1));

  HandshakeState state;
  state.key_uuid = local.key_uuid;
  state.local_guid = local.guid;
  state.remote_guid = offer.remote_guid;
  state.domain_id = local.domain_id;
  state.own = Credentials(local, offer, *agreement);
  state.challenge1 = *request.challenge1;
  state.challenge2 = offer.challenge;
  state.hash_c1 = hash_c1;
  state.hash_c2 = HashCredentials(state.own);
  state.dh1 = *request.dh1;
  state.dh2 = std::move(ephemeral.public_value);
  state.peer_certificate = *request.c_id;
  state.peer_permissions = request.c_perm.value_or("");
  state.peer_ocsp_response = request.ocsp_status.value_or("");
  state.own_permissions_digest = PermissionsDigest(offer.permissions);
  state.secret = std::move(ephemeral.private_value);
  state.key_agreement = agreement->name();
  RETURN_IF_ERROR(RefuseReflection(state));
  return state;
}

std::string ReplyTranscript(const HandshakeState& state) {
  return EncodeBinaryPropertySeq({{"hash_c2", state.hash_c2},
                                  {"challenge2", state.challenge2},
                                  {"dh2", state.dh2},
                                  {"challenge1", state.challenge1},
                                  {"dh1", state.dh1},
                                  {"hash_c1", state.hash_c1}});
}

std::string FinalTranscript(const HandshakeState& state) {
  return EncodeBinaryPropertySeq({{"hash_c1", state.hash_c1},
                                  {"challenge1", state.challenge1},
                                  {"dh1", state.dh1},
                                  {"challenge2", state.challenge2},
                                  {"dh2", state.dh2},
                                  {"hash_c2", state.hash_c2}});
}

HandshakeToken FinishReply(const HandshakeState& state, std::string_view signature) {
  HandshakeMessage reply = state.own;
  reply.hash_c1 = state.hash_c1;
  reply.hash_c2 = state.hash_c2;
  reply.dh1 = state.dh1;
  reply.dh2 = state.dh2;
  reply.challenge1 = state.challenge1;
  reply.challenge2 = state.challenge2;
  reply.signature = signature;
  return BuildToken(MessageRole::kReply, reply);
}

absl::StatusOr<HandshakeState> PrepareFinal(const HandshakeState& state, const HandshakeMessage& reply,
                                            const PeerCredential& peer) {
  RETURN_IF_ERROR(CheckRepeated("challenge1", reply.challenge1, state.challenge1));
  RETURN_IF_ERROR(CheckRepeated("hash_c1", reply.hash_c1, state.hash_c1));
  RETURN_IF_ERROR(CheckRepeated("dh1", reply.dh1, state.dh1));
  RETURN_IF_ERROR(CheckPeerCredentials(reply, state.remote_guid, state.domain_id, peer));
  if (WithoutNul(*reply.c_kagree_algo) != state.key_agreement) {
    return Refuse("c.kagree_algo", "the peer answers with another key agreement than the proposed one");
  }
  HandshakeState next;
  next.hash_c2 = HashCredentials(reply);
  RETURN_IF_ERROR(CheckRepeated("hash_c2", reply.hash_c2, next.hash_c2));
  RETURN_IF_ERROR(CheckAnnounced("challenge2", *reply.challenge2, state.challenge2));

  next.key_uuid = state.key_uuid;
  next.local_guid = state.local_guid;
  next.remote_guid = state.remote_guid;
  next.domain_id = state.domain_id;
  next.challenge1 = state.challenge1;
  next.challenge2 = *reply.challenge2;
  next.hash_c1 = state.hash_c1;
  next.dh1 = state.dh1;
  next.dh2 = *reply.dh2;
  next.peer_certificate = *reply.c_id;
  next.peer_permissions = reply.c_perm.value_or("");
  next.peer_ocsp_response = reply.ocsp_status.value_or("");
  next.own_permissions_digest = state.own_permissions_digest;
  next.key_agreement = state.key_agreement;
  RETURN_IF_ERROR(RefuseReflection(next));
  if (!peer.verify(ReplyTranscript(next), *reply.signature).ok()) {
    return Refuse("signature", "the signature of the Reply does not verify");
  }
  ASSIGN_OR_RETURN(next.secret, Agree(state, state.dh1, "dh2", next.dh2));
  return next;
}

HandshakeToken FinishFinal(const HandshakeState& state, std::string_view signature) {
  HandshakeMessage message;
  message.hash_c1 = state.hash_c1;
  message.hash_c2 = state.hash_c2;
  message.dh1 = state.dh1;
  message.dh2 = state.dh2;
  message.challenge1 = state.challenge1;
  message.challenge2 = state.challenge2;
  message.signature = signature;
  return BuildToken(MessageRole::kFinal, message);
}

absl::StatusOr<HandshakeOutcome> OutcomeOfFinal(const HandshakeState& state) {
  if (!state.secret.has_value()) return absl::InternalError("a Final's state lost its shared secret");
  const std::span<const uint8_t> agreed = state.secret->Reveal(SecretAccess());
  ASSIGN_OR_RETURN(SecretBytes secret, SecretBytes::Allocate(agreed.size()));
  std::ranges::copy(agreed, secret.Reveal(SecretAccess()).begin());
  return HandshakeOutcome{std::move(secret),      state.challenge1,       state.challenge2,
                          state.peer_certificate, state.peer_permissions, state.peer_ocsp_response};
}

absl::StatusOr<HandshakeOutcome> ProcessFinal(const HandshakeState& state, const HandshakeMessage& final_message,
                                              const PeerCredential& peer) {
  RETURN_IF_ERROR(CheckRepeated("challenge1", final_message.challenge1, state.challenge1));
  RETURN_IF_ERROR(CheckRepeated("challenge2", final_message.challenge2, state.challenge2));
  RETURN_IF_ERROR(CheckRepeated("hash_c1", final_message.hash_c1, state.hash_c1));
  RETURN_IF_ERROR(CheckRepeated("hash_c2", final_message.hash_c2, state.hash_c2));
  RETURN_IF_ERROR(CheckRepeated("dh1", final_message.dh1, state.dh1));
  RETURN_IF_ERROR(CheckRepeated("dh2", final_message.dh2, state.dh2));
  if (!peer.verify(FinalTranscript(state), *final_message.signature).ok()) {
    return Refuse("signature", "the signature of the Final does not verify");
  }
  ASSIGN_OR_RETURN(SecretBytes secret, Agree(state, state.dh2, "dh1", state.dh1));
  return HandshakeOutcome{std::move(secret),      state.challenge1,       state.challenge2,
                          state.peer_certificate, state.peer_permissions, state.peer_ocsp_response};
}

}  // namespace ddskey
