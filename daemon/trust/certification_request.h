#ifndef DAEMON_TRUST_CERTIFICATION_REQUEST_H_
#define DAEMON_TRUST_CERTIFICATION_REQUEST_H_

#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "absl/status/statusor.h"
#include "proto/contract/algorithm.h"

namespace ddskey {

// CertificationRequest is a PKCS#10 request (RFC 2986) on its way: built here, signed by a device, then finished.
class CertificationRequest {
 public:
  // Build makes the CertificationRequestInfo for `public_key` (DER SubjectPublicKeyInfo). `subject` holds pairs of
  // attribute type (C, ST, L, O, OU, CN, serialNumber, emailAddress, DC, UID) and value, 1 to 16 of 1 to 64 characters
  // of UTF-8; `key_usage` holds RFC 5280 names, "digitalSignature" if empty. INVALID_ARGUMENT names what is wrong.
  static absl::StatusOr<CertificationRequest> Build(KeyAlgorithm algorithm, std::string_view public_key,
                                                    const std::vector<std::pair<std::string, std::string>>& subject,
                                                    const std::vector<std::string>& key_usage);

  // BuildFor makes the same for a subject as a certificate has it: `subject_der` is the DER of a Name.
  static absl::StatusOr<CertificationRequest> BuildFor(KeyAlgorithm algorithm, std::string_view public_key,
                                                       std::string_view subject_der,
                                                       const std::vector<std::string>& key_usage);

  // to_be_signed is the DER CertificationRequestInfo: signed with ECDSA-SHA256, or with RSA PKCS#1 v1.5 and SHA-256,
  // which every CA takes. The signature is over SHA-256 of these octets.
  const std::string& to_be_signed() const { return to_be_signed_; }

  // Finish returns the PEM request, or INTERNAL if `signature` does not verify.
  absl::StatusOr<std::string> Finish(std::string_view signature) const;

 private:
  CertificationRequest(KeyAlgorithm algorithm, std::string to_be_signed)
      : algorithm_(algorithm), to_be_signed_(std::move(to_be_signed)) {}

  KeyAlgorithm algorithm_;
  std::string to_be_signed_;
};

}  // namespace ddskey

#endif  // DAEMON_TRUST_CERTIFICATION_REQUEST_H_
