#ifndef TEST_CONFORMANCE_KEY_BACKEND_CONFORMANCE_H_
#define TEST_CONFORMANCE_KEY_BACKEND_CONFORMANCE_H_

#include <gtest/gtest.h>

#include <chrono>
#include <functional>
#include <memory>
#include <ostream>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "daemon/backend/crypto_library.h"
#include "daemon/backend/key_backend.h"

namespace ddskey::test {

// BackendHost is a device of which a test makes backends, one after the other: the keys stay with the device.
class BackendHost {
 public:
  virtual ~BackendHost() = default;
  virtual std::unique_ptr<KeyBackend> Make() = 0;
};

// BackendKind is what the suite runs on: instantiate KeyBackendConformance with one for each implementation.
struct BackendKind {
  std::string name;
  std::function<std::unique_ptr<BackendHost>()> make_host;
  // How many times as much time as usual it gets: an emulated device is slow.
  int patience = 1;
};
inline void PrintTo(const BackendKind& kind, std::ostream* out) { *out << kind.name; }

// KeyBackendConformance holds an implementation of KeyBackend to the word of its header. The tests are in
// key_backend_conformance.cc; link :key_backend_conformance and instantiate.
class KeyBackendConformance : public ::testing::TestWithParam<BackendKind> {
 protected:
  KeyBackendConformance() : host_(GetParam().make_host()), backend_(host_->Make()) {}

  static std::unique_ptr<BackendHost> AnotherHost() { return GetParam().make_host(); }
  static WorkOptions In(std::chrono::nanoseconds time) {
    return {std::chrono::steady_clock::now() + time * GetParam().patience, WorkClass::kCompletion, ""};
  }
  // Comes waits for a condition.
  static bool Comes(const std::function<bool()>& condition, std::chrono::seconds limit = std::chrono::seconds(20));

  // Algorithms is what the backend makes, once it has reached its device.
  std::vector<KeyAlgorithm> Algorithms() const;

  // Create, Import (for digests) and Sign submit, and wait for the completion.
  absl::StatusOr<SealedKey> Create(KeyAlgorithm algorithm, KeyPurpose purpose = KeyPurpose::kHandshake);
  absl::StatusOr<SealedKey> Import(const std::string& pkcs8);
  absl::StatusOr<Signature> Sign(const SealedKey& key, SignatureScheme scheme, const std::string& digest);
  // Verify asks OpenSSL.
  absl::Status Verify(const SealedKey& key, SignatureScheme scheme, const std::string& digest,
                      const Signature& signature) const;

  const std::unique_ptr<CryptoLibrary> library_ = *CryptoLibrary::Create();
  std::unique_ptr<BackendHost> host_;
  std::unique_ptr<KeyBackend> backend_;
};

}  // namespace ddskey::test

#endif  // TEST_CONFORMANCE_KEY_BACKEND_CONFORMANCE_H_
