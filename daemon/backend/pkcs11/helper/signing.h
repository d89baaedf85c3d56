#ifndef DAEMON_BACKEND_PKCS11_HELPER_SIGNING_H_
#define DAEMON_BACKEND_PKCS11_HELPER_SIGNING_H_

#include <string>
#include <string_view>

#include "absl/status/statusor.h"
#include "daemon/backend/pkcs11/helper/cryptoki.h"
#include "proto/contract/signature_scheme.h"

namespace ddskey::pkcs11 {

// SignDigest signs a digest that fits the scheme with a private key: CKM_ECDSA, CKM_RSA_PKCS_PSS, or CKM_RSA_PKCS with
// a DigestInfo. The result is what X.509 carries. DATA_LOSS if the module returned what is no signature.
absl::StatusOr<std::string> SignDigest(const CK_FUNCTION_LIST& functions, CK_SESSION_HANDLE session,
                                       CK_OBJECT_HANDLE key, SignatureScheme scheme, std::string_view digest);

// EcdsaDer is the DER ECDSA-Sig-Value (RFC 3279 2.2.3) of r and s, each half of `raw`, which has at most 132 octets.
std::string EcdsaDer(std::string_view raw);

}  // namespace ddskey::pkcs11

#endif  // DAEMON_BACKEND_PKCS11_HELPER_SIGNING_H_
