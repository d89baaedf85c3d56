#ifndef DAEMON_BACKEND_PKCS11_HELPER_CKR_H_
#define DAEMON_BACKEND_PKCS11_HELPER_CKR_H_

#include <string>

#include "absl/status/status.h"
#include "daemon/backend/pkcs11/helper/cryptoki.h"

namespace ddskey::pkcs11 {

// kLost is the type URL of a payload of an UNAVAILABLE: the token went, or forgot who was logged in, and must be opened
// anew.
inline constexpr char kLost[] = "ddskey/token-lost";

// FromCkr is what a return value of the module means to whoever asked, chosen by what to do next, with a sentence that
// says what was being done. OK for CKR_OK. The payload kPinRefused is in what concerns the PIN.
absl::Status FromCkr(CK_RV value, const char* doing);

// CkrOf is the value of which FromCkr made `status`; CKR_OK if it was made otherwise.
CK_RV CkrOf(const absl::Status& status);

// Lost is UNAVAILABLE with kLost. IsLost recognises it.
absl::Status Lost(const std::string& message);
bool IsLost(const absl::Status& status);

// IsSessionGone is whether a value means that the session is of no use, and another one may be.
bool IsSessionGone(CK_RV value);

// IsHandleStale is whether a value means that an object is not, or no longer, what its handle said.
bool IsHandleStale(CK_RV value);

// MeansTemplate is whether a value means that the token takes no such template: one with less in it may do.
bool MeansTemplate(CK_RV value);

}  // namespace ddskey::pkcs11

#endif  // DAEMON_BACKEND_PKCS11_HELPER_CKR_H_
