#ifndef DAEMON_BACKEND_TPM2_IMPORT_WRAPPING_H_
#define DAEMON_BACKEND_TPM2_IMPORT_WRAPPING_H_

#include <tss2/tss2_tpm2_types.h>

#include "absl/status/statusor.h"
#include "daemon/backend/crypto_library.h"
#include "daemon/backend/private_key.h"
#include "proto/contract/algorithm.h"
#include "proto/contract/secret_bytes.h"

namespace ddskey::tpm {

// ImportTemplate is KeyTemplate for a private key that was made elsewhere: the TPM knows that it did not make it, and
// an attestation shows that. It may leave its parent with a policy session for duplication only, and there is none for
// its policy digest.
TPM2B_PUBLIC ImportTemplate(KeyAlgorithm algorithm, KeyPurpose purpose);

// IsFromImportTemplate tells whether `key` is ImportTemplate(algorithm, purpose) but for the public key itself.
bool IsFromImportTemplate(const TPM2B_PUBLIC& key, KeyAlgorithm algorithm, KeyPurpose purpose);

// WrappedKey is what TPM2_Import takes: the private part in an inner wrapper (TPM 2.0 Part 1, 23.3.2.3) under a fresh
// key, `symmetric`, which is its first parameter and so can be encrypted by a session. Erased at the end.
struct WrappedKey {
  TPM2B_PUBLIC public_area = {};
  TPMT_SYM_DEF_OBJECT algorithm = {};
  TPM2B_DATA symmetric = {};
  TPM2B_PRIVATE duplicate = {};

  WrappedKey() = default;
  ~WrappedKey();
  WrappedKey(WrappedKey&& other) noexcept;
  WrappedKey& operator=(WrappedKey&&) = delete;
};

// WrapForImport wraps `key` with the authorisation value `auth`, empty if null.
absl::StatusOr<WrappedKey> WrapForImport(const CryptoLibrary& library, const PrivateKey& key, KeyPurpose purpose,
                                         const SecretBytes* auth);

}  // namespace ddskey::tpm

#endif  // DAEMON_BACKEND_TPM2_IMPORT_WRAPPING_H_
