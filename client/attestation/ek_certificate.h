#ifndef CLIENT_ATTESTATION_EK_CERTIFICATE_H_
#define CLIENT_ATTESTATION_EK_CERTIFICATE_H_

#include <string>
#include <string_view>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "client/ca/openssl.h"

namespace ddskey::attestation {

// EkTrust is whose endorsement certificates are believed.
struct EkTrust {
  // PEM certificates that are trusted as they are: roots of TPM manufacturers, or CAs below them.
  std::string roots;
  // PEM; if there are any, that of the certificate's issuer must be among them.
  std::string revocation_lists;
};

// VerifyEkCertificate verifies the path of the first of `certificates` (DER), with the others on it, at the time `now`;
// it returns the key. FAILED_PRECONDITION says what is wrong: no certificate, no path to one of the roots, revoked, not
// valid now, or issued for something else than an endorsement key; INVALID_ARGUMENT for what cannot be read.
absl::StatusOr<ca::OpensslPtr<EVP_PKEY>> VerifyEkCertificate(const std::vector<std::string>& certificates,
                                                             const EkTrust& trust, absl::Time now);

}  // namespace ddskey::attestation

#endif  // CLIENT_ATTESTATION_EK_CERTIFICATE_H_
