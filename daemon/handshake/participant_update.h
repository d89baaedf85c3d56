#ifndef DAEMON_HANDSHAKE_PARTICIPANT_UPDATE_H_
#define DAEMON_HANDSHAKE_PARTICIPANT_UPDATE_H_

#include <cstdint>
#include <string>
#include <string_view>

#include "absl/status/statusor.h"
#include "proto/contract/guid.h"

namespace ddskey {

// kParticipantUpdatePrefix begins what is signed of a participant's changed data, its NUL included. A handshake
// transcript begins with the octets 0, 0, 0, 6 and a certification request with 0x30: no signature of one is ever a
// signature of another (S-1).
inline constexpr std::string_view kParticipantUpdatePrefix("ddskey/participant-data/1\0", 26);

// ParticipantUpdate is participant data that changed, and which change it is.
struct ParticipantUpdate {
  std::string participant_data;
  uint64_t revision = 0;
};

// ParticipantUpdateOctets returns the octets to sign, as authentication.proto has them. INVALID_ARGUMENT if the data is
// not that of the participant `guid` in `domain_id` (S-7), or the revision is 0.
absl::StatusOr<std::string> ParticipantUpdateOctets(const Guid& guid, uint32_t domain_id,
                                                    const ParticipantUpdate& update);

}  // namespace ddskey

#endif  // DAEMON_HANDSHAKE_PARTICIPANT_UPDATE_H_
