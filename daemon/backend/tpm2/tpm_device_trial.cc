// What is made of authorisation values that a TPM refuses.
#include <algorithm>
#include <optional>
#include <string_view>

#include "daemon/backend/tpm2/lockout.h"
#include "daemon/backend/tpm2/tpm_device.h"
#include "daemon/backend/tpm2/tss_status.h"
#include "proto/contract/status_macros.h"

namespace ddskey::tpm {

// Protected does `call` in a session. A value that the TPM refuses is wrong, and not tried again (S-12), if it was
// never accepted, and the session works and is about the very object. Otherwise it is in doubt, and everything is
// loaded again for a second try: the TPM may have been reset behind our back, or somebody may have changed the command
// or how the session began, or made the refusal up.
absl::Status TpmDevice::Protected(const StorageKey& parent, const TpmChannel::Call& call, bool by_policy) {
  const TPM2B_NAME& object = call.command.names.front();
  if (tried_.IsWrong(ValueOf(object))) return FromTss(TPM2_RC_BAD_AUTH, call.doing);
  // OpenGate has begun the policy's.
  if (!by_policy) RETURN_IF_ERROR(parents_.BeginSession(*channel_, parent));
  const absl::Status status = by_policy ? channel_->ByPolicy(call) : channel_->Protected(call);
  const bool suspected = suspect_.has_value() && SameName(*suspect_, object);
  if (IsAuthFailure(status)) {
    suspect_.reset();
    return suspected || IsWrong(parent, object) ? Refused(parent, object, status) : Doubt(object, status);
  }
  if (const auto raw = RawTss(status); raw.has_value() && TpmCode(*raw) == TPM2_RC_LOCKOUT) return Locked(status);
  if (status.ok()) tried_.Accept(ValueOf(object));
  // Errors that something is done about, as that the TPM is full, are on the way to the second time.
  const bool on_the_way = !status.ok() && RecoveryFor(status) != Recovery::kNone;
  if (!on_the_way && (suspected || !status.ok())) suspect_.reset();
  return status;
}

// ValueOf tells apart the values that are tried for objects of one Name: stored keys that were altered have others.
std::string_view TpmDevice::ValueOf(const TPM2B_NAME& object) const {
  if (!loaded_.empty() && SameName(loaded_.front().name, object)) return loaded_.front().sealed.blob;
  return {reinterpret_cast<const char*>(object.name), std::min<size_t>(object.size, sizeof(object.name))};
}

// IsWrong is whether what was refused can only be the value.
bool TpmDevice::IsWrong(const StorageKey& parent, const TPM2B_NAME& object) {
  if (tried_.IsAccepted(ValueOf(object))) return false;
  if (SameName(object, parent.name)) return channel_->Confirm(parent.handle, object).ok();
  // What is used is the first of those that are loaded.
  return !loaded_.empty() && SameName(loaded_.front().name, object) &&
         channel_->Confirm(loaded_.front().handle, object).ok();
}

absl::Status TpmDevice::Refused(const StorageKey& parent, const TPM2B_NAME& object, const absl::Status& status) {
  // Parents are ParentKeys' to give up.
  if (!SameName(object, parent.name) && !tried_.IsAccepted(ValueOf(object))) tried_.Refuse(ValueOf(object));
  return status;
}

// Locked says for how long.
absl::Status TpmDevice::Locked(const absl::Status& status) {
  ASSIGN_OR_RETURN(const Lockout lockout, ReadLockout(*connection_));
  const absl::Status locked = MayGuess(lockout);
  return locked.ok() ? status : locked;
}

absl::Status TpmDevice::Doubt(const TPM2B_NAME& object, const absl::Status& status) {
  if (TpmCode(*RawTss(status)) == TPM2_RC_AUTH_FAIL) {
    // This one counts.
    ASSIGN_OR_RETURN(const Lockout lockout, ReadLockout(*connection_));
    RETURN_IF_ERROR(MayGuess(lockout));
  }
  suspect_ = object;
  absl::Status doubtful = absl::UnavailableError(status.message());
  doubtful.SetPayload(kTssPayload, *status.GetPayload(kTssPayload));
  return doubtful;
}

}  // namespace ddskey::tpm
