// How a TPM takes keys that were made elsewhere, and gives key files out.
#include <string.h>

#include <algorithm>
#include <array>
#include <optional>
#include <span>
#include <string>
#include <utility>

#include "absl/strings/str_cat.h"
#include "daemon/backend/private_key.h"
#include "daemon/backend/tpm2/import_wrapping.h"
#include "daemon/backend/tpm2/lockout.h"
#include "daemon/backend/tpm2/session_salt.h"
#include "daemon/backend/tpm2/templates.h"
#include "daemon/backend/tpm2/tpm_device.h"
#include "daemon/backend/tpm2/tss2_key_file.h"
#include "daemon/backend/tpm2/tss_status.h"
#include "proto/contract/secret_access.h"
#include "proto/contract/status_macros.h"

namespace ddskey::tpm {
namespace {

constexpr TPM2B_ENCRYPTED_SECRET kNoOuterWrapper = {};

// OfTheDevice tells what may have another outcome when it is repeated.
bool OfTheDevice(const absl::Status& status) {
  return absl::IsUnavailable(status) || absl::IsResourceExhausted(status);
}

// FromFile is INVALID_ARGUMENT with the raw code of `cause`.
absl::Status FromFile(const absl::Status& cause, const char* message) {
  absl::Status status = absl::InvalidArgumentError(message);
  if (const auto payload = cause.GetPayload(kTssPayload)) status.SetPayload(kTssPayload, *payload);
  return status;
}

// CheckPurpose holds a key that this daemon, or another one, has made to the purpose that is part of its name (S-1).
absl::Status CheckPurpose(const TPM2B_PUBLIC& key, KeyPurpose purpose) {
  const std::optional<KeyAlgorithm> algorithm = AlgorithmOf(key);
  if (algorithm.has_value() && IsFromTemplate(key, *algorithm, purpose)) return absl::OkStatus();
  for (const KeyPurpose other : {KeyPurpose::kHandshake, KeyPurpose::kDigest, KeyPurpose::kDerive}) {
    if (!algorithm.has_value() || !IsFromTemplate(key, *algorithm, other)) continue;
    return absl::InvalidArgumentError(
        absl::StrCat("the TSS2 key file is of a key that was made for the purpose ", std::string(PurposeName(other))));
  }
  return CheckTss2PublicArea(key);
}

// CheckFile is what S-12 asks of a key file before the TPM sees it. With a key that does not feed the lockout it costs
// nothing to try whether it has a passphrase, so what the file says of that does not matter.
absl::Status CheckFile(const Tss2KeyFile& file, KeyPurpose purpose, const SecretBytes* auth) {
  RETURN_IF_ERROR(CheckPurpose(file.public_area, purpose));
  if (FeedsLockout(file.public_area) && (!file.empty_auth || auth != nullptr)) {
    return absl::InvalidArgumentError(
        "the TSS2 key file is of a key with a passphrase that feeds the TPM's lockout (no noDA): one mistake too many, "
        "and nobody could use the TPM");
  }
  return absl::OkStatus();
}

absl::Status HasPassphrase() {
  return absl::InvalidArgumentError(
      "the TSS2 key file is of a key with a passphrase, whatever it says, that feeds the TPM's lockout (no noDA); it "
      "is not tried again before a restart of the daemon");
}

}  // namespace

absl::StatusOr<SealedKey> TpmDevice::Import(const ImportRequest& request) {
  RETURN_IF_ERROR(EnsureReady());
  auto key = request.key.private_key != nullptr ? ImportPrivate(request) : ImportFile(request);
  monitor_.SetStorageRoot(parents_.Describe());
  return key;
}

absl::StatusOr<SealedKey> TpmDevice::ImportPrivate(const ImportRequest& request) {
  ASSIGN_OR_RETURN(const PrivateKey key, ParsePrivateKey(library_, *request.key.private_key));
  RETURN_IF_ERROR(CheckAlgorithm(key.algorithm));
  ASSIGN_OR_RETURN(const StorageKey* parent, parents_.ForNewKey(*channel_));
  auto sealed = ImportUnder(*parent, key, request.purpose);
  if (absl::IsFailedPrecondition(sealed.status()) && IsAuthFailure(sealed.status()) && parents_.GiveUp(*parent)) {
    ASSIGN_OR_RETURN(parent, parents_.ForNewKey(*channel_));
    sealed = ImportUnder(*parent, key, request.purpose);
  }
  return sealed;
}

absl::StatusOr<SealedKey> TpmDevice::ImportUnder(const StorageKey& parent, const PrivateKey& key, KeyPurpose purpose) {
  ASSIGN_OR_RETURN(KeyBlob blob, NewBlob(parent));
  ASSIGN_OR_RETURN(const std::optional<SecretBytes> auth, AuthFor(blob));
  ASSIGN_OR_RETURN(const WrappedKey wrapped,
                   WrapForImport(library_, key, purpose, auth.has_value() ? &*auth : nullptr));
  RETURN_IF_ERROR(MakeRoomUnder(parent));
  RETURN_IF_ERROR(Protected(
      parent, {.command = {.code = TPM2_CC_Import,
                           .names = {&parent.name, 1},
                           .auth = parent.auth,
                           // The key of the inner wrapper comes first: it is what is encrypted.
                           .attributes = TPMA_SESSION_DECRYPT | TPMA_SESSION_ENCRYPT},
               .doing = "importing a key into the TPM",
               .prepare =
                   [&](TSS2_SYS_CONTEXT* sys) {
                     return Tss2_Sys_Import_Prepare(sys, parent.handle, &wrapped.symmetric, &wrapped.public_area,
                                                    &wrapped.duplicate, &kNoOuterWrapper, &wrapped.algorithm);
                   },
               .complete = [&](TSS2_SYS_CONTEXT* sys) { return Tss2_Sys_Import_Complete(sys, &blob.private_area); },
               .patience = TpmConnection::kPatienceForCreation}));
  blob.public_area = wrapped.public_area;
  return SealLoadable(blob, key.algorithm, purpose);
}

absl::StatusOr<SealedKey> TpmDevice::ImportFile(const ImportRequest& request) {
  ASSIGN_OR_RETURN(const Tss2KeyFile file, ParseTss2KeyFile(request.key.tss2_key));
  RETURN_IF_ERROR(CheckFile(file, request.purpose, request.key.tss2_auth.get()));
  const KeyAlgorithm algorithm = *AlgorithmOf(file.public_area);
  RETURN_IF_ERROR(CheckAlgorithm(algorithm));
  ASSIGN_OR_RETURN(const StorageKey* const parent, parents_.ForKeyFile(file.parent));
  KeyBlob blob;
  blob.parent = parent->name;
  // One that feeds the lockout keeps its empty value: with another, a mistake of ours would stop the whole TPM.
  if (!FeedsLockout(file.public_area)) {
    ASSIGN_OR_RETURN(blob, NewBlob(*parent));
  }
  blob.public_area = file.public_area;
  ASSIGN_OR_RETURN(const std::optional<SecretBytes> auth, AuthFor(blob));
  const bool counts = FeedsLockout(file.public_area);
  // By the key, as one file can be written in many ways.
  ASSIGN_OR_RETURN(const TPM2B_NAME name, NameOf(library_, file.public_area));
  const std::string tried = absl::StrCat("key file ", ParentKeys::Octets(name));
  if (counts && tried_.IsWrong(tried)) return HasPassphrase();
  if (counts) {
    // That its value is empty is what the file says.
    ASSIGN_OR_RETURN(const Lockout lockout, ReadLockout(*connection_));
    RETURN_IF_ERROR(MayGuess(lockout));
  }
  RETURN_IF_ERROR(MakeRoomUnder(*parent));
  ASSIGN_OR_RETURN(const TPM2_HANDLE handle, LoadFile(*parent, file));
  const absl::StatusOr<TPM2B_PRIVATE> changed =
      ChangeAuth(*parent, handle, file.public_area, request.key.tss2_auth.get(), auth.has_value() ? &*auth : nullptr);
  RETURN_IF_ERROR(FromTss(channel_->Flush(handle), "making room in the TPM"));
  if (counts && IsAuthFailure(changed.status())) {
    tried_.Refuse(tried);
    return HasPassphrase();
  }
  if (IsAuthFailure(changed.status())) {
    return FromFile(changed.status(), request.key.tss2_auth != nullptr
                                          ? "the passphrase of the TSS2 key file is wrong"
                                          : "the TSS2 key file is of a key with a passphrase: give it");
  }
  RETURN_IF_ERROR(changed.status());
  blob.private_area = *changed;
  return SealLoadable(blob, algorithm, request.purpose);
}

absl::StatusOr<TPM2_HANDLE> TpmDevice::LoadFile(const StorageKey& parent, const Tss2KeyFile& file) {
  TPM2_HANDLE handle = 0;
  const absl::Status loading =
      Protected(parent, {.command = {.code = TPM2_CC_Load,
                                     .names = {&parent.name, 1},
                                     .auth = parent.auth,
                                     .attributes = TPMA_SESSION_DECRYPT | TPMA_SESSION_ENCRYPT},
                         .doing = "loading a TSS2 key file",
                         .prepare =
                             [&](TSS2_SYS_CONTEXT* sys) {
                               return Tss2_Sys_Load_Prepare(sys, parent.handle, &file.private_area, &file.public_area);
                             },
                         .complete =
                             [&](TSS2_SYS_CONTEXT* sys) {
                               TPM2B_NAME told = {};
                               return Tss2_Sys_Load_Complete(sys, &handle, &told);
                             }});
  if (loading.ok()) return handle;
  if (OfTheDevice(loading) || IsAuthFailure(loading)) return loading;
  return FromFile(loading,
                  "the TSS2 key file does not load: it is of another TPM, or its parent is not the storage root key at "
                  "0x81000001");
}

absl::StatusOr<std::string> TpmDevice::Export(const ExportRequest& request) {
  RETURN_IF_ERROR(EnsureReady());
  ASSIGN_OR_RETURN(const Loaded* const loaded, Load(request.key));
  ASSIGN_OR_RETURN(const StorageKey* const parent, parents_.Named(*channel_, loaded->parent));
  ASSIGN_OR_RETURN(const KeyBlob blob, ParseBlob(request.key.blob));
  if (FeedsLockout(blob.public_area)) {
    return absl::FailedPreconditionError(
        "this key came from a TSS2 key file and can have no passphrase, as it feeds the TPM's lockout: use that file");
  }
  if ((blob.public_area.publicArea.objectAttributes & TPMA_OBJECT_USERWITHAUTH) == 0) {
    return absl::FailedPreconditionError("this key needs a policy of the TPM, which a key file of it would not have");
  }
  if (parent->handle < TPM2_PERSISTENT_FIRST || parent->handle > TPM2_PERSISTENT_LAST) {
    return absl::FailedPreconditionError(
        "other programs could not find the parent of this key, a primary key that only this daemon derives; make it "
        "persistent: head -c 64 /dev/zero | tpm2_createprimary -C o -G ecc -a "
        "'restricted|decrypt|fixedtpm|fixedparent|sensitivedataorigin|userwithauth|"
        "noda' -u - -c srk.ctx && tpm2_evictcontrol -C o -c srk.ctx 0x81000001, and restart the daemon");
  }
  Tss2KeyFile file;
  file.parent = parent->handle;
  file.public_area = blob.public_area;
  ASSIGN_OR_RETURN(file.private_area,
                   ChangeAuth(*parent, loaded->handle, blob.public_area,
                              loaded->auth.has_value() ? &*loaded->auth : nullptr, request.auth.get()));
  return FormatTss2KeyFile(file);
}

// ChangeAuth has the TPM write the private part of a loaded key anew, with another authorisation value.
absl::StatusOr<TPM2B_PRIVATE> TpmDevice::ChangeAuth(const StorageKey& parent, TPM2_HANDLE handle,
                                                    const TPM2B_PUBLIC& public_area, const SecretBytes* before,
                                                    const SecretBytes* after) {
  ASSIGN_OR_RETURN(const TPM2B_NAME name, NameOf(library_, public_area));
  const std::array<TPM2B_NAME, 2> names = {name, parent.name};
  TPM2B_AUTH value = {};
  if (after != nullptr) {
    const std::span<const uint8_t> octets = after->Reveal(SecretAccess());
    value.size = static_cast<UINT16>(octets.size());
    std::ranges::copy(octets, value.buffer);
  }
  TPM2B_PRIVATE changed = {};
  // What is empty cannot be encrypted.
  const TPMA_SESSION attributes = (after != nullptr ? TPMA_SESSION_DECRYPT : 0) | TPMA_SESSION_ENCRYPT;
  // Not Protected: an authorisation value from outside is tried once.
  absl::Status status = parents_.BeginSession(*channel_, parent);
  if (status.ok()) {
    status = channel_->Protected(
        {.command = {.code = TPM2_CC_ObjectChangeAuth, .names = names, .auth = before, .attributes = attributes},
         .doing = "changing the authorisation of a TPM key",
         .prepare =
             [&](TSS2_SYS_CONTEXT* sys) {
               return Tss2_Sys_ObjectChangeAuth_Prepare(sys, handle, parent.handle, &value);
             },
         .complete = [&](TSS2_SYS_CONTEXT* sys) { return Tss2_Sys_ObjectChangeAuth_Complete(sys, &changed); }});
  }
  explicit_bzero(&value, sizeof(value));
  RETURN_IF_ERROR(status);
  return changed;
}

// SealLoadable is the blob as the key store gets it, once the TPM has loaded it: what does not load is not stored.
absl::StatusOr<SealedKey> TpmDevice::SealLoadable(const KeyBlob& blob, KeyAlgorithm algorithm, KeyPurpose purpose) {
  SealedKey sealed{algorithm, purpose, "", ""};
  ASSIGN_OR_RETURN(sealed.public_key, PublicKeyInfo(library_, blob.public_area));
  ASSIGN_OR_RETURN(sealed.blob, SerializeBlob(blob));
  parents_.Know(blob.parent);
  ASSIGN_OR_RETURN(const Loaded* const loaded, Load(sealed));
  (void)loaded;
  return sealed;
}

}  // namespace ddskey::tpm
