#ifndef DAEMON_HANDSHAKE_HANDSHAKE_H_
#define DAEMON_HANDSHAKE_HANDSHAKE_H_

#include <cstdint>
#include <functional>
#include <string>
#include <string_view>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "daemon/handshake/handshake_state.h"
#include "daemon/handshake/handshake_token.h"
#include "daemon/handshake/key_agreements.h"
#include "proto/contract/algorithm.h"
#include "proto/contract/guid.h"
#include "proto/contract/secret_bytes.h"

// PKI-DH authentication (DDS Security 1.1, 9.3) as functions from state and message to state and message: no sockets,
// devices, files or clocks. Every refusal of a peer's message names its check in brackets.
namespace ddskey {

// LocalParticipant is this side of a handshake.
struct LocalParticipant {
  std::string key_uuid;
  KeyAlgorithm algorithm = KeyAlgorithm::kEcP256;
  // Certificate chain, PEM: c.id.
  std::string certificate;
  // What an OCSP responder says of it now, DER: ocsp_status; empty to send none.
  std::string ocsp_response = {};
  Guid guid = {};
  uint32_t domain_id = 0;
  KeyAgreementChoice key_agreement = KeyAgreementChoice::kAuto;
};

// LocalOffer is what the participant brings to one handshake.
struct LocalOffer {
  Guid remote_guid = {};
  std::string challenge;
  std::string participant_data;
  std::string permissions;
  // The peer's future_challenge; empty if it announced none.
  std::string remote_future_challenge;
};

// PeerCredential is what a handshake needs of the peer's certificate, which the caller has validated.
struct PeerCredential {
  std::string subject_der;
  // Checks a signature by the type of the certificate's key.
  std::function<absl::Status(std::string_view octets, std::string_view signature)> verify;
};

// RequestStep is a Request and what the initiator keeps.
struct RequestStep {
  HandshakeToken token;
  HandshakeState state;
};

// HandshakeOutcome is what a finished handshake yields.
struct HandshakeOutcome {
  SecretBytes shared_secret;
  std::string challenge1;
  std::string challenge2;
  std::string peer_certificate;
  std::string peer_permissions;
  // The peer's ocsp_status, DER; empty if it sent none.
  std::string peer_ocsp_response;
};

// BeginRequest makes the Request. INVALID_ARGUMENT if the offer does not fit the participant (S-7).
absl::StatusOr<RequestStep> BeginRequest(const LocalParticipant& local, const LocalOffer& offer);

// PrepareReply checks a Request and makes everything of the Reply but its signature.
absl::StatusOr<HandshakeState> PrepareReply(const LocalParticipant& local, const LocalOffer& offer,
                                            const HandshakeMessage& request, const PeerCredential& peer);

// ReplyTranscript and FinalTranscript are the octets that the signature of a Reply and of a Final signs (9.3.2.5):
// always the same for the same state.
std::string ReplyTranscript(const HandshakeState& state);
std::string FinalTranscript(const HandshakeState& state);

// FinishReply is the Reply, signed. The state goes on to ProcessFinal.
HandshakeToken FinishReply(const HandshakeState& state, std::string_view signature);

// PrepareFinal checks a Reply, its signature included, and makes everything of the Final but its signature. `state` is
// that of the Request and stays usable: a bad Reply harms nothing.
absl::StatusOr<HandshakeState> PrepareFinal(const HandshakeState& state, const HandshakeMessage& reply,
                                            const PeerCredential& peer);

// FinishFinal is the Final, signed; OutcomeOfFinal what the initiator has then.
HandshakeToken FinishFinal(const HandshakeState& state, std::string_view signature);
absl::StatusOr<HandshakeOutcome> OutcomeOfFinal(const HandshakeState& state);

// ProcessFinal checks a Final, its signature included. `state` is that of the Reply.
absl::StatusOr<HandshakeOutcome> ProcessFinal(const HandshakeState& state, const HandshakeMessage& final_message,
                                              const PeerCredential& peer);

}  // namespace ddskey

#endif  // DAEMON_HANDSHAKE_HANDSHAKE_H_
