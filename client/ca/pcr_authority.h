#ifndef CLIENT_CA_PCR_AUTHORITY_H_
#define CLIENT_CA_PCR_AUTHORITY_H_

#include <string>
#include <string_view>

#include "absl/status/statusor.h"
#include "proto/contract/pcr_binding.h"
#include "proto/contract/pcr_policy.h"
#include "proto/contract/secret_bytes.h"

namespace ddskey::ca {

// An authority approves values of TPM registers with an ordinary key pair; it needs no TPM and no folder.

// ReadPublicKey reads a public key (PEM, one block) and returns it in DER. INVALID_ARGUMENT if there is none, or if it
// is a private one.
absl::StatusOr<std::string> ReadPublicKey(std::string_view pem);

// IsEncrypted tells whether a private key (PEM) needs a passphrase.
bool IsEncrypted(std::string_view pem);

// SignedApproval is an approval and who made it.
struct SignedApproval {
  PcrApproval approval;
  // DER SubjectPublicKeyInfo.
  std::string authority;
};

// Approve signs with the private key `pem`; `passphrase` is null if it is not encrypted. PERMISSION_DENIED if it does
// not open, INVALID_ARGUMENT if it is none.
absl::StatusOr<SignedApproval> Approve(std::string_view pem, const SecretBytes* passphrase, const PcrValues& values,
                                       const std::string& label);

}  // namespace ddskey::ca

#endif  // CLIENT_CA_PCR_AUTHORITY_H_
