#include "daemon/backend/tpm2/tpm_device.h"

#include <algorithm>
#include <span>
#include <utility>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "daemon/backend/derive_secret.h"
#include "daemon/backend/tpm2/import_wrapping.h"
#include "daemon/backend/tpm2/lockout.h"
#include "daemon/backend/tpm2/session_salt.h"
#include "daemon/backend/tpm2/templates.h"
#include "proto/contract/status_macros.h"

namespace ddskey::tpm {
namespace {

constexpr size_t kPlaces = 3;
constexpr UINT32 kMostHandles = 64;
constexpr char kAuthLabel[] = "ddskey/tpm2/auth/1";

// The ticket that is none (TPM 2.0 Part 2, 10.7.2).
constexpr TPMT_TK_HASHCHECK kNotRestricted = {TPM2_ST_HASHCHECK, TPM2_RH_NULL, {}};

// DataLoss keeps the raw code of `cause`.
absl::Status DataLoss(const absl::Status& cause, const char* message) {
  absl::Status status = absl::DataLossError(message);
  if (const auto payload = cause.GetPayload(kTssPayload); payload.has_value()) {
    status.SetPayload(kTssPayload, *payload);
  }
  return status;
}

bool SameKey(const SealedKey& a, const SealedKey& b) {
  return a.blob == b.blob && a.algorithm == b.algorithm && a.purpose == b.purpose && a.public_key == b.public_key;
}

// Properties puts the TPM's description of itself into words.
std::string Describe(const TPML_TAGGED_TPM_PROPERTY& properties) {
  std::string manufacturer;
  std::string vendor;
  std::string firmware;
  const std::span all(properties.tpmProperty, std::min<size_t>(properties.count, TPM2_MAX_TPM_PROPERTIES));
  for (const TPMS_TAGGED_PROPERTY& property : all) {
    std::string text;
    for (const int shift : {24, 16, 8, 0}) {
      const char letter = static_cast<char>(property.value >> shift);
      if (letter >= ' ' && letter <= '~') text.push_back(letter);
    }
    if (property.property == TPM2_PT_MANUFACTURER) manufacturer = text;
    if (property.property >= TPM2_PT_VENDOR_STRING_1 && property.property <= TPM2_PT_VENDOR_STRING_4) vendor += text;
    if (property.property == TPM2_PT_FIRMWARE_VERSION_1) firmware = absl::StrFormat("%08x", property.value);
    if (property.property == TPM2_PT_FIRMWARE_VERSION_2) firmware += absl::StrFormat(".%08x", property.value);
  }
  return absl::StrCat("TPM 2.0 of ", manufacturer, vendor.empty() ? "" : ", ", vendor, ", firmware ", firmware);
}

}  // namespace

TpmDevice::TpmDevice(TctiOpener opener, const CryptoLibrary& library, std::unique_ptr<SessionCrypto> crypto,
                     DeviceSetup setup, DeviceMonitor& monitor, int stop_fd)
    : opener_(std::move(opener)),
      library_(library),
      crypto_(std::move(crypto)),
      secret_(std::move(setup.secret)),
      secret_ids_(std::move(setup.secret_ids)),
      monitor_(monitor),
      stop_fd_(stop_fd),
      parents_(library, std::move(setup.parent_auth), std::move(setup.trust), [this] { return MakeRoom(kPlaces - 1); }),
      endorsement_(library, std::move(setup.endorsement_auth)),
      // The primary key may be there, and the key that is used is the last to go.
      gate_(library, [this] { return MakeRoom(kPlaces - 2); }) {
  monitor_.SetSecretOrigin(std::move(setup.secret_origin));
  SayWhatIsMissing();
}

void TpmDevice::Leave() {
  if (connection_ == nullptr) return;
  for (const Loaded& loaded : loaded_) channel_->Flush(loaded.handle);
  parents_.Flush(*channel_);
  channel_->End();
  Forget();
}

absl::Status TpmDevice::Probe() {
  const bool was_ready = ready_;
  const absl::Status ready = EnsureReady();
  SayWhatIsMissing();
  RETURN_IF_ERROR(ready);
  if (monitor_.primary_wanted()) {
    ASSIGN_OR_RETURN(std::string primary, parents_.Learn(*channel_));
    monitor_.SetPrimaryParent(std::move(primary));
  }
  return was_ready ? Identify() : absl::OkStatus();
}

absl::Status TpmDevice::EnsureReady() {
  if (ready_) return absl::OkStatus();
  if (connection_ == nullptr) {
    ASSIGN_OR_RETURN(connection_, TpmConnection::Open(opener_, monitor_, stop_fd_));
    channel_ = std::make_unique<TpmChannel>(*connection_, library_, *crypto_);
  }
  RETURN_IF_ERROR(Identify());
  RETURN_IF_ERROR(AskAlgorithms());
  RETURN_IF_ERROR(parents_.Find(*channel_));
  monitor_.SetStorageRoot(parents_.Describe());
  monitor_.SetPersistentParent(parents_.persistent_name());
  if (const std::string primary = parents_.primary_name(); !primary.empty()) monitor_.SetPrimaryParent(primary);
  ready_ = true;
  return absl::OkStatus();
}

absl::Status TpmDevice::Identify() {
  constexpr UINT32 kProperties = TPM2_PT_FIRMWARE_VERSION_2 - TPM2_PT_MANUFACTURER + 1;
  TPMI_YES_NO more = 0;
  TPMS_CAPABILITY_DATA* raw = nullptr;
  RETURN_IF_ERROR(FromTss(connection_->Execute(
                              [](ESYS_CONTEXT* esys) {
                                return Esys_GetCapability_Async(esys, ESYS_TR_NONE, ESYS_TR_NONE, ESYS_TR_NONE,
                                                                TPM2_CAP_TPM_PROPERTIES, TPM2_PT_MANUFACTURER,
                                                                kProperties);
                              },
                              [&](ESYS_CONTEXT* esys) { return Esys_GetCapability_Finish(esys, &more, &raw); }),
                          "asking the TPM who it is"));
  const EsysPtr<TPMS_CAPABILITY_DATA> data(raw);
  monitor_.SetDevice(Describe(data->data.tpmProperties));
  ASSIGN_OR_RETURN(const Lockout lockout, ReadLockout(*connection_));
  monitor_.SetWarning(Describe(lockout));
  return absl::OkStatus();
}

// AskAlgorithms has the TPM test the parameters of each kind of key, so that nobody has to guess from lists of its
// curves and key sizes.
absl::Status TpmDevice::AskAlgorithms() {
  if (asked_algorithms_) return absl::OkStatus();
  std::vector<KeyAlgorithm> made;
  for (const KeyAlgorithm algorithm : kAllAlgorithms) {
    const TPMT_PUBLIC area = KeyTemplate(algorithm, KeyPurpose::kHandshake).publicArea;
    const TPMT_PUBLIC_PARMS parameters = {.type = area.type, .parameters = area.parameters};
    const TSS2_RC rc = connection_->Execute(
        [&](ESYS_CONTEXT* esys) {
          return Esys_TestParms_Async(esys, ESYS_TR_NONE, ESYS_TR_NONE, ESYS_TR_NONE, &parameters);
        },
        [](ESYS_CONTEXT* esys) { return Esys_TestParms_Finish(esys); });
    // Whatever the TPM has against the parameters themselves is a format-one code (TPM 2.0 Part 2, 6.6.1).
    const std::optional<TSS2_RC> code = TpmCode(rc);
    if (code.has_value() && (*code & TPM2_RC_FMT1) != 0) continue;
    RETURN_IF_ERROR(FromTss(rc, "asking the TPM what keys it makes"));
    made.push_back(algorithm);
  }
  monitor_.SetAlgorithms(std::move(made));
  asked_algorithms_ = true;
  return absl::OkStatus();
}

absl::Status TpmDevice::CheckAlgorithm(KeyAlgorithm algorithm) const {
  std::string names;
  for (const KeyAlgorithm made : monitor_.algorithms()) {
    if (made == algorithm) return absl::OkStatus();
    absl::StrAppend(&names, names.empty() ? "" : ", ", std::string(AlgorithmName(made)));
  }
  return absl::UnimplementedError(absl::StrCat("this TPM does not make keys of ", std::string(AlgorithmName(algorithm)),
                                               "; it makes ", names, ", and another backend may make more"));
}

absl::StatusOr<std::optional<SecretBytes>> TpmDevice::AuthFor(const KeyBlob& blob) const {
  if (!blob.has_auth) return std::nullopt;
  ASSIGN_OR_RETURN(SecretBytes derived, DeriveSecret(library_, secret_->value, blob.salt, kAuthLabel));
  return derived;
}

// CheckBlob holds the label of a key against what the TPM will load.
absl::StatusOr<KeyBlob> TpmDevice::CheckBlob(const SealedKey& key) {
  ASSIGN_OR_RETURN(KeyBlob blob, ParseBlob(key.blob));
  const bool from_file = AlgorithmOf(blob.public_area) == key.algorithm && CheckTss2PublicArea(blob.public_area).ok();
  const auto ours = IsMadeHere(library_, blob.public_area, blob.binding, key.algorithm, key.purpose);
  if ((!ours.ok() || !*ours) && !IsFromImportTemplate(blob.public_area, key.algorithm, key.purpose) && !from_file) {
    return absl::DataLossError("the stored key is damaged or does not belong to its record");
  }
  const auto info = PublicKeyInfo(library_, blob.public_area);
  if (!info.ok() || *info != key.public_key) {
    return absl::DataLossError("the stored key is damaged or does not belong to its record");
  }
  if (blob.has_auth && !secret_.has_value()) {
    secret_ids_.insert(blob.secret_id);
    SayWhatIsMissing();
    return KeysLocked();
  }
  if (blob.has_auth && blob.secret_id != secret_->id) {
    return absl::DataLossError(
        "the stored key was made under another secret; restore the secret that belongs to this key store");
  }
  return blob;
}

absl::StatusOr<const ReadKeys::Key*> TpmDevice::Read(const SealedKey& key) {
  if (const ReadKeys::Key* const known = read_.Find(key); known != nullptr) return known;
  ReadKeys::Key read;
  ASSIGN_OR_RETURN(read.blob, CheckBlob(key));
  ASSIGN_OR_RETURN(read.public_key, library_.ParsePublicKeyInfo(key.algorithm, key.public_key));
  ASSIGN_OR_RETURN(read.name, NameOf(library_, read.blob.public_area));
  return read_.Keep(key, std::move(read));
}

absl::StatusOr<TpmDevice::Loaded*> TpmDevice::Load(const SealedKey& key) {
  const auto known =
      std::find_if(loaded_.begin(), loaded_.end(), [&](const Loaded& loaded) { return SameKey(loaded.sealed, key); });
  if (known != loaded_.end()) {
    loaded_.splice(loaded_.begin(), loaded_, known);
    return &loaded_.front();
  }
  ASSIGN_OR_RETURN(const ReadKeys::Key* const read, Read(key));
  const KeyBlob& blob = read->blob;
  ASSIGN_OR_RETURN(std::optional<SecretBytes> auth, AuthFor(blob));
  std::optional<BoundKey> bound;
  if (blob.binding.has_value()) {
    ASSIGN_OR_RETURN(KeyPolicy policy, MakeKeyPolicy(library_, key.purpose, *blob.binding));
    bound.emplace(BoundKey{*blob.binding, policy, 0, {}});
  }
  ASSIGN_OR_RETURN(const StorageKey* const parent, parents_.Named(*channel_, blob.parent));
  RETURN_IF_ERROR(MakeRoomUnder(*parent));
  TPM2_HANDLE handle = 0;
  const absl::Status loading = Protected(
      *parent, {.command = {.code = TPM2_CC_Load,
                            .names = {&parent->name, 1},
                            .auth = parent->auth,
                            .attributes = TPMA_SESSION_DECRYPT | TPMA_SESSION_ENCRYPT},
                .doing = "loading a TPM key",
                .prepare =
                    [&](TSS2_SYS_CONTEXT* sys) {
                      return Tss2_Sys_Load_Prepare(sys, parent->handle, &blob.private_area, &blob.public_area);
                    },
                .complete =
                    [&](TSS2_SYS_CONTEXT* sys) {
                      TPM2B_NAME told = {};
                      return Tss2_Sys_Load_Complete(sys, &handle, &told);
                    }});
  if (!loading.ok()) {
    // What the TPM itself finds wrong with a well-formed blob is the blob.
    if (absl::IsUnavailable(loading) || absl::IsResourceExhausted(loading)) return loading;
    if (IsAuthFailure(loading)) {
      const bool other = parents_.GiveUp(*parent);
      const absl::Status refused = other ? parents_.Named(*channel_, blob.parent).status() : loading;
      SayWhatIsMissing();
      return refused;
    }
    return DataLoss(loading, "the stored key does not load: it was made by another TPM or is damaged");
  }
  EVP_PKEY_up_ref(read->public_key.get());
  loaded_.push_front(
      {key, handle, read->name, blob.parent, EvpKey(read->public_key.get()), std::move(auth), std::move(bound)});
  return &loaded_.front();
}

absl::StatusOr<KeyDevice::Signed> TpmDevice::Sign(const SignRequest& request, const std::function<void()>& meanwhile) {
  const absl::Status ready = EnsureReady();
  if (!ready.ok()) SayWhatIsMissing();
  RETURN_IF_ERROR(ready);
  ASSIGN_OR_RETURN(Loaded* const loaded, Load(request.key));
  ASSIGN_OR_RETURN(const StorageKey* const parent, parents_.Named(*channel_, loaded->parent));
  if (loaded->bound.has_value()) RETURN_IF_ERROR(OpenGate(*parent, *loaded));
  const TPM2B_DIGEST digest = ToTpmDigest(request.digest);
  const TPMT_SIG_SCHEME scheme = SchemeOf(request.scheme);
  TPMT_SIGNATURE made = {};
  const absl::Status signing = Protected(
      *parent,
      {.command = {.code = TPM2_CC_Sign,
                   .names = {&loaded->name, 1},
                   .auth = loaded->auth.has_value() ? &*loaded->auth : nullptr,
                   // The answer cannot be encrypted, as it begins with no sized buffer; a signature is no secret.
                   .attributes = TPMA_SESSION_DECRYPT},
       .doing = "signing with a TPM key",
       .prepare =
           [&](TSS2_SYS_CONTEXT* sys) {
             return Tss2_Sys_Sign_Prepare(sys, loaded->handle, &digest, &scheme, &kNotRestricted);
           },
       .complete = [&](TSS2_SYS_CONTEXT* sys) { return Tss2_Sys_Sign_Complete(sys, &made); },
       .meanwhile = meanwhile},
      loaded->bound.has_value());
  if (IsAuthFailure(signing) && !absl::IsUnavailable(signing)) {
    return DataLoss(signing,
                    "the stored key does not accept its authorisation: it is damaged, and not tried again before a "
                    "restart of the daemon");
  }
  RETURN_IF_ERROR(signing);
  std::optional<Signature> signature = ToSignature(made, request.scheme);
  if (!signature.has_value()) return absl::InternalError("the TPM gave a signature of another kind than asked for");
  EVP_PKEY_up_ref(loaded->public_key.get());
  return Signed{*std::move(signature), EvpKey(loaded->public_key.get())};
}

// MakeRoom flushes the keys that were not used for the longest time until at most `keys` are loaded.
absl::Status TpmDevice::MakeRoom(size_t keys) {
  while (loaded_.size() > keys) {
    RETURN_IF_ERROR(FromTss(channel_->Flush(loaded_.back().handle), "making room in the TPM"));
    loaded_.pop_back();
  }
  return absl::OkStatus();
}

// MakeRoomUnder leaves a place for another object under `parent`, which takes a place itself, even a persistent one.
absl::Status TpmDevice::MakeRoomUnder(const StorageKey& parent) {
  return MakeRoom(kPlaces - 2 - (parents_.TakesPlaceBeside(parent) ? 1 : 0));
}

void TpmDevice::Recover(Recovery recovery) {
  switch (recovery) {
    case Recovery::kNone:
    case Recovery::kRepeat:
      break;
    case Recovery::kNewSession:
      if (channel_ != nullptr) channel_->End();
      break;
    case Recovery::kForget:
      Forget();
      break;
    case Recovery::kEvict:
      FlushAll();
      break;
    case Recovery::kStartup:
      // If this fails the next attempt says why.
      connection_->Execute([](ESYS_CONTEXT* esys) { return Esys_Startup_Async(esys, TPM2_SU_CLEAR); },
                           [](ESYS_CONTEXT* esys) { return Esys_Startup_Finish(esys); });
      Forget();
      break;
    case Recovery::kReconnect:
      Forget();
      // What answers next may be another TPM.
      asked_algorithms_ = false;
      channel_.reset();
      connection_.reset();
      break;
  }
}

// Forget drops the handles of everything loaded, which is gone or not ours any more.
void TpmDevice::Forget() {
  if (channel_ != nullptr) channel_->Forget();
  loaded_.clear();
  parents_.Forget();
  ready_ = false;
}

// FlushAll empties the TPM of loaded objects and sessions, whoever loaded them.
void TpmDevice::FlushAll() {
  Forget();
  for (const TPM2_HANDLE first : {TPM2_TRANSIENT_FIRST, TPM2_LOADED_SESSION_FIRST}) {
    TPMI_YES_NO more = 0;
    TPMS_CAPABILITY_DATA* raw = nullptr;
    const TSS2_RC rc = connection_->Execute(
        [&](ESYS_CONTEXT* esys) {
          return Esys_GetCapability_Async(esys, ESYS_TR_NONE, ESYS_TR_NONE, ESYS_TR_NONE, TPM2_CAP_HANDLES, first,
                                          kMostHandles);
        },
        [&](ESYS_CONTEXT* esys) { return Esys_GetCapability_Finish(esys, &more, &raw); });
    if (rc != TSS2_RC_SUCCESS) return;
    const EsysPtr<TPMS_CAPABILITY_DATA> data(raw);
    const TPML_HANDLE& handles = data->data.handles;
    for (const TPM2_HANDLE handle : std::span(handles.handle, std::min<size_t>(handles.count, TPM2_MAX_CAP_HANDLES))) {
      if (channel_->Flush(handle) != TSS2_RC_SUCCESS) return;
    }
  }
}

}  // namespace ddskey::tpm
