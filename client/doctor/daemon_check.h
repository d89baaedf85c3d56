#ifndef CLIENT_DOCTOR_DAEMON_CHECK_H_
#define CLIENT_DOCTOR_DAEMON_CHECK_H_

#include <functional>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "client/doctor/finding.h"
#include "ddskey/v1/admin.pb.h"

namespace ddskey::doctor {

// CheckStatus judges what the daemon says of itself: version, clock, policy, backends, keys, and what ends or has
// ended.
void CheckStatus(const v1::GetStatusResponse& status, Findings& findings);

// ProveKeys has the daemon prove the keys of the identity of that name (AdminService.CheckIdentity).
using ProveKeys = std::function<absl::StatusOr<v1::CheckIdentityResponse>(const std::string& name)>;

// CheckKeys has the daemon prove that the keys of `identity`, or of every identity if it is empty, work and fit their
// certificates.
void CheckKeys(const ProveKeys& prove, const std::string& identity, const std::vector<v1::Key>& keys,
               Findings& findings);

}  // namespace ddskey::doctor

#endif  // CLIENT_DOCTOR_DAEMON_CHECK_H_
