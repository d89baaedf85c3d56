#ifndef PROTO_CONTRACT_ATTESTATION_BINDING_H_
#define PROTO_CONTRACT_ATTESTATION_BINDING_H_

#include <cstddef>
#include <string>

namespace ddskey {

// kAttestationNonce is how many octets a CA's nonce has.
inline constexpr size_t kAttestationNonce = 32;

// AttestationBinding is what an attestation is about (S-11).
struct AttestationBinding {
  // The CA's.
  std::string nonce;
  // Name of the key on its host.
  std::string identity;
  // SHA-256 of the DER certification request.
  std::string csr_sha256;
  // SHA-256 of the DER SubjectPublicKeyInfo of the TPM's endorsement key.
  std::string ek_sha256;
  // Name of the attestation key (TPM 2.0 Part 1, 16).
  std::string ak_name;
};

// BindingOctets is what is hashed into the extraData of an attestation; AttestationBundle in attestation.proto has the
// form. No two bindings have the same octets.
std::string BindingOctets(const AttestationBinding& binding);

}  // namespace ddskey

#endif  // PROTO_CONTRACT_ATTESTATION_BINDING_H_
