#ifndef DAEMON_CUSTODIAN_PARSE_TRUST_H_
#define DAEMON_CUSTODIAN_PARSE_TRUST_H_

#include <memory>

#include "absl/status/statusor.h"
#include "daemon/keystore/key_store.h"
#include "daemon/trust/trust_store.h"

namespace ddskey {

// ParseTrust parses what is stored of an identity's trust, or is to be. Unlike a caller's, it may hold revocation lists
// of intermediate CAs.
absl::StatusOr<std::shared_ptr<const TrustStore>> ParseTrust(const IdentityTrust& trust);

}  // namespace ddskey

#endif  // DAEMON_CUSTODIAN_PARSE_TRUST_H_
