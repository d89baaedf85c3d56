#ifndef DAEMON_TRUST_PATH_CHECK_H_
#define DAEMON_TRUST_PATH_CHECK_H_

#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/time/time.h"
#include "daemon/trust/certificate.h"
#include "daemon/trust/trust_store.h"

namespace ddskey::trust {

// CheckPath looks for a good path (RFC 5280, 6) from the first of `chain` over the others to an anchor of `trust`.
// PERMISSION_DENIED names the check in brackets, as CertificateValidator does, INTERNAL if it could not be made. What
// is let pass with a warning is added to `warnings`.
absl::Status CheckPath(const std::vector<Certificate>& chain, const TrustStore& trust, absl::Time now,
                       std::vector<std::string>& warnings);

}  // namespace ddskey::trust

#endif  // DAEMON_TRUST_PATH_CHECK_H_
