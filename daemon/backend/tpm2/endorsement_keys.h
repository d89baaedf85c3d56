#ifndef DAEMON_BACKEND_TPM2_ENDORSEMENT_KEYS_H_
#define DAEMON_BACKEND_TPM2_ENDORSEMENT_KEYS_H_

#include <tss2/tss2_tpm2_types.h>

#include <functional>
#include <optional>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "daemon/backend/attester.h"
#include "daemon/backend/crypto_library.h"
#include "daemon/backend/tpm2/tpm_channel.h"
#include "proto/contract/secret_bytes.h"

namespace ddskey::tpm {

// EndorsementTemplate is template L-1 or L-2 of the TCG EK Credential Profile, 2.2.1.5: a storage key that is used with
// PolicySecret(TPM_RH_ENDORSEMENT). `kind` is not kAny.
TPM2B_PUBLIC EndorsementTemplate(EndorsementKind kind);

// AttestationTemplate is the attestation key: on P-256, it signs only what the TPM itself says (restricted), was made
// in it and never leaves it.
TPM2B_PUBLIC AttestationTemplate();

// EndorsementKeys are the keys of a TPM's endorsement hierarchy: the endorsement keys, which its manufacturer
// certified, and our attestation key. All are derived from the hierarchy's seed, always the same ones, so none is
// stored and none can be lost; an endorsement key that is persistent where the TCG has a handle for it is used instead.
// For one thread.
class EndorsementKeys {
 public:
  // Protect does a command in the TPM's session.
  using Protect = std::function<absl::Status(const TpmChannel::Call&)>;

  // Key is one that is in the TPM.
  struct Key {
    TPM2_HANDLE handle = 0;
    TPM2B_NAME name = {};
    TPM2B_PUBLIC public_area = {};

    // IsTransient tells whether it takes a place that must be flushed.
    bool IsTransient() const { return handle >= TPM2_TRANSIENT_FIRST && handle <= TPM2_TRANSIENT_LAST; }
  };

  // `auth` is the authorisation value of the endorsement hierarchy; nothing if it is empty. It is not tried again once
  // the TPM refused it.
  EndorsementKeys(const CryptoLibrary& library, std::optional<SecretBytes> auth)
      : library_(library), auth_(std::move(auth)) {}

  // Endorsement finds or derives an endorsement key.
  absl::StatusOr<Key> Endorsement(TpmChannel& channel, const Protect& protect, EndorsementKind kind);

  // AttestationKey derives the attestation key, whose authorisation value is empty.
  absl::StatusOr<Key> AttestationKey(const Protect& protect);

  // Authorize makes `policy` fulfil the policy of endorsement keys.
  absl::Status Authorize(const Protect& protect, TPMI_SH_POLICY policy);

 private:
  absl::StatusOr<Key> Derive(const Protect& protect, const TPM2B_PUBLIC& area, const char* doing);
  absl::Status InHierarchy(const Protect& protect, const TpmChannel::Call& call);

  const CryptoLibrary& library_;
  const std::optional<SecretBytes> auth_;
  bool refused_ = false;
};

}  // namespace ddskey::tpm

#endif  // DAEMON_BACKEND_TPM2_ENDORSEMENT_KEYS_H_
