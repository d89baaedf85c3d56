#include "daemon/custodian/key_description.h"

#include <utility>

#include "daemon/handshake/digest.h"
#include "proto/contract/status_macros.h"

namespace ddskey {

absl::StatusOr<KeyDescription> DescribeKey(std::shared_ptr<const Identity> identity, const BackendSet& backends,
                                           const std::map<std::string, size_t>& participants) {
  KeyDescription description;
  for (const KeyGeneration& generation : identity->generations) {
    GenerationDescription& one = description.generations.emplace_back();
    one.generation = &generation;
    one.public_key_digest = Sha256(generation.public_key);
    if (const BackendSet::Entry* const entry = backends.FindByUuid(generation.backend_uuid)) one.backend = entry->name;
    if (!generation.certificate_chain.empty()) {
      ASSIGN_OR_RETURN(one.chain, Certificate::ParsePem(generation.certificate_chain));
    }
    if (const auto count = participants.find(generation.uuid); count != participants.end()) {
      one.participants = count->second;
    }
    if (generation.state != GenerationState::kCurrent) continue;
    description.backend = one.backend;
    description.public_key_digest = one.public_key_digest;
    description.chain = one.chain;
  }
  if (!identity->trust.anchors.empty()) {
    ASSIGN_OR_RETURN(description.anchors, Certificate::ParsePem(identity->trust.anchors));
  }
  description.identity = std::move(identity);
  return description;
}

}  // namespace ddskey
