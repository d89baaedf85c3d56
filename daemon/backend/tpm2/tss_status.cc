#include "daemon/backend/tpm2/tss_status.h"

#include <tss2/tss2_rc.h>
#include <tss2/tss2_tpm2_types.h>

#include <cstdlib>
#include <string>

#include "absl/strings/cord.h"
#include "absl/strings/str_cat.h"

namespace ddskey::tpm {
namespace {

// Meaning is what a code asks of the caller, and what a person can do.
struct Meaning {
  absl::StatusCode code;
  const char* advice;
};

constexpr char kNoAdvice[] = "";
// A flag of format 1: the number is that of a parameter. Without it, bit 11 tells sessions from handles (TPM 2.0 Part
// 2, 6.6.1).
constexpr TSS2_RC kAboutParameter = 0x40;

// TPM 2.0 Part 2, 6.6.3.
Meaning MeaningOfTpm(TSS2_RC code) {
  switch (code) {
    case TPM2_RC_INITIALIZE:
      return {absl::StatusCode::kUnavailable, kNoAdvice};
    case TPM2_RC_FAILURE:
      return {absl::StatusCode::kUnavailable, "; the TPM is in failure mode or has no power and must be power-cycled"};
    case TPM2_RC_LOCKOUT:
      return {absl::StatusCode::kResourceExhausted,
              "; the TPM is locked against password guessing: wait, or clear it with tpm2_dictionarylockout -c"};
    case TPM2_RC_INTEGRITY:
      return {absl::StatusCode::kDataLoss,
              "; the key was made by another TPM, before this one was cleared, or is damaged"};
    case TPM2_RC_AUTH_FAIL:
    case TPM2_RC_BAD_AUTH:
      return {absl::StatusCode::kFailedPrecondition,
              "; something in the TPM has a password that this daemon does not know"};
    case TPM2_RC_HIERARCHY:
    case TPM2_RC_DISABLED:
      return {absl::StatusCode::kFailedPrecondition, "; the TPM's owner hierarchy is disabled in the firmware"};
    case TPM2_RC_COMMAND_CODE:
    case TPM2_RC_CURVE:
    case TPM2_RC_ASYMMETRIC:
      return {absl::StatusCode::kUnimplemented, "; this TPM cannot do that"};
    case TPM2_RC_HANDLE:
    case TPM2_RC_PCR_CHANGED:
    case TPM2_RC_REBOOT:
      return {absl::StatusCode::kUnavailable, kNoAdvice};
    default:
      // Warnings say that the command may succeed later.
      return {(code & ~0x7fu) == TPM2_RC_WARN ? absl::StatusCode::kUnavailable : absl::StatusCode::kInternal,
              kNoAdvice};
  }
}

Meaning MeaningOfSoftware(TSS2_RC rc) {
  switch (rc & TSS2_RC_LAYER_MASK) {
    case TSS2_TCTI_RC_LAYER:
    case TSS2_RESMGR_RC_LAYER:
      return {absl::StatusCode::kUnavailable,
              "; check that the TPM, or the service in front of it, is there and usable"};
    default:
      break;
  }
  switch (rc & ~TSS2_RC_LAYER_MASK) {
    case TSS2_BASE_RC_GENERAL_FAILURE:
    case TSS2_BASE_RC_BAD_SEQUENCE:
    case TSS2_BASE_RC_NO_CONNECTION:
    case TSS2_BASE_RC_TRY_AGAIN:
    case TSS2_BASE_RC_IO_ERROR:
    case TSS2_BASE_RC_MALFORMED_RESPONSE:
    case TSS2_BASE_RC_INSUFFICIENT_RESPONSE:
      return {absl::StatusCode::kUnavailable, kNoAdvice};
    case TSS2_BASE_RC_RSP_AUTH_FAILED:
      return {absl::StatusCode::kUnavailable, "; somebody or something changes what passes between us and the TPM"};
    case TSS2_BASE_RC_MEMORY:
      return {absl::StatusCode::kResourceExhausted, kNoAdvice};
    default:
      return {absl::StatusCode::kInternal, kNoAdvice};
  }
}

}  // namespace

absl::Status FromTss(TSS2_RC rc, std::string_view doing) {
  if (rc == TSS2_RC_SUCCESS) return absl::OkStatus();
  const std::optional<TSS2_RC> code = TpmCode(rc);
  Meaning meaning = code.has_value() ? MeaningOfTpm(*code) : MeaningOfSoftware(rc);
  if (IsAboutSession(rc) || IsAboutHandle(rc)) meaning = {absl::StatusCode::kUnavailable, kNoAdvice};
  absl::Status status(meaning.code, absl::StrCat(std::string(doing), " failed: ", Tss2_RC_Decode(rc), meaning.advice));
  status.SetPayload(kTssPayload, absl::Cord(absl::StrCat(absl::Hex(rc, absl::kZeroPad8))));
  return status;
}

std::optional<TSS2_RC> RawTss(const absl::Status& status) {
  const auto payload = status.GetPayload(kTssPayload);
  if (!payload.has_value()) return std::nullopt;
  return static_cast<TSS2_RC>(std::strtoul(std::string(*payload).c_str(), nullptr, 16));
}

std::optional<TSS2_RC> TpmCode(TSS2_RC rc) {
  const TSS2_RC layer = rc & TSS2_RC_LAYER_MASK;
  if (layer != TSS2_TPM_RC_LAYER && layer != TSS2_RESMGR_TPM_RC_LAYER) return std::nullopt;
  const TSS2_RC code = rc & ~TSS2_RC_LAYER_MASK;
  // Format 1 has the number in bits 8 to 11 and a flag in bit 6 (TPM 2.0 Part 2, 6.6.1).
  if ((code & TPM2_RC_FMT1) != 0) return code & (TPM2_RC_FMT1 | 0x3f);
  return code;
}

bool IsAboutSession(TSS2_RC rc) {
  const std::optional<TSS2_RC> code = TpmCode(rc);
  if (!code.has_value()) return false;
  if ((rc & TPM2_RC_FMT1) == 0) return *code == TPM2_RC_REFERENCE_S0;
  return (rc & kAboutParameter) == 0 && (rc & TPM2_RC_S) != 0 && *code != TPM2_RC_BAD_AUTH &&
         *code != TPM2_RC_AUTH_FAIL;
}

bool IsAboutHandle(TSS2_RC rc) {
  const std::optional<TSS2_RC> code = TpmCode(rc);
  if (!code.has_value()) return false;
  if ((rc & TPM2_RC_FMT1) == 0) return *code == TPM2_RC_REFERENCE_H0;
  if (*code == TPM2_RC_HANDLE) return true;
  return *code == TPM2_RC_VALUE && (rc & (kAboutParameter | TPM2_RC_S)) == 0 && (rc & TPM2_RC_N_MASK) != 0;
}

}  // namespace ddskey::tpm
