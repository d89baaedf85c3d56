#include "daemon/backend/tpm2/parent_keys.h"

#include <algorithm>
#include <array>
#include <utility>

#include "daemon/backend/tpm2/retry.h"
#include "daemon/backend/tpm2/session_salt.h"
#include "daemon/backend/tpm2/templates.h"
#include "daemon/backend/tpm2/tss_status.h"
#include "proto/contract/status_macros.h"

namespace ddskey::tpm {
namespace {

// TCG Registry of Reserved TPM 2.0 Handles: the storage root key.
constexpr TPM2_HANDLE kStorageRoot = 0x81000001;

constexpr TPM2B_DATA kNoData = {};
constexpr TPML_PCR_SELECTION kNoPcrs = {};

absl::Status OwnerRefused() {
  return absl::FailedPreconditionError(
      "the TPM refused the owner's authorisation value, and it is not tried again: give the right one with "
      "ddskeyctl backend unlock, or as the credential ddskeyd.tpm2-owner-auth and restart the daemon, or make the "
      "storage root key persistent at 0x81000001");
}

absl::Status StorageRootRefused() {
  return absl::FailedPreconditionError(
      "the TPM's storage root key at 0x81000001 has a password that this daemon does not know: give it with "
      "ddskeyctl backend unlock, or as the credential ddskeyd.tpm2-parent-auth and restart the daemon");
}

}  // namespace

TPM2B_NAME NameOfHandle(TPM2_HANDLE handle) {
  TPM2B_NAME name = {};
  name.size = sizeof(handle);
  for (size_t i = 0; i < sizeof(handle); ++i) name.name[i] = static_cast<BYTE>(handle >> (8 * (3 - i)));
  return name;
}

bool IsAuthFailure(const absl::Status& status) {
  const auto raw = RawTss(status);
  const auto code = raw.has_value() ? TpmCode(*raw) : std::nullopt;
  return code == TPM2_RC_AUTH_FAIL || code == TPM2_RC_BAD_AUTH;
}

ParentKeys::ParentKeys(const CryptoLibrary& library, ParentAuth auth, RootTrust trust,
                       std::function<absl::Status()> make_room)
    : library_(library), auth_(std::move(auth)), trust_(std::move(trust)), make_room_(std::move(make_room)) {}

absl::Status ParentKeys::Find(TpmChannel& channel) {
  if (found_) return absl::OkStatus();
  RETURN_IF_ERROR(FindPersistent(channel));
  if (!persistent_.has_value() || persistent_refused_) RETURN_IF_ERROR(NeedPrimary(channel));
  found_ = true;
  return absl::OkStatus();
}

absl::Status ParentKeys::FindPersistent(TpmChannel& channel) {
  persistent_.reset();
  const absl::StatusOr<TPM2B_PUBLIC> public_area = channel.ReadPublic(kStorageRoot);
  const auto raw = RawTss(public_area.status());
  if (raw.has_value() && TpmCode(*raw) == TPM2_RC_HANDLE) return absl::OkStatus();
  RETURN_IF_ERROR(public_area.status());
  if (!IsUsableParent(*public_area)) return absl::OkStatus();
  ASSIGN_OR_RETURN(const TPM2B_NAME name, NameOf(library_, *public_area));
  persistent_ =
      StorageKey{kStorageRoot, name, *public_area, auth_.storage_root.has_value() ? &*auth_.storage_root : nullptr};
  return absl::OkStatus();
}

// NeedPrimary is DerivePrimary where nothing goes on without it.
absl::Status ParentKeys::NeedPrimary(TpmChannel& channel) {
  const absl::Status status = DerivePrimary(channel);
  owner_missing_ = !status.ok() && owner_refuses_;
  return status;
}

absl::Status ParentKeys::DerivePrimary(TpmChannel& channel) {
  if (primary_.has_value()) return absl::OkStatus();
  if (owner_refused_) return OwnerRefused();
  RETURN_IF_ERROR(make_room_());
  const TPM2B_SENSITIVE_CREATE sensitive = {};
  const TPM2B_PUBLIC public_template = SrkTemplate();
  const std::array<TPM2B_NAME, 1> names = {NameOfHandle(TPM2_RH_OWNER)};
  StorageKey key;
  TpmChannel::Call call = {.command = {.code = TPM2_CC_CreatePrimary,
                                       .names = names,
                                       .auth = auth_.owner.has_value() ? &*auth_.owner : nullptr,
                                       .attributes = TPMA_SESSION_DECRYPT | TPMA_SESSION_ENCRYPT},
                           .doing = "deriving the TPM's storage root key",
                           .prepare =
                               [&](TSS2_SYS_CONTEXT* sys) {
                                 return Tss2_Sys_CreatePrimary_Prepare(sys, TPM2_RH_OWNER, &sensitive, &public_template,
                                                                       &kNoData, &kNoPcrs);
                               },
                           .complete =
                               [&](TSS2_SYS_CONTEXT* sys) {
                                 TPM2B_CREATION_DATA creation = {};
                                 TPM2B_DIGEST hash = {};
                                 TPMT_TK_CREATION ticket = {};
                                 TPM2B_NAME name = {};
                                 return Tss2_Sys_CreatePrimary_Complete(sys, &key.handle, &key.public_area, &creation,
                                                                        &hash, &ticket, &name);
                               },
                           .patience = TpmConnection::kPatienceForCreation};
  RETURN_IF_ERROR(AskForPrimary(channel, call));
  if (!IsUsableParent(key.public_area)) {
    channel.Flush(key.handle);
    return absl::InternalError("the TPM made another storage root key than it was asked for");
  }
  ASSIGN_OR_RETURN(key.name, NameOf(library_, key.public_area));
  primary_ = key;
  return absl::OkStatus();
}

// NoteOwner remembers what the TPM says of the owner's value; what went wrong before it looked at that says nothing.
void ParentKeys::NoteOwner(const absl::Status& status) {
  if (status.ok() || IsAuthFailure(status)) owner_refuses_ = !status.ok();
}

absl::Status ParentKeys::AskForPrimary(TpmChannel& channel, const TpmChannel::Call& call) {
  if (!auth_.owner.has_value()) {
    const absl::Status status = channel.Plain(call);
    NoteOwner(status);
    if (!IsAuthFailure(status)) return status;
    return FromTss(*RawTss(status),
                   "deriving the storage root key, as the TPM's owner hierarchy has a password: give it with ddskeyctl "
                   "backend unlock, or as the credential ddskeyd.tpm2-owner-auth, or make the key persistent at "
                   "0x81000001, which");
  }
  // Only a key that is known to be the TPM's hides a value that can be guessed.
  const bool verified = persistent_.has_value() && trust_.Believes(persistent_->name);
  const absl::Status status = channel.ProtectedAlone(verified ? &*persistent_ : nullptr, call);
  NoteOwner(status);
  if (!IsAuthFailure(status)) return status;
  owner_refused_ = true;
  return OwnerRefused();
}

absl::StatusOr<const StorageKey*> ParentKeys::Named(TpmChannel& channel, const TPM2B_NAME& name) {
  trust_.Know(name);
  if (persistent_.has_value() && SameName(persistent_->name, name)) {
    storage_root_missing_ = persistent_refused_;
    if (persistent_refused_) return StorageRootRefused();
    return &*persistent_;
  }
  RETURN_IF_ERROR(NeedPrimary(channel));
  if (SameName(primary_->name, name)) return &*primary_;
  return absl::DataLossError("the stored key was made by another TPM, or before this TPM was cleared");
}

absl::StatusOr<const StorageKey*> ParentKeys::ForNewKey(TpmChannel& channel) {
  if (persistent_.has_value() && !persistent_refused_ && trust_.AllowsNewKeys(persistent_->name)) return &*persistent_;
  const absl::Status deriving = NeedPrimary(channel);
  if (deriving.ok() && trust_.AllowsNewKeys(primary_->name)) return &*primary_;
  if (persistent_.has_value() && !trust_.AllowsNewKeys(persistent_->name)) return trust_.Refusal(persistent_->name);
  RETURN_IF_ERROR(deriving);
  return trust_.Refusal(primary_->name);
}

absl::StatusOr<const StorageKey*> ParentKeys::ForKeyFile(TPM2_HANDLE handle) const {
  if (handle != kStorageRoot && handle != TPM2_RH_OWNER) {
    return absl::InvalidArgumentError("the TSS2 key file names another parent than the storage root key at 0x81000001");
  }
  if (!persistent_.has_value()) {
    return absl::FailedPreconditionError(
        "this TPM has no storage root key at 0x81000001; make the one that programs with TSS2 key files use: "
        "tpm2_createprimary -C o -G ecc -a 'restricted|decrypt|fixedtpm|fixedparent|sensitivedataorigin|userwithauth|"
        "noda' -c srk.ctx && tpm2_evictcontrol -C o -c srk.ctx 0x81000001");
  }
  if (persistent_refused_) return StorageRootRefused();
  if (!trust_.AllowsNewKeys(persistent_->name)) return trust_.Refusal(persistent_->name);
  return &*persistent_;
}

bool ParentKeys::GiveUp(const StorageKey& parent) {
  if (!persistent_.has_value() || &*persistent_ != &parent || persistent_refused_) return false;
  persistent_refused_ = true;
  return true;
}

bool ParentKeys::Misses(AuthKind kind) const {
  return (kind == AuthKind::kOwner && owner_missing_) || (kind == AuthKind::kParent && storage_root_missing_);
}

absl::Status ParentKeys::TryOwner(TpmChannel& channel, SecretBytes value) {
  if (!owner_missing_) {
    return absl::FailedPreconditionError("this backend does not wait for the value of the TPM's owner");
  }
  auth_.owner = std::move(value);
  owner_refused_ = false;
  const absl::Status status = NeedPrimary(channel);
  // One that could not be compared is given again.
  if (!status.ok()) auth_.owner.reset();
  if (!owner_refused_) return status;
  return absl::FailedPreconditionError("the TPM refused this value of its owner; it is forgotten and not tried again");
}

absl::Status ParentKeys::TryStorageRoot(TpmChannel& channel, SecretBytes value) {
  if (!persistent_.has_value()) {
    return absl::FailedPreconditionError("this TPM has no storage root key at 0x81000001 that could need a value");
  }
  if (!trust_.Believes(persistent_->name) && !trust_.AllowsNewKeys(persistent_->name)) {
    return trust_.Refusal(persistent_->name);
  }
  RETURN_IF_ERROR(make_room_());
  RETURN_IF_ERROR(BeginSession(channel, *persistent_));
  const absl::Status status = AskUnderStorageRoot(channel, value);
  if (IsAuthFailure(status)) {
    return absl::FailedPreconditionError(
        "the TPM refused this value of its storage root key; it is forgotten and not tried again");
  }
  RETURN_IF_ERROR(status);
  auth_.storage_root = std::move(value);
  persistent_->auth = &*auth_.storage_root;
  persistent_refused_ = false;
  storage_root_missing_ = false;
  return absl::OkStatus();
}

// AskUnderStorageRoot has the TPM make something that is thrown away, the cheapest there is.
absl::Status ParentKeys::AskUnderStorageRoot(TpmChannel& channel, const SecretBytes& value) {
  TPM2B_PUBLIC area = {};
  area.publicArea.type = TPM2_ALG_KEYEDHASH;
  area.publicArea.nameAlg = TPM2_ALG_SHA256;
  area.publicArea.objectAttributes =
      TPMA_OBJECT_FIXEDTPM | TPMA_OBJECT_FIXEDPARENT | TPMA_OBJECT_USERWITHAUTH | TPMA_OBJECT_NODA;
  area.publicArea.parameters.keyedHashDetail.scheme.scheme = TPM2_ALG_NULL;
  TPM2B_SENSITIVE_CREATE sensitive = {};
  sensitive.sensitive.data.size = 1;
  return channel.Protected({.command = {.code = TPM2_CC_Create,
                                        .names = {&persistent_->name, 1},
                                        .auth = &value,
                                        .attributes = TPMA_SESSION_DECRYPT | TPMA_SESSION_ENCRYPT},
                            .doing = "trying the value of the TPM's storage root key",
                            .prepare =
                                [&](TSS2_SYS_CONTEXT* sys) {
                                  return Tss2_Sys_Create_Prepare(sys, persistent_->handle, &sensitive, &area, &kNoData,
                                                                 &kNoPcrs);
                                },
                            .complete =
                                [&](TSS2_SYS_CONTEXT* sys) {
                                  TPM2B_PRIVATE made = {};
                                  TPM2B_PUBLIC made_area = {};
                                  TPM2B_CREATION_DATA creation = {};
                                  TPM2B_DIGEST hash = {};
                                  TPMT_TK_CREATION ticket = {};
                                  return Tss2_Sys_Create_Complete(sys, &made, &made_area, &creation, &hash, &ticket);
                                }});
}

bool ParentKeys::IsSaltedTo(const TPM2B_NAME* name, const StorageKey& parent) const {
  return name != nullptr && (SameName(*name, parent.name) || trust_.Believes(*name));
}

absl::Status ParentKeys::BeginSession(TpmChannel& channel, const StorageKey& parent) {
  return IsSaltedTo(channel.salted_to(), parent) ? absl::OkStatus() : channel.Begin(parent);
}

absl::Status ParentKeys::BeginPolicy(TpmChannel& channel, const StorageKey& parent) {
  return IsSaltedTo(channel.policy_salted_to(), parent) ? absl::OkStatus() : channel.BeginPolicy(parent);
}

absl::StatusOr<std::string> ParentKeys::Learn(TpmChannel& channel) {
  const bool was_loaded = primary_.has_value();
  const absl::Status status = DerivePrimary(channel);
  if (!status.ok() && RecoveryFor(status) == Recovery::kNone) return std::string();
  RETURN_IF_ERROR(status);
  std::string name = primary_name();
  if (!was_loaded && persistent_.has_value()) {
    channel.Flush(primary_->handle);
    primary_.reset();
  }
  return name;
}

std::string ParentKeys::Octets(const TPM2B_NAME& name) {
  return {reinterpret_cast<const char*>(name.name), std::min<size_t>(name.size, sizeof(name.name))};
}

std::string ParentKeys::Describe() const {
  if (persistent_.has_value() && !persistent_refused_ &&
      (trust_.AllowsNewKeys(persistent_->name) || !primary_.has_value())) {
    return trust_.Describe(persistent_->name);
  }
  return primary_.has_value() ? trust_.Describe(primary_->name) : "";
}

void ParentKeys::Flush(TpmChannel& channel) {
  if (primary_.has_value()) channel.Flush(primary_->handle);
}

void ParentKeys::Forget() {
  persistent_.reset();
  primary_.reset();
  found_ = false;
}

}  // namespace ddskey::tpm
