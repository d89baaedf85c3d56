#ifndef DAEMON_TRUST_TOKEN_FORMS_H_
#define DAEMON_TRUST_TOKEN_FORMS_H_

#include <string>
#include <string_view>

#include "absl/status/statusor.h"
#include "daemon/trust/certificate.h"

namespace ddskey {

// PublicKeyParts is a public key as PKCS#11 shows it (PKCS #11 2.40, 2.1 and 2.3); either the first two or the others.
struct PublicKeyParts {
  // DER of the curve's object identifier, and of an OCTET STRING with the uncompressed point.
  std::string ec_params;
  std::string ec_point;
  // Big-endian, without leading zeros.
  std::string modulus;
  std::string public_exponent;
};

// SplitPublicKey takes a DER SubjectPublicKeyInfo apart. INVALID_ARGUMENT unless it is of an EC key on a named curve or
// of an RSA key.
absl::StatusOr<PublicKeyParts> SplitPublicKey(std::string_view public_key);

// CertificateParts is a certificate as PKCS#11 shows it, all DER.
struct CertificateParts {
  std::string certificate;
  std::string subject;
  std::string issuer;
  std::string serial_number;
};

CertificateParts SplitCertificate(const Certificate& certificate);

// RawEcdsa turns a DER ECDSA-Sig-Value into r and s of `size` octets each, one behind the other. INTERNAL if it is
// none, or larger.
absl::StatusOr<std::string> RawEcdsa(std::string_view signature, size_t size);

}  // namespace ddskey

#endif  // DAEMON_TRUST_TOKEN_FORMS_H_
