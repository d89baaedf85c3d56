#ifndef DAEMON_CUSTODIAN_PARSE_TRUST_H_
#define DAEMON_CUSTODIAN_PARSE_TRUST_H_

#include <memory>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "daemon/custodian/file_lists.h"
#include "daemon/keystore/key_store.h"
#include "daemon/trust/revocation_list.h"
#include "daemon/trust/trust_store.h"

namespace ddskey {

// ParseTrust parses what is stored of an identity's trust, or is to be. Unlike a caller's, it may hold revocation lists
// of intermediate CAs.
absl::StatusOr<std::shared_ptr<const TrustStore>> ParseTrust(const IdentityTrust& trust);

// ParseLists parses the revocation lists of `trust`.
absl::StatusOr<std::vector<RevocationList>> ParseLists(const IdentityTrust& trust);

// MakeTrust is ParseTrust with `lists` instead of those of `trust`.
absl::StatusOr<std::shared_ptr<const TrustStore>> MakeTrust(const IdentityTrust& trust,
                                                            const std::vector<RevocationList>& lists);

// TrustInForce is ParseTrust with the lists of files as well that the peers of the key `name` are held to; `files` may
// be null.
absl::StatusOr<std::shared_ptr<const TrustStore>> TrustInForce(const IdentityTrust& trust, const std::string& name,
                                                               const FileLists* files);

}  // namespace ddskey

#endif  // DAEMON_CUSTODIAN_PARSE_TRUST_H_
