#include "daemon/custodian/key_description.h"

#include <utility>

#include "daemon/backend/bound_blob.h"
#include "daemon/handshake/digest.h"
#include "proto/contract/status_macros.h"

namespace ddskey {
namespace {

// LastNameOf is the name that a backend had last; empty if it is unknown.
std::string LastNameOf(const std::string& uuid, const KeyStore& keys) {
  for (const StoredBackend& backend : keys.Backends()) {
    if (backend.uuid == uuid) return backend.name;
  }
  return "";
}

void FindHolder(const KeyStore& keys, const BackendSet& backends, GenerationDescription& one) {
  const auto entry = backends.FindForKey(one.generation->backend_uuid, one.generation->blob);
  if (!entry.ok()) {
    one.backend = LastNameOf(one.generation->backend_uuid, keys);
    one.backend_problem = std::string(entry.status().message());
    return;
  }
  one.backend = (*entry)->name;
  one.problem = (*entry)->backend->KeyProblem(one.generation->public_key);
  if ((*entry)->backend->Recognize(one.generation->blob) != Recognition::kForeign) return;
  one.backend_problem =
      "the device of this backend is not the one that made the key, or was cleared since, or its secret was replaced";
}

}  // namespace

absl::StatusOr<KeyDescription> DescribeKey(std::shared_ptr<const Identity> identity, const KeyStore& keys,
                                           const BackendSet& backends,
                                           const std::map<std::string, size_t>& participants) {
  KeyDescription description;
  for (const KeyGeneration& generation : identity->generations) {
    GenerationDescription& one = description.generations.emplace_back();
    one.generation = &generation;
    one.public_key_digest = Sha256(generation.public_key);
    FindHolder(keys, backends, one);
    one.binding = BindingOf(generation.blob);
    if (one.binding.has_value() && !one.binding->authority.empty()) {
      one.authority_digest = Sha256(one.binding->authority);
    }
    if (!generation.certificate_chain.empty()) {
      ASSIGN_OR_RETURN(one.chain, Certificate::ParsePem(generation.certificate_chain));
    }
    if (const auto count = participants.find(generation.uuid); count != participants.end()) {
      one.participants = count->second;
    }
    if (generation.state != GenerationState::kCurrent) continue;
    description.backend = one.backend;
    description.backend_problem = one.backend_problem;
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
