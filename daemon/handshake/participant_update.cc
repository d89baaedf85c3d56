#include "daemon/handshake/participant_update.h"

#include "daemon/handshake/participant_data.h"
#include "proto/contract/status_macros.h"

namespace ddskey {
namespace {

void AppendNumber(std::string& out, uint64_t number, int octets) {
  for (int shift = (octets - 1) * 8; shift >= 0; shift -= 8) out.push_back(static_cast<char>(number >> shift & 0xff));
}

}  // namespace

absl::StatusOr<std::string> ParticipantUpdateOctets(const Guid& guid, uint32_t domain_id,
                                                    const ParticipantUpdate& update) {
  if (update.revision == 0) return absl::InvalidArgumentError("the revision of participant data begins with 1");
  ASSIGN_OR_RETURN(const ParticipantData data, ParseParticipantData(update.participant_data));
  if (data.guid != guid) {
    return absl::InvalidArgumentError("the participant data names another GUID than the participant was given");
  }
  if (data.domain_id.has_value() && *data.domain_id != domain_id) {
    return absl::InvalidArgumentError("the participant data names another domain than the participant declared");
  }
  std::string octets(kParticipantUpdatePrefix);
  octets += GuidOctets(guid);
  AppendNumber(octets, domain_id, 4);
  AppendNumber(octets, update.revision, 8);
  return octets + update.participant_data;
}

}  // namespace ddskey
