#ifndef DAEMON_TRUST_VALID_CERTIFICATE_H_
#define DAEMON_TRUST_VALID_CERTIFICATE_H_

#include <string>
#include <utility>
#include <vector>

#include "daemon/trust/certificate.h"

namespace ddskey {

// ValidCertificate is a certificate that was found good, and what was to be said about it nevertheless. Immutable and
// thread-safe.
class ValidCertificate : public Certificate {
 public:
  explicit ValidCertificate(Certificate certificate, std::vector<std::string> warnings = {})
      : Certificate(std::move(certificate)), warnings_(std::move(warnings)) {}

  // warnings are what would have refused it under stricter options: each begins with the check in brackets, names the
  // subject, and can be printed.
  const std::vector<std::string>& warnings() const { return warnings_; }

 private:
  const std::vector<std::string> warnings_;
};

}  // namespace ddskey

#endif  // DAEMON_TRUST_VALID_CERTIFICATE_H_
