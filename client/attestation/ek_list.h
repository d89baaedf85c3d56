#ifndef CLIENT_ATTESTATION_EK_LIST_H_
#define CLIENT_ATTESTATION_EK_LIST_H_

#include <set>
#include <string>
#include <string_view>
#include <utility>

#include "absl/status/status.h"
#include "absl/status/statusor.h"

namespace ddskey::attestation {

// EkList says which TPMs belong to which subjects, so that nobody's genuine TPM gets somebody else's certificate.
class EkList {
 public:
  // Parse reads lines of a digest and a subject: SHA-256 of the DER SubjectPublicKeyInfo of the endorsement key, in
  // hexadecimal, white space, and the subject in the form of RFC 2253 ("CN=talker,O=Lab"). A TPM may have several
  // subjects, and a subject several TPMs. Empty lines, and those that begin with #, are left out. INVALID_ARGUMENT
  // names the line that is none.
  static absl::StatusOr<EkList> Parse(std::string_view text);

  // Check is FAILED_PRECONDITION, which says what to add, unless the TPM (32 octets) belongs to the subject.
  absl::Status Check(std::string_view ek_sha256, std::string_view subject) const;

 private:
  std::set<std::pair<std::string, std::string>> entries_;
};

}  // namespace ddskey::attestation

#endif  // CLIENT_ATTESTATION_EK_LIST_H_
