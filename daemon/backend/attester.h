#ifndef DAEMON_BACKEND_ATTESTER_H_
#define DAEMON_BACKEND_ATTESTER_H_

#include <cstdint>
#include <functional>
#include <string>
#include <utility>
#include <vector>

#include "absl/status/statusor.h"
#include "daemon/backend/key_backend.h"

namespace ddskey {

// EndorsementKind is which of a TPM's endorsement keys is meant (TCG EK Credential Profile).
enum class EndorsementKind {
  // The one whose certificate the TPM has, EC before RSA; EC if it has none.
  kAny,
  // Template L-1.
  kRsa2048,
  // Template L-2.
  kEcP256,
};

// Attestation is what a device says: the fields of AttestationBundle (attestation.proto).
struct Attestation {
  std::vector<std::string> ek_certificates;
  std::string ek_public;
  std::string ak_public;
  std::string key_public;
  std::string certify_info;
  std::string certify_signature;
  std::string quote_info;
  std::string quote_signature;
  std::vector<std::pair<uint32_t, std::string>> pcrs;
};

// ActivatedSecret is what was in a credential, 1 to 32 octets.
struct ActivatedSecret {
  std::string octets;
};

// AttestRequest asks a device to say that `key` is in it.
struct AttestRequest {
  using Done = std::function<void(absl::StatusOr<Attestation>)>;
  SealedKey key;
  // As in AttestationBinding.
  std::string nonce;
  std::string identity;
  std::string csr_sha256;
  // Platform configuration registers to quote, each once, by index.
  std::vector<uint32_t> pcrs;
  EndorsementKind endorsement = EndorsementKind::kAny;
};

// ActivateRequest asks a device to open what was encrypted to its endorsement key, for its attestation key.
struct ActivateRequest {
  using Done = std::function<void(absl::StatusOr<ActivatedSecret>)>;
  // Any key in it.
  SealedKey key;
  // As in WrappedDocument (attestation.proto).
  std::string ek_sha256;
  std::string ak_name;
  std::string credential;
  std::string encrypted_seed;
};

// Attester is a KeyBackend whose device can prove to others that a key is in it. What is said there of completions
// holds here. Thread-safe.
class Attester {
 public:
  using AttestDone = AttestRequest::Done;
  using ActivateDone = ActivateRequest::Done;

  virtual ~Attester() = default;

  // SubmitAttest has the device say that a key is in it. FAILED_PRECONDITION if it does not let its endorsement or
  // attestation key be used; DATA_LOSS as of SubmitSign.
  virtual KeyBackend::WorkId SubmitAttest(AttestRequest request, WorkOptions options, AttestDone done) = 0;

  // SubmitActivate opens a credential. FAILED_PRECONDITION if it is for another endorsement or
  // attestation key, or altered; INVALID_ARGUMENT if it is none.
  virtual KeyBackend::WorkId SubmitActivate(ActivateRequest request, WorkOptions options, ActivateDone done) = 0;
};

}  // namespace ddskey

#endif  // DAEMON_BACKEND_ATTESTER_H_
