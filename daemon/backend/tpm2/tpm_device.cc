#include "daemon/backend/tpm2/tpm_device.h"

#include <string.h>

#include <algorithm>
#include <array>
#include <span>
#include <utility>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "daemon/backend/derive_secret.h"
#include "daemon/backend/tpm2/templates.h"
#include "proto/contract/secret_access.h"
#include "proto/contract/status_macros.h"

namespace ddskey::tpm {
namespace {

// TCG Registry of Reserved TPM 2.0 Handles: the storage root key.
constexpr TPM2_HANDLE kStorageRoot = 0x81000001;
constexpr size_t kPlaces = 3;
constexpr UINT32 kMostHandles = 64;
constexpr size_t kSaltSize = 32;
constexpr char kAuthLabel[] = "ddskey/tpm2/auth/1";

constexpr TPM2B_DATA kNoData = {};
constexpr TPML_PCR_SELECTION kNoPcrs = {};
// The ticket that is none (TPM 2.0 Part 2, 10.7.2).
constexpr TPMT_TK_HASHCHECK kNotRestricted = {TPM2_ST_HASHCHECK, TPM2_RH_NULL, {}};

bool SameName(const TPM2B_NAME& a, const TPM2B_NAME& b) {
  return a.size == b.size && memcmp(a.name, b.name, a.size) == 0;
}

bool IsAuthFailure(TSS2_RC rc) {
  const auto code = TpmCode(rc);
  return code == TPM2_RC_AUTH_FAIL || code == TPM2_RC_BAD_AUTH;
}

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

TpmDevice::TpmDevice(TctiOpener opener, const CryptoLibrary& library, std::optional<AuthSecret> secret,
                     DeviceMonitor& monitor, int stop_fd)
    : opener_(std::move(opener)), library_(library), secret_(std::move(secret)), monitor_(monitor), stop_fd_(stop_fd) {}

void TpmDevice::Leave() {
  if (connection_ == nullptr) return;
  for (const Loaded& loaded : loaded_) Flush(loaded.handle);
  if (primary_.has_value()) Flush(primary_->handle);
  Forget();
}

absl::Status TpmDevice::Probe() {
  const bool was_ready = ready_;
  RETURN_IF_ERROR(EnsureReady());
  return was_ready ? Identify() : absl::OkStatus();
}

absl::Status TpmDevice::EnsureReady() {
  if (ready_) return absl::OkStatus();
  if (connection_ == nullptr) {
    ASSIGN_OR_RETURN(connection_, TpmConnection::Open(opener_, monitor_, stop_fd_));
  }
  RETURN_IF_ERROR(Identify());
  RETURN_IF_ERROR(AskAlgorithms());
  RETURN_IF_ERROR(FindPersistentParent());
  if (!persistent_.has_value()) RETURN_IF_ERROR(EnsurePrimary());
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

absl::Status TpmDevice::FindPersistentParent() {
  persistent_.reset();
  if (persistent_locked_) return absl::OkStatus();
  ESYS_TR handle = ESYS_TR_NONE;
  TSS2_RC rc = connection_->Execute(
      [](ESYS_CONTEXT* esys) {
        return Esys_TR_FromTPMPublic_Async(esys, kStorageRoot, ESYS_TR_NONE, ESYS_TR_NONE, ESYS_TR_NONE);
      },
      [&](ESYS_CONTEXT* esys) { return Esys_TR_FromTPMPublic_Finish(esys, &handle); });
  if (TpmCode(rc) == TPM2_RC_HANDLE) return absl::OkStatus();
  RETURN_IF_ERROR(FromTss(rc, "looking for the TPM's storage root key"));
  TPM2B_PUBLIC* raw = nullptr;
  rc = connection_->Execute(
      [&](ESYS_CONTEXT* esys) { return Esys_ReadPublic_Async(esys, handle, ESYS_TR_NONE, ESYS_TR_NONE, ESYS_TR_NONE); },
      [&](ESYS_CONTEXT* esys) { return Esys_ReadPublic_Finish(esys, &raw, nullptr, nullptr); });
  RETURN_IF_ERROR(FromTss(rc, "reading the TPM's storage root key"));
  const EsysPtr<TPM2B_PUBLIC> public_area(raw);
  if (!IsUsableParent(*public_area)) {
    Esys_TR_Close(connection_->esys(), &handle);
    return absl::OkStatus();
  }
  ASSIGN_OR_RETURN(const TPM2B_NAME name, NameOf(handle));
  persistent_ = Parent{handle, name};
  return absl::OkStatus();
}

absl::Status TpmDevice::EnsurePrimary() {
  if (primary_.has_value()) return absl::OkStatus();
  RETURN_IF_ERROR(MakeRoom(kPlaces - 1));
  const TPM2B_SENSITIVE_CREATE sensitive = {};
  const TPM2B_PUBLIC public_area = SrkTemplate();
  ESYS_TR handle = ESYS_TR_NONE;
  const TSS2_RC rc = connection_->Execute(
      [&](ESYS_CONTEXT* esys) {
        return Esys_CreatePrimary_Async(esys, ESYS_TR_RH_OWNER, ESYS_TR_PASSWORD, ESYS_TR_NONE, ESYS_TR_NONE,
                                        &sensitive, &public_area, &kNoData, &kNoPcrs);
      },
      [&](ESYS_CONTEXT* esys) { return Esys_CreatePrimary_Finish(esys, &handle, nullptr, nullptr, nullptr, nullptr); },
      [] {}, TpmConnection::kPatienceForCreation);
  if (IsAuthFailure(rc)) {
    return FromTss(
        rc,
        "deriving the storage root key, as the TPM's owner hierarchy has a password: make the key persistent "
        "at 0x81000001 without a password, which");
  }
  RETURN_IF_ERROR(FromTss(rc, "deriving the TPM's storage root key"));
  ASSIGN_OR_RETURN(const TPM2B_NAME name, NameOf(handle));
  primary_ = Parent{handle, name};
  return absl::OkStatus();
}

absl::StatusOr<TPM2B_NAME> TpmDevice::NameOf(ESYS_TR handle) const {
  TPM2B_NAME* raw = nullptr;
  RETURN_IF_ERROR(FromTss(Esys_TR_GetName(connection_->esys(), handle, &raw), "naming a TPM key"));
  return *EsysPtr<TPM2B_NAME>(raw);
}

absl::StatusOr<ESYS_TR> TpmDevice::ParentNamed(const TPM2B_NAME& name) {
  if (persistent_.has_value() && SameName(persistent_->name, name)) return persistent_->handle;
  RETURN_IF_ERROR(EnsurePrimary());
  if (SameName(primary_->name, name)) return primary_->handle;
  return absl::DataLossError("the stored key was made by another TPM, or before this TPM was cleared");
}

absl::StatusOr<SealedKey> TpmDevice::Create(const CreateRequest& request) {
  RETURN_IF_ERROR(EnsureReady());
  RETURN_IF_ERROR(CheckAlgorithm(request.algorithm));
  if (persistent_.has_value()) {
    auto key = CreateUnder(*persistent_, request);
    const auto raw = RawTss(key.status());
    if (!raw.has_value() || !IsAuthFailure(*raw)) return key;
    // Somebody gave it a password; noDA makes sure that finding out cost nothing.
    persistent_locked_ = true;
    Esys_TR_Close(connection_->esys(), &persistent_->handle);
    persistent_.reset();
  }
  RETURN_IF_ERROR(EnsurePrimary());
  return CreateUnder(*primary_, request);
}

absl::StatusOr<SealedKey> TpmDevice::CreateUnder(const Parent& parent, const CreateRequest& request) {
  KeyBlob blob;
  blob.parent = parent.name;
  if (secret_.has_value()) {
    blob.has_auth = true;
    blob.secret_id = secret_->id;
    ASSIGN_OR_RETURN(blob.salt, RandomOctets(library_, kSaltSize));
  }
  TPM2B_SENSITIVE_CREATE sensitive = {};
  ASSIGN_OR_RETURN(sensitive.sensitive.userAuth, AuthFor(blob));
  const TPM2B_PUBLIC public_template = KeyTemplate(request.algorithm, request.purpose);
  RETURN_IF_ERROR(MakeRoomUnder(parent.handle));
  TPM2B_PRIVATE* raw_private = nullptr;
  TPM2B_PUBLIC* raw_public = nullptr;
  const TSS2_RC rc = connection_->Execute(
      [&](ESYS_CONTEXT* esys) {
        return Esys_Create_Async(esys, parent.handle, ESYS_TR_PASSWORD, ESYS_TR_NONE, ESYS_TR_NONE, &sensitive,
                                 &public_template, &kNoData, &kNoPcrs);
      },
      [&](ESYS_CONTEXT* esys) {
        return Esys_Create_Finish(esys, &raw_private, &raw_public, nullptr, nullptr, nullptr);
      },
      [] {}, TpmConnection::kPatienceForCreation);
  explicit_bzero(&sensitive, sizeof(sensitive));
  RETURN_IF_ERROR(FromTss(rc, "making a key in the TPM"));
  const EsysPtr<TPM2B_PRIVATE> private_area(raw_private);
  const EsysPtr<TPM2B_PUBLIC> public_area(raw_public);
  if (!IsFromTemplate(*public_area, request.algorithm, request.purpose)) {
    return absl::InternalError("the TPM made another key than it was asked for");
  }
  blob.public_area = *public_area;
  blob.private_area = *private_area;
  SealedKey sealed{request.algorithm, request.purpose, "", ""};
  ASSIGN_OR_RETURN(sealed.public_key, PublicKeyInfo(library_, *public_area));
  ASSIGN_OR_RETURN(sealed.blob, SerializeBlob(blob));
  return sealed;
}

absl::StatusOr<TPM2B_AUTH> TpmDevice::AuthFor(const KeyBlob& blob) const {
  TPM2B_AUTH auth = {};
  if (!blob.has_auth) return auth;
  ASSIGN_OR_RETURN(const SecretBytes derived, DeriveSecret(library_, secret_->value, blob.salt, kAuthLabel));
  const std::span<const uint8_t> octets = derived.Reveal(SecretAccess());
  auth.size = static_cast<UINT16>(octets.size());
  std::copy(octets.begin(), octets.end(), auth.buffer);
  return auth;
}

absl::Status TpmDevice::SetAuth(ESYS_TR handle, const KeyBlob& blob) {
  ASSIGN_OR_RETURN(TPM2B_AUTH auth, AuthFor(blob));
  const TSS2_RC rc = Esys_TR_SetAuth(connection_->esys(), handle, &auth);
  explicit_bzero(&auth, sizeof(auth));
  return FromTss(rc, "setting the authorisation of a TPM key");
}

// CheckBlob holds the label of a key against what the TPM will load.
absl::StatusOr<KeyBlob> TpmDevice::CheckBlob(const SealedKey& key) const {
  ASSIGN_OR_RETURN(KeyBlob blob, ParseBlob(key.blob));
  if (!IsFromTemplate(blob.public_area, key.algorithm, key.purpose)) {
    return absl::DataLossError("the stored key is damaged or does not belong to its record");
  }
  const auto info = PublicKeyInfo(library_, blob.public_area);
  if (!info.ok() || *info != key.public_key) {
    return absl::DataLossError("the stored key is damaged or does not belong to its record");
  }
  if (blob.has_auth && (!secret_.has_value() || blob.secret_id != secret_->id)) {
    return absl::DataLossError(
        "the stored key was made under another secret; restore the secret that belongs to this key store");
  }
  return blob;
}

absl::StatusOr<TpmDevice::Loaded*> TpmDevice::Load(const SealedKey& key) {
  const auto known =
      std::find_if(loaded_.begin(), loaded_.end(), [&](const Loaded& loaded) { return SameKey(loaded.sealed, key); });
  if (known != loaded_.end()) {
    loaded_.splice(loaded_.begin(), loaded_, known);
    return &loaded_.front();
  }
  ASSIGN_OR_RETURN(const KeyBlob blob, CheckBlob(key));
  ASSIGN_OR_RETURN(EvpKey public_key, library_.ParsePublicKeyInfo(key.algorithm, key.public_key));
  ASSIGN_OR_RETURN(const ESYS_TR parent, ParentNamed(blob.parent));
  RETURN_IF_ERROR(MakeRoomUnder(parent));
  ESYS_TR handle = ESYS_TR_NONE;
  const absl::Status loading =
      FromTss(connection_->Execute(
                  [&](ESYS_CONTEXT* esys) {
                    return Esys_Load_Async(esys, parent, ESYS_TR_PASSWORD, ESYS_TR_NONE, ESYS_TR_NONE,
                                           &blob.private_area, &blob.public_area);
                  },
                  [&](ESYS_CONTEXT* esys) { return Esys_Load_Finish(esys, &handle); }),
              "loading a TPM key");
  if (!loading.ok()) {
    // What the TPM itself finds wrong with a well-formed blob is the blob.
    if (absl::IsUnavailable(loading) || absl::IsResourceExhausted(loading)) return loading;
    return DataLoss(loading, "the stored key does not load: it was made by another TPM or is damaged");
  }
  loaded_.push_front({key, handle, std::move(public_key)});
  RETURN_IF_ERROR(SetAuth(handle, blob));
  return &loaded_.front();
}

absl::StatusOr<TpmDevice::Signed> TpmDevice::Sign(const SignRequest& request, const std::function<void()>& meanwhile) {
  RETURN_IF_ERROR(EnsureReady());
  ASSIGN_OR_RETURN(Loaded * loaded, Load(request.key));
  TPM2B_DIGEST digest = {};
  digest.size = static_cast<UINT16>(request.digest.size());
  std::copy(request.digest.begin(), request.digest.end(), digest.buffer);
  const TPMT_SIG_SCHEME scheme = SchemeOf(request.scheme);
  TPMT_SIGNATURE* raw = nullptr;
  const TSS2_RC rc = connection_->Execute(
      [&](ESYS_CONTEXT* esys) {
        return Esys_Sign_Async(esys, loaded->handle, ESYS_TR_PASSWORD, ESYS_TR_NONE, ESYS_TR_NONE, &digest, &scheme,
                               &kNotRestricted);
      },
      [&](ESYS_CONTEXT* esys) { return Esys_Sign_Finish(esys, &raw); }, meanwhile);
  const absl::Status signing = FromTss(rc, "signing with a TPM key");
  if (IsAuthFailure(rc)) {
    return DataLoss(signing, "the stored key does not accept its authorisation: it is damaged");
  }
  RETURN_IF_ERROR(signing);
  const EsysPtr<TPMT_SIGNATURE> owned(raw);
  std::optional<Signature> signature = ToSignature(*owned, request.scheme);
  if (!signature.has_value()) return absl::InternalError("the TPM gave a signature of another kind than asked for");
  EVP_PKEY_up_ref(loaded->public_key.get());
  return Signed{*std::move(signature), EvpKey(loaded->public_key.get())};
}

// MakeRoom flushes the keys that were not used for the longest time until at most `keys` are loaded.
absl::Status TpmDevice::MakeRoom(size_t keys) {
  while (loaded_.size() > keys) {
    RETURN_IF_ERROR(FromTss(Flush(loaded_.back().handle), "making room in the TPM"));
    loaded_.pop_back();
  }
  return absl::OkStatus();
}

// MakeRoomUnder leaves a place for another object under `parent`, which takes a place itself, even a persistent one.
absl::Status TpmDevice::MakeRoomUnder(ESYS_TR parent) {
  const bool idle_primary = primary_.has_value() && primary_->handle != parent;
  return MakeRoom(kPlaces - 2 - (idle_primary ? 1 : 0));
}

TSS2_RC TpmDevice::Flush(ESYS_TR handle) {
  return connection_->Execute([&](ESYS_CONTEXT* esys) { return Esys_FlushContext_Async(esys, handle); },
                              [](ESYS_CONTEXT* esys) { return Esys_FlushContext_Finish(esys); });
}

void TpmDevice::Recover(Recovery recovery) {
  switch (recovery) {
    case Recovery::kNone:
    case Recovery::kRepeat:
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
      connection_.reset();
      break;
  }
}

// Forget drops the handles of everything loaded, which is gone or not ours any more.
void TpmDevice::Forget() {
  if (connection_ != nullptr) {
    for (Loaded& loaded : loaded_) Esys_TR_Close(connection_->esys(), &loaded.handle);
    for (std::optional<Parent>* parent : {&primary_, &persistent_}) {
      if (parent->has_value()) Esys_TR_Close(connection_->esys(), &(*parent)->handle);
    }
  }
  loaded_.clear();
  primary_.reset();
  persistent_.reset();
  persistent_locked_ = false;
  ready_ = false;
}

// FlushAll empties the TPM of loaded objects, whoever loaded them.
void TpmDevice::FlushAll() {
  Forget();
  TPMI_YES_NO more = 0;
  TPMS_CAPABILITY_DATA* raw = nullptr;
  const TSS2_RC rc = connection_->Execute(
      [](ESYS_CONTEXT* esys) {
        return Esys_GetCapability_Async(esys, ESYS_TR_NONE, ESYS_TR_NONE, ESYS_TR_NONE, TPM2_CAP_HANDLES,
                                        TPM2_TRANSIENT_FIRST, kMostHandles);
      },
      [&](ESYS_CONTEXT* esys) { return Esys_GetCapability_Finish(esys, &more, &raw); });
  if (rc != TSS2_RC_SUCCESS) return;
  const EsysPtr<TPMS_CAPABILITY_DATA> data(raw);
  const TPML_HANDLE& handles = data->data.handles;
  for (const TPM2_HANDLE number : std::span(handles.handle, std::min<size_t>(handles.count, TPM2_MAX_CAP_HANDLES))) {
    ESYS_TR handle = ESYS_TR_NONE;
    const TSS2_RC found = connection_->Execute(
        [&](ESYS_CONTEXT* esys) {
          return Esys_TR_FromTPMPublic_Async(esys, number, ESYS_TR_NONE, ESYS_TR_NONE, ESYS_TR_NONE);
        },
        [&](ESYS_CONTEXT* esys) { return Esys_TR_FromTPMPublic_Finish(esys, &handle); });
    if (found != TSS2_RC_SUCCESS || Flush(handle) != TSS2_RC_SUCCESS) return;
  }
}

}  // namespace ddskey::tpm
