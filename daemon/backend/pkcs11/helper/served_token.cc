#include "daemon/backend/pkcs11/helper/served_token.h"

#include <algorithm>

#include "absl/strings/str_cat.h"
#include "daemon/backend/pkcs11/helper/ckr.h"
#include "daemon/backend/pkcs11/helper/key_description.h"
#include "daemon/backend/pkcs11/helper/key_making.h"
#include "daemon/backend/pkcs11/helper/key_objects.h"
#include "daemon/backend/pkcs11/helper/signing.h"
#include "proto/contract/status_macros.h"

namespace ddskey::pkcs11 {
namespace {

constexpr size_t kMaxHandles = 4096;

std::string WarningOf(const CK_TOKEN_INFO& info) {
  if ((info.flags & CKF_USER_PIN_TO_BE_CHANGED) != 0) return "the token wants its PIN to be changed";
  if ((info.flags & (CKF_USER_PIN_COUNT_LOW | CKF_USER_PIN_FINAL_TRY)) != 0) {
    return "somebody tried wrong PINs: few tries are left until the token locks itself";
  }
  return "";
}

}  // namespace

absl::StatusOr<std::unique_ptr<ServedToken>> ServedToken::Create(TokenChoice choice, size_t sessions) {
  ASSIGN_OR_RETURN(std::unique_ptr<CryptoLibrary> library, CryptoLibrary::Create());
  return std::unique_ptr<ServedToken>(new ServedToken(std::move(choice), sessions, std::move(library)));
}

absl::StatusOr<wire::TokenAnswer> ServedToken::Open(const Pin& pin) {
  const std::unique_lock lock(mutex_);
  if (sessions_ != nullptr) {
    const CK_SESSION_HANDLE session = sessions_->Borrow();
    const absl::Status there = sessions_->Check(session);
    sessions_->Return(session);
    if (!there.ok()) {
      sessions_ = nullptr;
      return there;
    }
    return Describe();
  }
  RETURN_IF_ERROR(LogInAnew(pin));
  return Describe();
}

absl::Status ServedToken::LogInAnew(const Pin& pin) {
  if (!module_.has_value()) {
    ASSIGN_OR_RETURN(module_, Module::Load(choice_.module.path()));
  }
  {
    const std::lock_guard lock(handles_mutex_);
    handles_.clear();
  }
  ASSIGN_OR_RETURN(const ChosenToken token, FindToken(module_->functions(), choice_));
  ASSIGN_OR_RETURN(sessions_, Sessions::Open(module_->functions(), token, module_->takes_threads() ? limit_ : 1, pin));
  return absl::OkStatus();
}

wire::TokenAnswer ServedToken::Describe() const {
  const CK_SLOT_ID slot = sessions_->token().slot;
  CK_TOKEN_INFO info = sessions_->token().info;
  // What it says now, if it says something.
  module_->functions().C_GetTokenInfo(slot, &info);
  wire::TokenAnswer answer;
  answer.set_label(Padded(info.label));
  answer.set_manufacturer(Padded(info.manufacturerID));
  answer.set_model(Padded(info.model));
  answer.set_serial(Padded(info.serialNumber));
  answer.set_firmware(absl::StrCat(info.firmwareVersion.major, ".", info.firmwareVersion.minor));
  answer.set_warning(WarningOf(info));
  answer.set_sessions(static_cast<uint32_t>(sessions_->size()));
  for (const KeyAlgorithm algorithm : AlgorithmsOf(module_->functions(), slot)) {
    answer.add_algorithms(static_cast<uint32_t>(algorithm));
  }
  return answer;
}

absl::Status ServedToken::WithSession(const std::function<absl::Status(CK_SESSION_HANDLE)>& call) {
  const std::shared_lock lock(mutex_);
  if (sessions_ == nullptr) return Lost("the PKCS#11 token is not open");
  CK_SESSION_HANDLE session = sessions_->Borrow();
  absl::Status status = call(session);
  if (IsSessionGone(CkrOf(status))) {
    status = sessions_->Renew(session);
    if (status.ok()) status = call(session);
  } else if (!status.ok() && !IsLost(status)) {
    // Some modules say no more than that something failed when their token goes; and keys of somebody who is not
    // logged in are not found.
    if (const absl::Status there = sessions_->Check(session); !there.ok()) status = there;
  }
  sessions_->Return(session);
  return status;
}

absl::StatusOr<wire::KeyAnswer> ServedToken::Make(KeyAlgorithm algorithm, const std::string& id,
                                                  const std::string& label) {
  wire::KeyAnswer answer;
  RETURN_IF_ERROR(WithSession([&](CK_SESSION_HANDLE session) -> absl::Status {
    const ObjectView view(module_->functions(), session);
    ASSIGN_OR_RETURN(const MadePair pair, MakePair(module_->functions(), session, algorithm, id, label));
    auto described = pkcs11::Describe(view, *library_, pair.private_key, pair.public_key);
    if (!described.ok()) {
      view.Destroy(pair.private_key).IgnoreError();
      view.Destroy(pair.public_key).IgnoreError();
      return described.status();
    }
    answer = *std::move(described);
    return absl::OkStatus();
  }));
  return answer;
}

absl::StatusOr<wire::KeyAnswer> ServedToken::Find(const std::string& label) {
  wire::KeyAnswer answer;
  RETURN_IF_ERROR(WithSession([&](CK_SESSION_HANDLE session) -> absl::Status {
    ASSIGN_OR_RETURN(answer, FindByLabel(ObjectView(module_->functions(), session), *library_, label));
    return absl::OkStatus();
  }));
  return answer;
}

absl::StatusOr<std::string> ServedToken::Sign(const std::string& id, SignatureScheme scheme,
                                              const std::string& digest) {
  std::string signature;
  const KeyName name(FamilyOf(scheme) == SignatureFamily::kEcdsa ? CKK_EC : CKK_RSA, id);
  RETURN_IF_ERROR(WithSession([&](CK_SESSION_HANDLE session) -> absl::Status {
    ASSIGN_OR_RETURN(CK_OBJECT_HANDLE key, HandleOf(session, name));
    auto made = SignDigest(module_->functions(), session, key, scheme, digest);
    if (IsHandleStale(CkrOf(made.status()))) {
      Forget(name);
      ASSIGN_OR_RETURN(key, HandleOf(session, name));
      made = SignDigest(module_->functions(), session, key, scheme, digest);
    }
    RETURN_IF_ERROR(made.status());
    signature = *std::move(made);
    return absl::OkStatus();
  }));
  return signature;
}

absl::StatusOr<CK_OBJECT_HANDLE> ServedToken::HandleOf(CK_SESSION_HANDLE session, const KeyName& name) {
  {
    const std::lock_guard lock(handles_mutex_);
    if (const auto known = handles_.find(name); known != handles_.end()) return known->second;
  }
  ASSIGN_OR_RETURN(const CK_OBJECT_HANDLE key,
                   FindSigningKey(ObjectView(module_->functions(), session), name.first, name.second));
  const std::lock_guard lock(handles_mutex_);
  if (handles_.size() >= kMaxHandles) handles_.clear();
  handles_[name] = key;
  return key;
}

void ServedToken::Forget(const KeyName& name) {
  const std::lock_guard lock(handles_mutex_);
  handles_.erase(name);
}

absl::Status ServedToken::Destroy(const std::string& id) {
  for (const CK_KEY_TYPE type : {CKK_EC, CKK_RSA}) Forget({type, id});
  return WithSession(
      [&](CK_SESSION_HANDLE session) { return DestroyPair(ObjectView(module_->functions(), session), id); });
}

}  // namespace ddskey::pkcs11
