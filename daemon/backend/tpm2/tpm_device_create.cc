// How keys are made in a TPM.
#include <string.h>

#include <algorithm>
#include <optional>
#include <span>

#include "absl/strings/cord.h"
#include "daemon/backend/derive_secret.h"
#include "daemon/backend/tpm2/key_policy.h"
#include "daemon/backend/tpm2/templates.h"
#include "daemon/backend/tpm2/tpm_device.h"
#include "daemon/backend/tpm2/tss_status.h"
#include "proto/contract/secret_access.h"
#include "proto/contract/status_macros.h"

namespace ddskey::tpm {
namespace {

constexpr size_t kSaltSize = 32;
constexpr TPM2B_DATA kNoData = {};
constexpr TPML_PCR_SELECTION kNoPcrs = {};

}  // namespace

absl::Status TpmDevice::KeysLocked() {
  absl::Status status = absl::FailedPreconditionError(
      "the keys of this backend need a secret that was not given: give it with ddskeyctl backend unlock, or as the "
      "credential ddskeyd.tpm2-key-auth and restart the daemon");
  status.SetPayload(kKeyProblem, absl::Cord("secret"));
  return status;
}

absl::StatusOr<SealedKey> TpmDevice::Create(const CreateRequest& request) {
  const absl::Status ready = EnsureReady();
  SayWhatIsMissing();
  RETURN_IF_ERROR(ready);
  RETURN_IF_ERROR(CheckAlgorithm(request.algorithm));
  std::optional<PcrBinding> binding;
  if (request.terms.has_value()) {
    ASSIGN_OR_RETURN(binding, Bind(*request.terms, request.purpose));
  }
  ASSIGN_OR_RETURN(const StorageKey* parent, parents_.ForNewKey(*channel_));
  auto key = CreateUnder(*parent, request, binding);
  if (absl::IsFailedPrecondition(key.status()) && IsAuthFailure(key.status()) && parents_.GiveUp(*parent)) {
    ASSIGN_OR_RETURN(parent, parents_.ForNewKey(*channel_));
    key = CreateUnder(*parent, request, binding);
  }
  if (key.ok()) parents_.Know(parent->name);
  monitor_.SetStorageRoot(parents_.Describe());
  return key;
}

// NewBlob is the blob of a new key under `parent`, without the key.
absl::StatusOr<KeyBlob> TpmDevice::NewBlob(const StorageKey& parent) const {
  KeyBlob blob;
  blob.parent = parent.name;
  // Else it would be made with less protection than those that are there.
  if (!secret_.has_value() && !secret_ids_.empty()) return KeysLocked();
  if (secret_.has_value()) {
    blob.has_auth = true;
    blob.secret_id = secret_->id;
    ASSIGN_OR_RETURN(blob.salt, RandomOctets(library_, kSaltSize));
  }
  return blob;
}

absl::StatusOr<SealedKey> TpmDevice::CreateUnder(const StorageKey& parent, const CreateRequest& request,
                                                 const std::optional<PcrBinding>& binding) {
  ASSIGN_OR_RETURN(KeyBlob blob, NewBlob(parent));
  blob.binding = binding;
  ASSIGN_OR_RETURN(const std::optional<SecretBytes> auth, AuthFor(blob));
  TPM2B_PUBLIC public_template = KeyTemplate(request.algorithm, request.purpose);
  if (binding.has_value()) {
    ASSIGN_OR_RETURN(const KeyPolicy policy, MakeKeyPolicy(library_, request.purpose, *binding));
    public_template = BoundKeyTemplate(request.algorithm, policy.digest);
  }
  RETURN_IF_ERROR(MakeRoomUnder(parent));
  TPM2B_SENSITIVE_CREATE sensitive = {};
  if (auth.has_value()) {
    const std::span<const uint8_t> octets = auth->Reveal(SecretAccess());
    sensitive.sensitive.userAuth.size = static_cast<UINT16>(octets.size());
    std::copy(octets.begin(), octets.end(), sensitive.sensitive.userAuth.buffer);
  }
  const absl::Status creating = Protected(
      parent,
      {.command = {.code = TPM2_CC_Create,
                   .names = {&parent.name, 1},
                   .auth = parent.auth,
                   .attributes = TPMA_SESSION_DECRYPT | TPMA_SESSION_ENCRYPT},
       .doing = "making a key in the TPM",
       .prepare =
           [&](TSS2_SYS_CONTEXT* sys) {
             return Tss2_Sys_Create_Prepare(sys, parent.handle, &sensitive, &public_template, &kNoData, &kNoPcrs);
           },
       .complete =
           [&](TSS2_SYS_CONTEXT* sys) {
             TPM2B_CREATION_DATA creation = {};
             TPM2B_DIGEST hash = {};
             TPMT_TK_CREATION ticket = {};
             return Tss2_Sys_Create_Complete(sys, &blob.private_area, &blob.public_area, &creation, &hash, &ticket);
           },
       .patience = TpmConnection::kPatienceForCreation});
  explicit_bzero(&sensitive, sizeof(sensitive));
  RETURN_IF_ERROR(creating);
  ASSIGN_OR_RETURN(const bool as_asked,
                   IsMadeHere(library_, blob.public_area, blob.binding, request.algorithm, request.purpose));
  if (!as_asked) {
    return absl::InternalError("the TPM made another key than it was asked for");
  }
  SealedKey sealed{request.algorithm, request.purpose, "", ""};
  ASSIGN_OR_RETURN(sealed.public_key, PublicKeyInfo(library_, blob.public_area));
  ASSIGN_OR_RETURN(sealed.blob, SerializeBlob(blob));
  return sealed;
}

}  // namespace ddskey::tpm
