#ifndef DAEMON_BACKEND_KEY_WORK_H_
#define DAEMON_BACKEND_KEY_WORK_H_

#include <chrono>
#include <memory>
#include <optional>
#include <string>
#include <variant>

#include "absl/status/status.h"
#include "daemon/backend/attester.h"
#include "daemon/backend/key_backend.h"
#include "proto/contract/algorithm.h"
#include "proto/contract/auth_kind.h"
#include "proto/contract/pcr_binding.h"
#include "proto/contract/secret_bytes.h"

namespace ddskey {

// CreateRequest asks a device for a new key.
struct CreateRequest {
  using Done = KeyBackend::CreateDone;
  KeyAlgorithm algorithm = KeyAlgorithm::kEcP256;
  KeyPurpose purpose = KeyPurpose::kHandshake;
  // For a key that is bound to registers.
  std::optional<PcrTerms> terms = std::nullopt;
};

// ApproveRequest asks a device to check an approval for a key.
struct ApproveRequest {
  using Done = KeyBackend::CreateDone;
  SealedKey key;
  PcrApproval approval;
};

// UnlockRequest gives a device an authorisation value.
struct UnlockRequest {
  using Done = KeyBackend::UnlockDone;
  AuthKind kind = AuthKind::kOwner;
  std::shared_ptr<const SecretBytes> value;
};

// ImportRequest asks a device to take a key that was made elsewhere.
struct ImportRequest {
  using Done = KeyBackend::CreateDone;
  ForeignKey key;
  KeyPurpose purpose = KeyPurpose::kHandshake;
};

// ExportRequest asks a device for a key file.
struct ExportRequest {
  using Done = KeyBackend::ExportDone;
  SealedKey key;
  std::shared_ptr<const SecretBytes> auth;
};

// SignRequest asks a device for a signature.
struct SignRequest {
  using Done = KeyBackend::SignDone;
  SealedKey key;
  SignatureScheme scheme = SignatureScheme::kEcdsaSha256;
  std::string digest;
};

// KeyRequest is what can be asked of a device; `Done` of each is whom to tell.
using KeyRequest = std::variant<CreateRequest, SignRequest, ImportRequest, ExportRequest, AttestRequest,
                                ActivateRequest, ApproveRequest, UnlockRequest>;

// KeyDone is whom to tell of any of them; it fits the request.
using KeyDone = std::variant<KeyBackend::CreateDone, KeyBackend::SignDone, KeyBackend::ExportDone, Attester::AttestDone,
                             Attester::ActivateDone, KeyBackend::UnlockDone>;

// Refuse calls `done` with `status`, which is an error.
void Refuse(const KeyDone& done, const absl::Status& status);

// CheckCreate is the part of SubmitCreate's contract that needs no device: UNIMPLEMENTED for keys that no backend of
// this version makes.
absl::Status CheckCreate(const CreateRequest& request);

// CheckImport is the part of SubmitImport's contract that needs no device: INVALID_ARGUMENT unless the key comes in one
// form and is not too large; as CheckCreate for the purpose.
absl::Status CheckImport(const ImportRequest& request);

// CheckExport is the part of SubmitExport's contract that needs no device: INVALID_ARGUMENT for an authorisation value
// that is too short or too long.
absl::Status CheckExport(const ExportRequest& request);

// CheckOptions is what no work may do without: INVALID_ARGUMENT for a fairness id or group of over 64 octets,
// DEADLINE_EXCEEDED if the deadline is not after `now`.
absl::Status CheckOptions(const WorkOptions& options, std::chrono::steady_clock::time_point now);

// CheckSign is the part of SubmitSign's contract that needs no device: INVALID_ARGUMENT unless the digest is as long
// as the scheme's and the scheme fits the key.
absl::Status CheckSign(const SignRequest& request);

// CheckAttest and CheckActivate are the parts of the contract of Attester that need no device: INVALID_ARGUMENT for
// fields that are too long, and for registers that there are not.
absl::Status CheckAttest(const AttestRequest& request);
absl::Status CheckActivate(const ActivateRequest& request);

}  // namespace ddskey

#endif  // DAEMON_BACKEND_KEY_WORK_H_
