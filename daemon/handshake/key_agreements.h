#ifndef DAEMON_HANDSHAKE_KEY_AGREEMENTS_H_
#define DAEMON_HANDSHAKE_KEY_AGREEMENTS_H_

#include <string_view>

#include "daemon/handshake/key_agreement.h"

namespace ddskey {

// KeyAgreementChoice is what a participant wants: an initiator proposes it, and a replier follows the initiator unless
// its own choice is the only one it takes. The numbers are in tickets; never change one.
enum class KeyAgreementChoice {
  // ECDH, which every implementation can answer.
  kAuto = 0,
  kDh = 1,
  kEcdh = 2,
  kDhOnly = 3,
  kEcdhOnly = 4,
};

// ProposedKeyAgreement is what an initiator of that choice proposes.
const KeyAgreement& ProposedKeyAgreement(KeyAgreementChoice choice);

// FindKeyAgreement returns the key agreement of that name, given without NUL, or null if there is none. It lives as
// long as the process.
const KeyAgreement* FindKeyAgreement(std::string_view name);

// Permits is false for a key agreement that a participant of that choice does not take from a peer.
bool Permits(KeyAgreementChoice choice, const KeyAgreement& agreement);

}  // namespace ddskey

#endif  // DAEMON_HANDSHAKE_KEY_AGREEMENTS_H_
