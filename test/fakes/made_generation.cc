#include "test/fakes/made_generation.h"

#include <chrono>
#include <future>
#include <utility>

namespace ddskey::test {

KeyGeneration MadeGeneration(KeyBackend& backend, const std::string& backend_uuid, KeyPurpose purpose) {
  std::promise<absl::StatusOr<SealedKey>> made;
  WorkOptions options;
  options.deadline = std::chrono::steady_clock::now() + std::chrono::seconds(20);
  backend.SubmitCreate(KeyAlgorithm::kEcP256, purpose, std::move(options),
                       [&made](absl::StatusOr<SealedKey> key) { made.set_value(std::move(key)); });
  const SealedKey key = *made.get_future().get();
  KeyGeneration generation;
  generation.purpose = purpose;
  generation.backend_uuid = backend_uuid;
  generation.blob = key.blob;
  generation.public_key = key.public_key;
  return generation;
}

}  // namespace ddskey::test
