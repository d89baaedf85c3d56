// Keys that are bound to registers of the TPM.
#include <algorithm>
#include <optional>
#include <string>
#include <utility>

#include "absl/strings/str_cat.h"
#include "daemon/backend/tpm2/key_policy.h"
#include "daemon/backend/tpm2/tpm_device.h"
#include "proto/contract/status_macros.h"

namespace ddskey::tpm {

absl::StatusOr<PcrBinding> TpmDevice::Bind(const PcrTerms& terms, KeyPurpose purpose) {
  RETURN_IF_ERROR(CheckTerms(library_, terms));
  BoundKey key;
  ASSIGN_OR_RETURN(key.binding.values, gate_.Read(*channel_, terms.registers));
  key.binding.authority = terms.authority;
  key.binding.label = terms.label;
  key.binding.approvals = terms.approvals;
  ASSIGN_OR_RETURN(key.policy, MakeKeyPolicy(library_, purpose, key.binding));
  if (!terms.authority.empty()) RETURN_IF_ERROR(gate_.CheckAuthority(*channel_, key.policy));
  for (const PcrApproval& approval : terms.approvals) {
    RETURN_IF_ERROR(CheckApproval(library_, key.binding, approval));
  }
  if (terms.approvals.size() >= kMostPcrValues) {
    return absl::InvalidArgumentError("there are more approvals than a key can have");
  }
  return std::move(key.binding);
}

absl::StatusOr<SealedKey> TpmDevice::Approve(const ApproveRequest& request) {
  RETURN_IF_ERROR(EnsureReady());
  ASSIGN_OR_RETURN(KeyBlob blob, CheckBlob(request.key));
  if (!blob.binding.has_value()) {
    return absl::FailedPreconditionError("the key is not bound to registers, so that there is nothing to approve");
  }
  RETURN_IF_ERROR(CheckApproval(library_, *blob.binding, request.approval));
  const auto same = [&](const PcrApproval& one) { return one.values == request.approval.values; };
  if (blob.binding->values == request.approval.values || std::ranges::any_of(blob.binding->approvals, same)) {
    return absl::AlreadyExistsError("the key may be used with these values already");
  }
  if (blob.binding->approvals.size() + 1 >= kMostPcrValues) {
    return absl::ResourceExhaustedError(
        absl::StrCat("the key has ", kMostPcrValues - 1, " approvals, and no room for another: renew the identity"));
  }
  blob.binding->approvals.push_back(request.approval);
  // What the TPM itself does not take would be found out when it is needed.
  BoundKey key;
  key.binding = *blob.binding;
  ASSIGN_OR_RETURN(key.policy, MakeKeyPolicy(library_, request.key.purpose, key.binding));
  RETURN_IF_ERROR(gate_.Verify(*channel_, key, key.binding.approvals.size()));
  ASSIGN_OR_RETURN(const PcrValues now, gate_.Read(*channel_, SelectionOf(request.approval.values)));
  if (now == request.approval.values) monitor_.SetKeyProblem(request.key.public_key, "");
  SealedKey changed = request.key;
  ASSIGN_OR_RETURN(changed.blob, SerializeBlob(blob));
  return changed;
}

absl::Status TpmDevice::OpenGate(const StorageKey& parent, Loaded& loaded) {
  RETURN_IF_ERROR(parents_.BeginPolicy(*channel_, parent));
  const absl::Status status = gate_.Open(*channel_, *loaded.bound);
  const bool refused = status.GetPayload(kKeyProblem).has_value();
  if (status.ok() || refused) {
    monitor_.SetKeyProblem(loaded.sealed.public_key, refused ? std::string(status.message()) : "");
  }
  return status;
}

}  // namespace ddskey::tpm
