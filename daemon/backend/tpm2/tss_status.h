#ifndef DAEMON_BACKEND_TPM2_TSS_STATUS_H_
#define DAEMON_BACKEND_TPM2_TSS_STATUS_H_

#include <tss2/tss2_common.h>

#include <optional>
#include <string_view>

#include "absl/status/status.h"

namespace ddskey::tpm {

// kTssPayload is the type URL under which a Status carries the raw TSS2_RC, as eight hexadecimal digits, for the audit
// log; it never goes over the wire.
inline constexpr char kTssPayload[] = "ddskey/tss2-rc";

// FromTss translates what tpm2-tss returned. The code says what the caller should do next (UNAVAILABLE: again;
// DATA_LOSS: the key is not of this TPM; RESOURCE_EXHAUSTED: the TPM is locked out; FAILED_PRECONDITION: the TPM must
// be set up otherwise; INTERNAL: our fault), the message what was being done, as in "signing with a TPM key", and what
// helps.
absl::Status FromTss(TSS2_RC rc, std::string_view doing);

// RawTss returns the TSS2_RC that a Status carries.
std::optional<TSS2_RC> RawTss(const absl::Status& status);

// TpmCode returns the response code of the TPM itself that `rc` carries, without the number of the handle, parameter or
// session it is about, and without the layer of a resource manager that passed it on; nothing for an error of the
// software in between.
std::optional<TSS2_RC> TpmCode(TSS2_RC rc);

// IsAboutSession tells whether `rc` is what the TPM has against the session of a command, other than that it does not
// authorise it.
bool IsAboutSession(TSS2_RC rc);

// IsAboutHandle tells whether `rc` is that a handle of a command names nothing.
bool IsAboutHandle(TSS2_RC rc);

}  // namespace ddskey::tpm

#endif  // DAEMON_BACKEND_TPM2_TSS_STATUS_H_
