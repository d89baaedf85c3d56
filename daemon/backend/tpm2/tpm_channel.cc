#include "daemon/backend/tpm2/tpm_channel.h"

#include <utility>

#include "daemon/backend/tpm2/session_salt.h"
#include "daemon/backend/tpm2/tss_status.h"
#include "proto/contract/status_macros.h"

namespace ddskey::tpm {
namespace {

TPMT_SYM_DEF Aes128Cfb() {
  TPMT_SYM_DEF result = {};
  result.algorithm = TPM2_ALG_AES;
  result.keyBits.aes = 128;
  result.mode.aes = TPM2_ALG_CFB;
  return result;
}

}  // namespace

TpmChannel::TpmChannel(TpmConnection& connection, const CryptoLibrary& library, const SessionCrypto& crypto)
    : connection_(connection), library_(library), crypto_(crypto) {}

absl::Status TpmChannel::Begin(const StorageKey& key) {
  if (session_.has_value()) Flush(session_->handle());
  session_.reset();
  ASSIGN_OR_RETURN(HmacSession session, Start(&key, TPM2_SE_HMAC));
  session_.emplace(std::move(session));
  salted_to_ = key.name;
  return absl::OkStatus();
}

absl::Status TpmChannel::BeginPolicy(const StorageKey& key) {
  if (policy_.has_value()) Flush(policy_->handle());
  policy_.reset();
  ASSIGN_OR_RETURN(HmacSession session, Start(&key, TPM2_SE_POLICY));
  policy_.emplace(std::move(session));
  policy_salted_to_ = key.name;
  policy_is_new_ = true;
  return absl::OkStatus();
}

absl::Status TpmChannel::RestartPolicy() {
  if (!policy_is_new_) {
    RETURN_IF_ERROR(Bare(
        "beginning a policy session of the TPM anew",
        [this](TSS2_SYS_CONTEXT* sys) { return Tss2_Sys_PolicyRestart_Prepare(sys, policy_session()); },
        &Tss2_Sys_PolicyRestart_Complete));
  }
  policy_is_new_ = false;
  return absl::OkStatus();
}

absl::Status TpmChannel::ByPolicy(const Call& call) {
  if (!policy_.has_value()) return absl::InternalError("there is no policy session with the TPM");
  policy_is_new_ = false;
  RETURN_IF_ERROR(Execute(*policy_, call));
  // TPM 2.0 Part 1, 19.7: a policy is for one command.
  policy_is_new_ = true;
  return absl::OkStatus();
}

absl::Status TpmChannel::Bare(const char* doing, const Step& prepare, const Step& complete) {
  TSS2_SYS_CONTEXT* const sys = connection_.sys();
  RETURN_IF_ERROR(FromTss(prepare(sys), doing));
  RETURN_IF_ERROR(FromTss(connection_.Transact(), doing));
  return FromTss(complete(sys), doing);
}

absl::StatusOr<HmacSession> TpmChannel::Start(const StorageKey* key, TPM2_SE type) {
  constexpr char kDoing[] = "starting a session with the TPM";
  std::optional<SessionSalt> salt;
  if (key != nullptr) {
    ASSIGN_OR_RETURN(salt, MakeSalt(library_, key->public_area));
  }
  ASSIGN_OR_RETURN(const TPM2B_NONCE nonce_caller, HmacSession::NewNonce(library_));
  const TPM2B_ENCRYPTED_SECRET no_salt = {};
  const TPMT_SYM_DEF symmetric = Aes128Cfb();
  RETURN_IF_ERROR(FromTss(
      Tss2_Sys_StartAuthSession_Prepare(connection_.sys(), key == nullptr ? TPM2_RH_NULL : key->handle, TPM2_RH_NULL,
                                        &nonce_caller, salt.has_value() ? &salt->encrypted : &no_salt, type, &symmetric,
                                        TPM2_ALG_SHA256),
      kDoing));
  RETURN_IF_ERROR(FromTss(connection_.Transact(), kDoing));
  TPMI_SH_AUTH_SESSION handle = 0;
  TPM2B_NONCE nonce_tpm = {};
  RETURN_IF_ERROR(FromTss(Tss2_Sys_StartAuthSession_Complete(connection_.sys(), &handle, &nonce_tpm), kDoing));
  return HmacSession::Create(library_, crypto_, handle, salt.has_value() ? &salt->value : nullptr, nonce_caller,
                             nonce_tpm);
}

absl::Status TpmChannel::Execute(HmacSession& session, const Call& call) {
  TSS2_SYS_CONTEXT* const sys = connection_.sys();
  RETURN_IF_ERROR(FromTss(call.prepare(sys), call.doing));
  RETURN_IF_ERROR(session.Seal(sys, call.command));
  RETURN_IF_ERROR(FromTss(connection_.Transact(call.meanwhile, call.patience), call.doing));
  RETURN_IF_ERROR(session.Open(sys, call.command));
  return FromTss(call.complete(sys), call.doing);
}

absl::Status TpmChannel::Protected(const Call& call) {
  if (!session_.has_value()) return absl::InternalError("there is no session with the TPM");
  return Execute(*session_, call);
}

absl::Status TpmChannel::ProtectedAlone(const StorageKey* key, const Call& call) {
  ASSIGN_OR_RETURN(HmacSession session, Start(key, TPM2_SE_HMAC));
  const absl::Status status = Execute(session, call);
  Flush(session.handle());
  return status;
}

absl::Status TpmChannel::Plain(const Call& call) {
  TSS2_SYS_CONTEXT* const sys = connection_.sys();
  RETURN_IF_ERROR(FromTss(call.prepare(sys), call.doing));
  TSS2L_SYS_AUTH_COMMAND authorisations = {};
  authorisations.count = 1;
  authorisations.auths[0].sessionHandle = TPM2_RS_PW;
  RETURN_IF_ERROR(FromTss(Tss2_Sys_SetCmdAuths(sys, &authorisations), call.doing));
  RETURN_IF_ERROR(FromTss(connection_.Transact(call.meanwhile, call.patience), call.doing));
  return FromTss(call.complete(sys), call.doing);
}

absl::Status TpmChannel::Confirm(TPM2_HANDLE handle, const TPM2B_NAME& name) {
  // The name is part of what the session's HMAC is over.
  return Protected({.command = {.code = TPM2_CC_ReadPublic,
                                .names = {&name, 1},
                                .auth = nullptr,
                                .attributes = TPMA_SESSION_ENCRYPT},
                    .doing = "asking the TPM whether an object is what it is taken for",
                    .prepare = [&](TSS2_SYS_CONTEXT* sys) { return Tss2_Sys_ReadPublic_Prepare(sys, handle); },
                    .complete =
                        [](TSS2_SYS_CONTEXT* sys) {
                          TPM2B_PUBLIC public_area = {};
                          TPM2B_NAME told = {};
                          TPM2B_NAME qualified = {};
                          return Tss2_Sys_ReadPublic_Complete(sys, &public_area, &told, &qualified);
                        }});
}

absl::Status TpmChannel::Bare(const Call& call) {
  TSS2_SYS_CONTEXT* const sys = connection_.sys();
  RETURN_IF_ERROR(FromTss(call.prepare(sys), call.doing));
  RETURN_IF_ERROR(FromTss(connection_.Transact(call.meanwhile, call.patience), call.doing));
  return FromTss(call.complete(sys), call.doing);
}

absl::StatusOr<TPMI_SH_POLICY> TpmChannel::StartPolicy() {
  ASSIGN_OR_RETURN(const TPM2B_NONCE nonce_caller, HmacSession::NewNonce(library_));
  const TPM2B_ENCRYPTED_SECRET no_salt = {};
  TPMT_SYM_DEF symmetric = {};
  symmetric.algorithm = TPM2_ALG_NULL;
  TPMI_SH_AUTH_SESSION handle = 0;
  RETURN_IF_ERROR(Bare({.command = {.code = TPM2_CC_StartAuthSession},
                        .doing = "starting a policy session with the TPM",
                        .prepare =
                            [&](TSS2_SYS_CONTEXT* sys) {
                              return Tss2_Sys_StartAuthSession_Prepare(sys, TPM2_RH_NULL, TPM2_RH_NULL, &nonce_caller,
                                                                       &no_salt, TPM2_SE_POLICY, &symmetric,
                                                                       TPM2_ALG_SHA256);
                            },
                        .complete =
                            [&](TSS2_SYS_CONTEXT* sys) {
                              TPM2B_NONCE nonce_tpm = {};
                              return Tss2_Sys_StartAuthSession_Complete(sys, &handle, &nonce_tpm);
                            }}));
  return handle;
}

absl::StatusOr<TPM2B_PUBLIC> TpmChannel::ReadPublic(TPM2_HANDLE handle) {
  constexpr char kDoing[] = "reading the TPM's storage root key";
  RETURN_IF_ERROR(FromTss(Tss2_Sys_ReadPublic_Prepare(connection_.sys(), handle), kDoing));
  RETURN_IF_ERROR(FromTss(connection_.Transact(), kDoing));
  TPM2B_PUBLIC public_area = {};
  TPM2B_NAME name = {};
  TPM2B_NAME qualified_name = {};
  RETURN_IF_ERROR(
      FromTss(Tss2_Sys_ReadPublic_Complete(connection_.sys(), &public_area, &name, &qualified_name), kDoing));
  return public_area;
}

TSS2_RC TpmChannel::Flush(TPM2_HANDLE handle) {
  if (const TSS2_RC rc = Tss2_Sys_FlushContext_Prepare(connection_.sys(), handle); rc != TSS2_RC_SUCCESS) return rc;
  return connection_.Transact();
}

void TpmChannel::End() {
  if (session_.has_value()) Flush(session_->handle());
  if (policy_.has_value()) Flush(policy_->handle());
  Forget();
}

}  // namespace ddskey::tpm
