#ifndef DAEMON_CUSTODIAN_ATTESTATION_CUSTODIAN_H_
#define DAEMON_CUSTODIAN_ATTESTATION_CUSTODIAN_H_

#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "daemon/backend/attester.h"
#include "daemon/custodian/authorizer.h"
#include "daemon/custodian/backend_set.h"
#include "daemon/custodian/worker_pool.h"
#include "daemon/keystore/key_store.h"
#include "daemon/trust/certification_request.h"
#include "policy/policy.h"

namespace ddskey {

// AttestationOrder says what is to be attested, and to whom.
struct AttestationOrder {
  std::string name;
  // The CA's.
  std::string nonce;
  // Of the certification request; empty for that of the identity's certificate.
  std::vector<std::pair<std::string, std::string>> subject;
  // 0 to 7 if empty.
  std::vector<uint32_t> pcrs;
  EndorsementKind endorsement = EndorsementKind::kAny;
};

// AttestedKey is a certification request (DER), and what the device says about the key that signed it.
struct AttestedKey {
  std::string csr;
  Attestation attestation;
};

// AttestationCustodian proves to CAs where keys are, on behalf of administrators (S-11): authorize, load, use, audit.
// Every method returns at once; its work is done on the pool and on threads of devices, and `done` is called exactly
// once. Errors are those of AdminService (admin.proto). Thread-safe.
class AttestationCustodian {
 public:
  // Parts are what a custodian works with; all must outlive it.
  struct Parts {
    WorkerPool& pool;
    Authorizer& authorizer;
    KeyStore& keys;
    const BackendSet& backends;
  };

  template <typename T>
  using Done = std::function<void(absl::StatusOr<T>)>;

  explicit AttestationCustodian(const Parts& parts) : parts_(parts) {}

  // Attest has the next key of an identity, or else its current one, sign a request, and the device attest it.
  void Attest(const Subject& caller, AttestationOrder order, Done<AttestedKey> done);

  // Activate has the device of a key open a credential; the key of the request is filled in here.
  void Activate(const Subject& caller, const std::string& name, ActivateRequest request, Done<std::string> done);

 private:
  // Subject of the work: a key, and who attests it.
  struct Chosen {
    std::shared_ptr<const Identity> identity;
    const KeyGeneration* generation = nullptr;
    Attester* attester = nullptr;
  };

  absl::StatusOr<Chosen> Choose(const std::string& name) const;
  absl::StatusOr<CertificationRequest> Request(const Chosen& chosen, const AttestationOrder& order) const;
  void SubmitAttest(const Subject& caller, const AttestationOrder& order, Trail trail, Done<AttestedKey> done) const;
  void AttestRequested(const Chosen& chosen, const AttestationOrder& order, const std::string& pem, Trail trail,
                       const Done<AttestedKey>& done) const;
  void SubmitActivate(const Subject& caller, const std::string& name, ActivateRequest request, Trail trail,
                      Done<std::string> done) const;

  const Parts parts_;
};

}  // namespace ddskey

#endif  // DAEMON_CUSTODIAN_ATTESTATION_CUSTODIAN_H_
