#ifndef DAEMON_HANDSHAKE_HANDSHAKE_STATE_H_
#define DAEMON_HANDSHAKE_HANDSHAKE_STATE_H_

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "daemon/handshake/handshake_token.h"
#include "proto/contract/guid.h"
#include "proto/contract/secret_bytes.h"

namespace ddskey {

// HandshakeState is what a step leaves for the next one; it travels in a ticket. Which fields are set depends on the
// step; an empty string is an absent value.
struct HandshakeState {
  // The key generation that authenticates this side.
  std::string key_uuid;
  Guid local_guid = {};
  Guid remote_guid = {};
  uint32_t domain_id = 0;
  // 32 octets each. The one that is the peer's to choose is, until it came, what the peer announced, if it did.
  std::string challenge1;
  std::string challenge2;
  std::string hash_c1;
  std::string hash_c2;
  std::string dh1;
  std::string dh2;
  // This side's c.* and ocsp_status, while a Reply with them waits for its signature.
  HandshakeMessage own;
  // Digest of this side's c.perm (PermissionsDigest): later steps look anew at whether it is the one that must be
  // shown.
  std::string own_permissions_digest;
  // The peer's c.id and c.perm as accepted.
  std::string peer_certificate;
  std::string peer_permissions;
  // The peer's ocsp_status, DER; empty if it sent none. Later steps look at it anew, as at its certificate.
  std::string peer_ocsp_response;
  // The ephemeral private value, or the shared secret of a Final that waits for its signature.
  std::optional<SecretBytes> secret;
  // Name of the key agreement.
  std::string key_agreement;
};

// EncodeState returns everything but the secret, for the body of a ticket.
std::string EncodeState(const HandshakeState& state);

// DecodeState is the inverse; nothing for octets that EncodeState did not make.
std::optional<HandshakeState> DecodeState(std::string_view body);

}  // namespace ddskey

#endif  // DAEMON_HANDSHAKE_HANDSHAKE_STATE_H_
