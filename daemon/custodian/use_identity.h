#ifndef DAEMON_CUSTODIAN_USE_IDENTITY_H_
#define DAEMON_CUSTODIAN_USE_IDENTITY_H_

#include <memory>
#include <string>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "daemon/custodian/authorizer.h"
#include "daemon/keystore/key_store.h"
#include "policy/policy.h"
#include "proto/contract/algorithm.h"

namespace ddskey {

// NotPermitted is what a caller is told of a key it may not use, and of one that does not exist.
absl::Status NotPermitted();

// FindPermitted finds the key that `caller` may do `action` with by policy, if it was made for `purpose` (S-1) and is
// in use. Else NotPermitted; the trail is told why, and in any case what decided.
absl::StatusOr<std::shared_ptr<const Identity>> FindPermitted(const Authorizer& authorizer, const KeyStore& keys,
                                                              const Subject& caller, Action action,
                                                              const std::string& key_name, KeyPurpose purpose,
                                                              Trail& trail);

// StillServed is whether an identity that something was begun with is still in use when it ends.
absl::Status StillServed(const KeyStore& keys, const Identity& identity, Trail& trail);

}  // namespace ddskey

#endif  // DAEMON_CUSTODIAN_USE_IDENTITY_H_
