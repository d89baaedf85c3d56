#ifndef DAEMON_TRUST_PATH_CHECK_H_
#define DAEMON_TRUST_PATH_CHECK_H_

#include <optional>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/time/time.h"
#include "daemon/trust/certificate.h"
#include "daemon/trust/trust_store.h"

namespace ddskey::trust {

// PathResult is what became of the search for a good path.
struct PathResult {
  // PERMISSION_DENIED names the check in brackets, as CertificateValidator does; INTERNAL if it could not be made.
  absl::Status status;
  // Of a good path: a refusal if no revocation list that is up to date speaks of the leaf, when one must (see
  // RevocationFindings); the certificate of the leaf's issuer; what was let pass with a warning.
  absl::Status unanswered;
  std::optional<Certificate> issuer;
  std::vector<std::string> warnings;
};

// CheckPath looks for a good path (RFC 5280, 6) from the first of `chain` over the others to an anchor of `trust`.
PathResult CheckPath(const std::vector<Certificate>& chain, const TrustStore& trust, absl::Time now);

}  // namespace ddskey::trust

#endif  // DAEMON_TRUST_PATH_CHECK_H_
