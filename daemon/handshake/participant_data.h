#ifndef DAEMON_HANDSHAKE_PARTICIPANT_DATA_H_
#define DAEMON_HANDSHAKE_PARTICIPANT_DATA_H_

#include <cstdint>
#include <optional>
#include <string_view>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "proto/contract/guid.h"

namespace ddskey {

// ParticipantData is what the handshake reads in `c.pdata`, a serialized ParticipantBuiltinTopicData.
struct ParticipantData {
  Guid guid = {};
  // Absent when the participant did not say.
  std::optional<uint32_t> domain_id;
};

// ParseParticipantData reads a PL_CDR parameter list of either byte order (DDSI-RTPS 9.4.2.11, 10.2). "[c.pdata]"
// refuses one that is truncated, has no PID_PARTICIPANT_GUID, or has a parameter twice.
absl::StatusOr<ParticipantData> ParseParticipantData(std::string_view octets);

// AdjustedGuid makes the adjusted participant GUID from the DER subject name of a certificate and the GUID before
// adjustment (DDS Security 9.3.3).
Guid AdjustedGuid(std::string_view subject_der, const Guid& candidate);

// CheckSubjectHash refuses, as "[guid_subject]", a GUID whose first 48 bits are not those of `subject_der` (S-7).
absl::Status CheckSubjectHash(const Guid& guid, std::string_view subject_der);

}  // namespace ddskey

#endif  // DAEMON_HANDSHAKE_PARTICIPANT_DATA_H_
