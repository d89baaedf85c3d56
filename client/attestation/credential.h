#ifndef CLIENT_ATTESTATION_CREDENTIAL_H_
#define CLIENT_ATTESTATION_CREDENTIAL_H_

#include <string>
#include <string_view>

#include "absl/status/statusor.h"
#include "client/ca/openssl.h"

namespace ddskey::attestation {

// Credential is a secret that only one TPM opens, and only while an object of a certain Name is loaded in it: what
// TPM2_MakeCredential makes (TPM 2.0 Part 1, 24), here without a TPM. The names are those of WrappedDocument.
struct Credential {
  std::string credential;
  std::string encrypted_seed;
};

// MakeCredential encrypts `secret`, 1 to 32 octets, to the endorsement key `ek` of template L-1 or L-2 for the object
// of the Name `name`. Why nobody else can open it: the seed, from which the key that encrypts the secret is derived, is
// encrypted to `ek`; and that key is derived from the seed and the Name, so that the TPM, which derives it from the
// Name of what is loaded in it, gets another one for another object.
absl::StatusOr<Credential> MakeCredential(EVP_PKEY* ek, std::string_view name, std::string_view secret);

// Kdfa is KDFa with SHA-256 (TPM 2.0 Part 1, 11.4.10.2), `size` octets.
absl::StatusOr<std::string> Kdfa(std::string_view key, std::string_view label, std::string_view context, size_t size);

// Kdfe is KDFe with SHA-256 (11.4.10.3) for the label "IDENTITY", 32 octets; the parties are x coordinates.
absl::StatusOr<std::string> Kdfe(std::string_view z, std::string_view party_u, std::string_view party_v);

}  // namespace ddskey::attestation

#endif  // CLIENT_ATTESTATION_CREDENTIAL_H_
