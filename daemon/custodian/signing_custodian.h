#ifndef DAEMON_CUSTODIAN_SIGNING_CUSTODIAN_H_
#define DAEMON_CUSTODIAN_SIGNING_CUSTODIAN_H_

#include <chrono>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "daemon/backend/key_backend.h"
#include "daemon/custodian/authorizer.h"
#include "daemon/custodian/backend_set.h"
#include "daemon/custodian/participant_book.h"
#include "daemon/custodian/worker_pool.h"
#include "daemon/keystore/key_store.h"
#include "daemon/trust/token_forms.h"
#include "policy/policy.h"
#include "proto/contract/algorithm.h"
#include "proto/contract/signature_scheme.h"

namespace ddskey {

// SigningKey is a key as a program sees it that may sign digests with it. Fields as in SigningKey (signing.proto).
struct SigningKey {
  std::string name;
  std::string identity_uuid;
  KeyAlgorithm algorithm = KeyAlgorithm::kEcP256;
  std::string public_key;
  PublicKeyParts parts;
  std::vector<CertificateParts> certificates;
  std::vector<SignatureFamily> families;
};

// DigestToSign is what a program wants signed.
struct DigestToSign {
  std::string key_name;
  // SHA-256 of the DER SubjectPublicKeyInfo, 32 octets.
  std::string public_key_digest;
  SignatureFamily family = SignatureFamily::kEcdsa;
  // 32 or 48 octets.
  std::string digest;
};

// SigningCustodian signs digests for programs that use keys as those of a token: authorize, load, use, audit. Only keys
// of the purpose "digest" (S-1). Every method returns at once; `done` is called on the pool exactly once. Errors are
// those of SigningService (signing.proto). Thread-safe.
class SigningCustodian {
 public:
  // Parts are what a custodian works with; all must outlive it.
  struct Parts {
    WorkerPool& pool;
    const Authorizer& authorizer;
    const KeyStore& keys;
    const BackendSet& backends;
    // Told who signs with which key, so that a replaced one stays while somebody does.
    ParticipantBook& book;
  };

  template <typename T>
  using Done = std::function<void(absl::StatusOr<T>)>;

  explicit SigningCustodian(const Parts& parts) : parts_(parts) {}

  void List(const Subject& caller, Done<std::vector<SigningKey>> done);

  // Sign signs until `deadline`; ECDSA signatures are r and s, one behind the other.
  void Sign(const Subject& caller, DigestToSign request, std::chrono::steady_clock::time_point deadline,
            Done<std::string> done);

 private:
  // Order is a signature that is allowed.
  struct Order {
    std::shared_ptr<const Identity> identity;
    const KeyGeneration* generation = nullptr;
    SignatureScheme scheme = SignatureScheme::kEcdsaSha256;
    KeyBackend* backend = nullptr;
  };

  absl::StatusOr<Order> Admit(const Subject& caller, const DigestToSign& request, Trail& trail) const;
  absl::StatusOr<std::string> Finish(const Order& order, absl::StatusOr<Signature> signature, Trail& trail) const;

  const Parts parts_;
};

}  // namespace ddskey

#endif  // DAEMON_CUSTODIAN_SIGNING_CUSTODIAN_H_
