#ifndef DAEMON_BACKEND_PKCS11_HELPER_KEY_MAKING_H_
#define DAEMON_BACKEND_PKCS11_HELPER_KEY_MAKING_H_

#include <string>

#include "absl/status/statusor.h"
#include "daemon/backend/pkcs11/helper/cryptoki.h"
#include "proto/contract/algorithm.h"

namespace ddskey::pkcs11 {

// MadePair are the handles of a new pair.
struct MadePair {
  CK_OBJECT_HANDLE private_key = 0;
  CK_OBJECT_HANDLE public_key = 0;
};

// MakePair makes a pair in the token: private, sensitive, not extractable, for signatures only, and not modifiable and
// for our mechanisms only where the token knows such things. A pair that came out readable is removed at once, and is
// FAILED_PRECONDITION. UNIMPLEMENTED if the token makes no such keys.
absl::StatusOr<MadePair> MakePair(const CK_FUNCTION_LIST& functions, CK_SESSION_HANDLE session, KeyAlgorithm algorithm,
                                  const std::string& id, const std::string& label);

}  // namespace ddskey::pkcs11

#endif  // DAEMON_BACKEND_PKCS11_HELPER_KEY_MAKING_H_
