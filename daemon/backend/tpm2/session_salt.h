#ifndef DAEMON_BACKEND_TPM2_SESSION_SALT_H_
#define DAEMON_BACKEND_TPM2_SESSION_SALT_H_

#include <tss2/tss2_tpm2_types.h>

#include "absl/status/statusor.h"
#include "daemon/backend/crypto_library.h"
#include "proto/contract/secret_bytes.h"

namespace ddskey::tpm {

// SessionSalt is a fresh secret that only the TPM with a certain storage key can read.
struct SessionSalt {
  SecretBytes value;
  TPM2B_ENCRYPTED_SECRET encrypted = {};
};

// NameOf computes the Name of a public area (TPM 2.0 Part 1, 16); the TPM's own word for it is not asked.
// UNIMPLEMENTED for name algorithms other than SHA-256, SHA-384 and SHA-512.
absl::StatusOr<TPM2B_NAME> NameOf(const CryptoLibrary& library, const TPM2B_PUBLIC& key);

// MakeSalt makes a salt for the storage key `key` (TPM 2.0 Part 1, B.10.2 and C.6.1), which is RSA or on a curve that
// PublicKeyInfo knows. Whether `key` is the TPM's is the caller's to verify, by its Name.
absl::StatusOr<SessionSalt> MakeSalt(const CryptoLibrary& library, const TPM2B_PUBLIC& key);

// Kdfe is KDFe (TPM 2.0 Part 1, 11.4.10.3) for the label "SECRET", with as many bits as `hash_name` has.
absl::StatusOr<SecretBytes> Kdfe(const CryptoLibrary& library, const char* hash_name, const SecretBytes& z,
                                 const TPM2B_ECC_PARAMETER& party_u, const TPM2B_ECC_PARAMETER& party_v);

}  // namespace ddskey::tpm

#endif  // DAEMON_BACKEND_TPM2_SESSION_SALT_H_
