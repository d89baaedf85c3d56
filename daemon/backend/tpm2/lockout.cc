#include "daemon/backend/tpm2/lockout.h"

#include <algorithm>
#include <span>

#include "absl/status/status.h"
#include "absl/strings/str_cat.h"
#include "daemon/backend/tpm2/tss_status.h"
#include "proto/contract/status_macros.h"

namespace ddskey::tpm {
namespace {

// FreeIn is when the TPM will take guesses again.
std::string FreeIn(const Lockout& lockout) {
  if (lockout.interval == 0) return "until somebody clears it";
  return absl::StrCat("for ", lockout.interval, " s at most");
}

}  // namespace

absl::StatusOr<Lockout> ReadLockout(TpmConnection& connection) {
  constexpr UINT32 kProperties = TPM2_PT_LOCKOUT_INTERVAL - TPM2_PT_PERMANENT + 1;
  TPMI_YES_NO more = 0;
  TPMS_CAPABILITY_DATA* raw = nullptr;
  RETURN_IF_ERROR(FromTss(connection.Execute(
                              [](ESYS_CONTEXT* esys) {
                                return Esys_GetCapability_Async(esys, ESYS_TR_NONE, ESYS_TR_NONE, ESYS_TR_NONE,
                                                                TPM2_CAP_TPM_PROPERTIES, TPM2_PT_PERMANENT,
                                                                kProperties);
                              },
                              [&](ESYS_CONTEXT* esys) { return Esys_GetCapability_Finish(esys, &more, &raw); }),
                          "asking the TPM about its lockout"));
  const EsysPtr<TPMS_CAPABILITY_DATA> data(raw);
  return LockoutFrom(data->data.tpmProperties);
}

Lockout LockoutFrom(const TPML_TAGGED_TPM_PROPERTY& properties) {
  Lockout lockout;
  for (const TPMS_TAGGED_PROPERTY& property :
       std::span(properties.tpmProperty, std::min<size_t>(properties.count, TPM2_MAX_TPM_PROPERTIES))) {
    switch (property.property) {
      case TPM2_PT_PERMANENT:
        lockout.locked = (property.value & TPMA_PERMANENT_INLOCKOUT) != 0;
        break;
      case TPM2_PT_LOCKOUT_COUNTER:
        lockout.failures = property.value;
        break;
      case TPM2_PT_MAX_AUTH_FAIL:
        lockout.most_failures = property.value;
        break;
      case TPM2_PT_LOCKOUT_INTERVAL:
        lockout.interval = property.value;
        break;
      default:
        break;
    }
  }
  return lockout;
}

std::string Describe(const Lockout& lockout) {
  if (lockout.locked) {
    return absl::StrCat("the TPM is locked against password guessing after ", lockout.failures,
                        " wrong passwords of other programs, ", FreeIn(lockout),
                        "; keys that this daemon made go on; clear it with: tpm2_dictionarylockout -c");
  }
  if (lockout.failures == 0) return "";
  return absl::StrCat("the TPM has counted ", lockout.failures, " wrong passwords of other programs and locks at ",
                      lockout.most_failures, "; keys that this daemon made do not count and will go on");
}

absl::Status MayGuess(const Lockout& lockout) {
  if (!lockout.locked && lockout.failures + 1 < lockout.most_failures) return absl::OkStatus();
  if (lockout.locked) {
    return absl::ResourceExhaustedError(
        absl::StrCat("the TPM is locked against password guessing, ", FreeIn(lockout),
                     "; a key that came from a key file without noDA waits; clear it with: tpm2_dictionarylockout -c"));
  }
  return absl::ResourceExhaustedError(absl::StrCat(
      "another wrong password would lock the TPM, which has counted ", lockout.failures, " of ", lockout.most_failures,
      "; it is not tried, ", FreeIn(lockout), "; clear the count with: tpm2_dictionarylockout -c"));
}

}  // namespace ddskey::tpm
