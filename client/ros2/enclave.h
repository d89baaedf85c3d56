#ifndef CLIENT_ROS2_ENCLAVE_H_
#define CLIENT_ROS2_ENCLAVE_H_

#include <set>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/time/time.h"

namespace ddskey::ros2 {

// Documents are the public ones of an enclave, as they are in its files.
struct Documents {
  // cert.pem, identity_ca.cert.pem, permissions_ca.cert.pem: PEM.
  std::string certificate;
  std::string identity_ca;
  std::string permissions_ca;
  // governance.p7s, permissions.p7s: S/MIME.
  std::string governance;
  std::string permissions;
  // crl.pem, which few have; may be empty.
  std::string revocation_lists;
};

// Enclave is what is known of an enclave whose documents are good and belong together.
struct Enclave {
  // Of its certificate: RFC 2253 text, and its attributes in order, type and value.
  std::string subject;
  std::vector<std::pair<std::string, std::string>> attributes;
  // DER SubjectPublicKeyInfo of its certificate.
  std::string public_key;
  // SHA-256 in hexadecimal, as in admin.proto: of the certificate and each identity CA (DER), and of the permissions.
  std::string certificate;
  std::set<std::string> anchors;
  std::string permissions;
  // Worth knowing, and no reason to stop.
  std::vector<std::string> warnings;
};

// VerifyEnclave sees that `documents` are good now: the certificate is one of the identity CA, the governance and the
// permissions are signed by the permissions CA, and the permissions have a grant for the certificate's subject that is
// valid now. FAILED_PRECONDITION or INVALID_ARGUMENT name the file and what is wrong. One key that is both CAs is
// refused unless `allow_one_ca`.
absl::StatusOr<Enclave> VerifyEnclave(const Documents& documents, bool allow_one_ca, absl::Time now);

// VerifyCertificate sees that `certificate` (PEM, intermediates after it) is for `public_key` (DER
// SubjectPublicKeyInfo) and the subject of `enclave`, chains to `identity_ca` and is valid now; `what` names it in
// errors.
absl::Status VerifyCertificate(std::string_view certificate, const std::string& what, const std::string& public_key,
                               const Enclave& enclave, std::string_view identity_ca, absl::Time now);

// PublicKeyOf is the DER SubjectPublicKeyInfo of a PEM public key, or of a PKCS#8 private key in DER. INVALID_ARGUMENT
// if it is none.
absl::StatusOr<std::string> PublicKeyOfPem(std::string_view public_key);
absl::StatusOr<std::string> PublicKeyOfPrivate(std::string_view pkcs8);

// NameFor is the name that an identity with the attributes of a subject gets if nobody says another: the common name,
// in which "." stands for "/" and "-" for what else cannot be in a key's name. INVALID_ARGUMENT if nothing is left of
// it.
absl::StatusOr<std::string> NameFor(const Enclave& enclave);

}  // namespace ddskey::ros2

#endif  // CLIENT_ROS2_ENCLAVE_H_
