#ifndef DAEMON_CUSTODIAN_PARTICIPANT_H_
#define DAEMON_CUSTODIAN_PARTICIPANT_H_

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "daemon/handshake/key_agreements.h"
#include "policy/policy.h"
#include "proto/contract/guid.h"

namespace ddskey {

// Participant is what an identity ticket says: which key a participant authenticates with, and the GUID it was given.
struct Participant {
  std::string key_name;
  // The key's own name for ever: a key that took over the name of a purged one is another key.
  std::string identity_uuid;
  Guid guid = {};
  uint32_t domain_id = 0;
  // DER subject of the certificate when the identity was validated; a renewed certificate has the same.
  std::string subject_der;
  // Set if the trust anchors are the caller's own (S-8); else those of the keystore count.
  bool own_trust = false;
  std::vector<std::string> anchors;
  std::vector<std::string> revocation_lists;
  KeyAgreementChoice key_agreement = KeyAgreementChoice::kAuto;
  // The key generation that was current when the participant began; empty in tickets of a daemon that did not say so.
  std::string generation_uuid = {};
};

// EncodeParticipant is the body of an identity ticket; DecodeParticipant the inverse.
std::string EncodeParticipant(const Participant& participant);
std::optional<Participant> DecodeParticipant(std::string_view body);

// CallerBinding names a process for what is bound to it: user, group, pid and start time.
std::string CallerBinding(const Subject& caller);

// ParticipantBinding names a participant of a process for its handshake tickets.
std::string ParticipantBinding(const Participant& participant);

}  // namespace ddskey

#endif  // DAEMON_CUSTODIAN_PARTICIPANT_H_
