#ifndef CLIENT_ATTESTATION_TPM_STRUCTURES_H_
#define CLIENT_ATTESTATION_TPM_STRUCTURES_H_

#include <tss2/tss2_tpm2_types.h>

#include <cstdint>
#include <string>
#include <string_view>

#include "absl/status/statusor.h"
#include "client/ca/openssl.h"

namespace ddskey::attestation {

// ParsePublic, ParseAttest and ParseSignature read what a TPM has marshalled, from anybody. INVALID_ARGUMENT, which
// says what it should be (`what`, as in "the endorsement key"), unless `octets` is one such structure in the only form
// that it has, and nothing else.
absl::StatusOr<TPMT_PUBLIC> ParsePublic(std::string_view octets, std::string_view what);
absl::StatusOr<TPMS_ATTEST> ParseAttest(std::string_view octets, std::string_view what);
absl::StatusOr<TPMT_SIGNATURE> ParseSignature(std::string_view octets, std::string_view what);

// MarshalPublic and MarshalPoint write such structures; empty for one that has no form.
std::string MarshalPublic(const TPMT_PUBLIC& area);
std::string MarshalPoint(const TPMS_ECC_POINT& point);

// NameOf is the Name of a key whose name algorithm is SHA-256 (TPM 2.0 Part 1, 16).
std::string NameOf(const TPMT_PUBLIC& area);

// KeyOf is the public key itself: EC on P-256 or P-384, or RSA with the usual exponent. INVALID_ARGUMENT if it is none.
absl::StatusOr<ca::OpensslPtr<EVP_PKEY>> KeyOf(const TPMT_PUBLIC& area, std::string_view what);

// KeyDigest is SHA-256 of the DER SubjectPublicKeyInfo of a key.
std::string KeyDigest(const EVP_PKEY* key);

// Sha256 is SHA-256.
std::string Sha256(std::string_view octets);

// Text is what a sized buffer of the TPM holds.
template <typename Buffer>
std::string_view Text(const Buffer& buffer) {
  return {reinterpret_cast<const char*>(buffer.buffer), buffer.size};
}

}  // namespace ddskey::attestation

#endif  // CLIENT_ATTESTATION_TPM_STRUCTURES_H_
