#ifndef DAEMON_TRUST_KEY_RULES_H_
#define DAEMON_TRUST_KEY_RULES_H_

#include "absl/status/status.h"
#include "daemon/trust/certificate.h"

namespace ddskey::trust {

// CheckParticipantKey accepts what a participant may authenticate with: EC P-256 or P-384 on the named curve, or RSA of
// 2048 to 4096 bits with an odd exponent from 65537 to 2^33 (S-13). INVALID_ARGUMENT says what the key of `certificate`
// is.
absl::Status CheckParticipantKey(const Certificate& certificate);

// CheckAuthorityKey accepts what an anchor or intermediate may sign with: as above, and EC P-521.
absl::Status CheckAuthorityKey(const Certificate& certificate);

}  // namespace ddskey::trust

#endif  // DAEMON_TRUST_KEY_RULES_H_
