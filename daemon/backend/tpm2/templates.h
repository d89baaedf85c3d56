#ifndef DAEMON_BACKEND_TPM2_TEMPLATES_H_
#define DAEMON_BACKEND_TPM2_TEMPLATES_H_

#include <tss2/tss2_tpm2_types.h>

#include <optional>
#include <string>

#include "absl/status/statusor.h"
#include "daemon/backend/crypto_library.h"
#include "daemon/backend/key_backend.h"
#include "proto/contract/algorithm.h"

namespace ddskey::tpm {

// SrkTemplate is the storage root key on P-256 of the TCG's provisioning guidance (TCG EK Credential Profile, template
// L-2, with the attributes of a storage root): every program that follows it derives the same key from a TPM's seed.
TPM2B_PUBLIC SrkTemplate();

// KeyTemplate is what this daemon asks of the TPM for a key: it signs only, was made in the TPM, can never leave it or
// its parent, and neither needs nor feeds the TPM's lockout. The scheme is null, so that each signature chooses it.
//
// The purpose (S-1) is the key's policy digest: SHA-256 of a label, which no policy session can reach. It authorises
// nothing, but is part of the key's name, so the TPM loads no key under another purpose, and an attestation shows it.
TPM2B_PUBLIC KeyTemplate(KeyAlgorithm algorithm, KeyPurpose purpose);

// IsFromTemplate tells whether `key` is KeyTemplate(algorithm, purpose) but for the public key itself.
bool IsFromTemplate(const TPM2B_PUBLIC& key, KeyAlgorithm algorithm, KeyPurpose purpose);

// BoundKeyTemplate is KeyTemplate for a key that signs by `policy` only (see KeyPolicy), of which the purpose is a
// part.
TPM2B_PUBLIC BoundKeyTemplate(KeyAlgorithm algorithm, const TPM2B_DIGEST& policy);

// IsFromBoundTemplate tells whether `key` is BoundKeyTemplate(algorithm, policy) but for the public key itself.
bool IsFromBoundTemplate(const TPM2B_PUBLIC& key, KeyAlgorithm algorithm, const TPM2B_DIGEST& policy);

// IsUsableParent tells whether a key of somebody else's making can be our keys' parent: a storage key that never leaves
// this TPM and does not feed its lockout, on P-256 or P-384 or RSA with the usual exponent, with a name of SHA-2.
bool IsUsableParent(const TPM2B_PUBLIC& key);

// PublicKeyInfo is the DER SubjectPublicKeyInfo of a key in the TPM.
absl::StatusOr<std::string> PublicKeyInfo(const CryptoLibrary& library, const TPM2B_PUBLIC& key);

// SchemeOf is how the TPM calls a scheme.
TPMT_SIG_SCHEME SchemeOf(SignatureScheme scheme);

// ToSignature turns the TPM's signature into what X.509 carries, or nothing if it is not one of `scheme`.
std::optional<Signature> ToSignature(const TPMT_SIGNATURE& signature, SignatureScheme scheme);

}  // namespace ddskey::tpm

#endif  // DAEMON_BACKEND_TPM2_TEMPLATES_H_
