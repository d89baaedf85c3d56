#ifndef DAEMON_CUSTODIAN_KEY_DESCRIPTION_H_
#define DAEMON_CUSTODIAN_KEY_DESCRIPTION_H_

#include <cstddef>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "daemon/custodian/backend_set.h"
#include "daemon/keystore/key_store.h"
#include "daemon/trust/certificate.h"
#include "proto/contract/pcr_binding.h"

namespace ddskey {

// GenerationDescription is what an administrator sees of one key of an identity.
struct GenerationDescription {
  // Of the identity that is described.
  const KeyGeneration* generation = nullptr;
  // Name of the backend that holds the key, or held it, and why it does not any more; empty if it does.
  std::string backend;
  std::string backend_problem;
  // SHA-256 of the DER SubjectPublicKeyInfo, 32 octets.
  std::string public_key_digest;
  // The installed chain, parsed; empty if there is none.
  std::vector<Certificate> chain;
  // How many participants are known that began with it.
  size_t participants = 0;
  // What it is bound to, if it is.
  std::optional<PcrBinding> binding = std::nullopt;
  // SHA-256 of the binding's authority; empty if there is none.
  std::string authority_digest = {};
  // Why it could not be used the last time, although its backend works; empty if it could.
  std::string problem = {};
};

// KeyDescription is what an administrator sees of an identity.
struct KeyDescription {
  std::shared_ptr<const Identity> identity;
  // Of the current generation, as in GenerationDescription.
  std::string backend;
  std::string backend_problem;
  std::string public_key_digest;
  std::vector<Certificate> chain;
  // The installed anchors, parsed; empty if there are none.
  std::vector<Certificate> anchors;
  // By number.
  std::vector<GenerationDescription> generations;
  // Of a key that was imported just now: what whoever imported it should know, as a sentence; or empty.
  std::string warning = {};
};

// DescribeKey parses what is stored of an identity, and finds where its keys are: in one of `backends`, which `keys`
// knows by the names that they had. `participants` is how many are known, by generation (ParticipantBook::Counts).
absl::StatusOr<KeyDescription> DescribeKey(std::shared_ptr<const Identity> identity, const KeyStore& keys,
                                           const BackendSet& backends,
                                           const std::map<std::string, size_t>& participants);

}  // namespace ddskey

#endif  // DAEMON_CUSTODIAN_KEY_DESCRIPTION_H_
