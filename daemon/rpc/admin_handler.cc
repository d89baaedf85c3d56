#include "daemon/rpc/admin_handler.h"

#include <string.h>

#include <algorithm>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "absl/strings/escaping.h"
#include "daemon/rpc/admitted_call.h"
#include "daemon/rpc/fill_clock.h"
#include "daemon/rpc/fill_key.h"
#include "daemon/rpc/fill_revocation_list.h"
#include "proto/contract/secret_access.h"
#include "proto/contract/secret_bytes.h"
#include "proto/contract/status_macros.h"

namespace ddskey {
namespace {

constexpr size_t kMaxDocument = size_t{64} * 1024;

// TakeSecret moves a secret of a request into locked memory: null if it is empty. What gRPC keeps of the request
// besides the message is not ours to erase.
absl::StatusOr<std::shared_ptr<const SecretBytes>> TakeSecret(const std::string& field) {
  if (field.empty()) return std::shared_ptr<const SecretBytes>();
  auto secret = SecretBytes::Allocate(std::min(field.size(), kMaxDocument));
  if (secret.ok()) std::copy_n(field.begin(), secret->size(), secret->Reveal(SecretAccess()).begin());
  explicit_bzero(const_cast<char*>(field.data()), field.size());
  if (!secret.ok()) return secret.status();
  return std::make_shared<const SecretBytes>(*std::move(secret));
}

std::string JoinPem(const std::vector<Certificate>& certificates) {
  std::string pem;
  for (const Certificate& certificate : certificates) pem += certificate.pem();
  return pem;
}

absl::Status NoCertificate(const std::string& name) {
  return absl::FailedPreconditionError("the key \"" + name + "\" has no certificate yet; see: ddskeyctl cert install");
}

// ToStrictness returns nothing where a request leaves a check as it is.
absl::StatusOr<std::optional<Strictness>> ToStrictness(v1::Strictness strictness) {
  switch (strictness) {
    case v1::STRICTNESS_UNSPECIFIED:
      return std::nullopt;
    case v1::STRICTNESS_IGNORE:
      return Strictness::kIgnore;
    case v1::STRICTNESS_WARN:
      return Strictness::kWarn;
    case v1::STRICTNESS_REQUIRE:
      return Strictness::kRequire;
    default:
      return absl::InvalidArgumentError("a strictness is none that this daemon knows");
  }
}

absl::StatusOr<TrustOptionsChange> ToChange(const v1::SetTrustOptionsRequest& request) {
  TrustOptionsChange change;
  ASSIGN_OR_RETURN(change.key_usage, ToStrictness(request.key_usage()));
  ASSIGN_OR_RETURN(change.missing_revocation_list, ToStrictness(request.missing_revocation_list()));
  ASSIGN_OR_RETURN(change.outdated_revocation_list, ToStrictness(request.outdated_revocation_list()));
  if (request.has_permissions()) change.permissions = request.permissions();
  if (request.has_keep_pem_text()) change.keep_pem_text = request.keep_pem_text();
  if (request.permissions().size() > kMaxDocument) {
    return absl::InvalidArgumentError("the permissions document is over 64 KiB");
  }
  return change;
}

void FillOptions(const IdentityTrust& trust, v1::TrustOptions& out) {
  // The numbers are the same.
  out.set_key_usage(static_cast<v1::Strictness>(trust.options.key_usage));
  out.set_missing_revocation_list(static_cast<v1::Strictness>(trust.options.missing_revocation_list));
  out.set_outdated_revocation_list(static_cast<v1::Strictness>(trust.options.outdated_revocation_list));
  out.set_permissions_sha256(absl::BytesToHexString(trust.permissions_sha256));
  out.set_keep_pem_text(trust.keep_pem_text);
}

// AnswerTrust is the `done` of calls about trust.
TrustCustodian::Done AnswerTrust(const std::shared_ptr<AdmittedCall>& call, v1::TrustResponse* response) {
  return [call, response](absl::StatusOr<TrustDescription> trust) {
    if (!trust.ok()) return call->Finish(trust.status());
    for (const Certificate& anchor : trust->anchors) FillSummary(anchor, *response->add_anchors());
    for (const RevocationList& list : trust->revocation_lists) {
      FillRevocationList(list, *response->add_revocation_lists());
    }
    FillOptions(trust->stored, *response->mutable_options());
    if (trust->ocsp_response.has_value()) {
      v1::OcspResponse& out = *response->mutable_ocsp_response();
      out.set_this_update(absl::ToUnixSeconds(trust->ocsp_response->this_update()));
      out.set_next_update(absl::ToUnixSeconds(trust->ocsp_response->next_update()));
    }
    call->Finish(absl::OkStatus());
  };
}

}  // namespace

grpc::ServerUnaryReactor* AdminHandler::CreateKey(grpc::CallbackServerContext* context,
                                                  const v1::CreateKeyRequest* request,
                                                  v1::CreateKeyResponse* response) {
  grpc::ServerUnaryReactor* const reactor = context->DefaultReactor();
  const auto call = AdmittedCall::Admit(peers_, limiter_, *context, reactor);
  if (call == nullptr) return reactor;
  custodian_.Create(call->caller(),
                    {request->name(), request->algorithm(), request->backend(), request->purpose(), request->pcrs(),
                     request->pcr_authority(), request->pcr_label()},
                    AnswerKey(call, response));
  return reactor;
}

grpc::ServerUnaryReactor* AdminHandler::ImportKey(grpc::CallbackServerContext* context,
                                                  const v1::ImportKeyRequest* request,
                                                  v1::ImportKeyResponse* response) {
  grpc::ServerUnaryReactor* const reactor = context->DefaultReactor();
  const auto call = AdmittedCall::Admit(peers_, limiter_, *context, reactor);
  // Erased also if the call is refused.
  auto private_key = TakeSecret(request->private_key());
  auto auth = TakeSecret(request->tss2_auth());
  if (call == nullptr) return reactor;
  if (!private_key.ok() || !auth.ok()) {
    call->Finish(private_key.ok() ? auth.status() : private_key.status());
    return reactor;
  }
  custodian_.Import(call->caller(),
                    {request->name(),
                     request->backend(),
                     request->purpose(),
                     {*std::move(private_key), request->tss2_key(), *std::move(auth), request->token_label()}},
                    [response, answer = AnswerKey(call, response)](absl::StatusOr<KeyDescription> key) {
                      if (key.ok()) response->set_warning(key->warning);
                      answer(std::move(key));
                    });
  return reactor;
}

grpc::ServerUnaryReactor* AdminHandler::ExportKey(grpc::CallbackServerContext* context,
                                                  const v1::ExportKeyRequest* request,
                                                  v1::ExportKeyResponse* response) {
  grpc::ServerUnaryReactor* const reactor = context->DefaultReactor();
  const auto call = AdmittedCall::Admit(peers_, limiter_, *context, reactor);
  auto auth = TakeSecret(request->auth());
  if (call == nullptr) return reactor;
  if (!auth.ok()) {
    call->Finish(auth.status());
    return reactor;
  }
  custodian_.Export(call->caller(), request->name(), *std::move(auth),
                    [call, response](absl::StatusOr<std::string> pem) {
                      if (!pem.ok()) return call->Finish(pem.status());
                      response->set_tss2_pem(*std::move(pem));
                      call->Finish(absl::OkStatus());
                    });
  return reactor;
}

grpc::ServerUnaryReactor* AdminHandler::ListKeys(grpc::CallbackServerContext* context,
                                                 const v1::ListKeysRequest* request, v1::ListKeysResponse* response) {
  grpc::ServerUnaryReactor* const reactor = context->DefaultReactor();
  const auto call = AdmittedCall::Admit(peers_, limiter_, *context, reactor);
  if (call == nullptr) return reactor;
  custodian_.List(call->caller(), request->include_deleted(),
                  [call, response](absl::StatusOr<std::vector<KeyDescription>> keys) {
                    if (!keys.ok()) return call->Finish(keys.status());
                    for (const KeyDescription& key : *keys) {
                      v1::Key& out = *response->add_keys();
                      FillKey(key, out);
                      // A list of many has a limit.
                      for (v1::KeyGeneration& generation : *out.mutable_generations()) {
                        generation.clear_public_key_pem();
                        generation.clear_certificate();
                        if (generation.has_pcr_binding()) generation.mutable_pcr_binding()->clear_allowed();
                      }
                    }
                    call->Finish(absl::OkStatus());
                  });
  return reactor;
}

grpc::ServerUnaryReactor* AdminHandler::GetKey(grpc::CallbackServerContext* context, const v1::GetKeyRequest* request,
                                               v1::GetKeyResponse* response) {
  grpc::ServerUnaryReactor* const reactor = context->DefaultReactor();
  const auto call = AdmittedCall::Admit(peers_, limiter_, *context, reactor);
  if (call == nullptr) return reactor;
  custodian_.Get(call->caller(), request->name(), AnswerKey(call, response));
  return reactor;
}

grpc::ServerUnaryReactor* AdminHandler::DeleteKey(grpc::CallbackServerContext* context,
                                                  const v1::DeleteKeyRequest* request, v1::DeleteKeyResponse*) {
  grpc::ServerUnaryReactor* const reactor = context->DefaultReactor();
  const auto call = AdmittedCall::Admit(peers_, limiter_, *context, reactor);
  if (call == nullptr) return reactor;
  custodian_.Delete(call->caller(), request->name(), request->purge(),
                    [call](const absl::Status& status) { call->Finish(status); });
  return reactor;
}

grpc::ServerUnaryReactor* AdminHandler::CreateCertificateSigningRequest(
    grpc::CallbackServerContext* context, const v1::CreateCertificateSigningRequestRequest* request,
    v1::CreateCertificateSigningRequestResponse* response) {
  grpc::ServerUnaryReactor* const reactor = context->DefaultReactor();
  const auto call = AdmittedCall::Admit(peers_, limiter_, *context, reactor);
  if (call == nullptr) return reactor;
  NewRequest asked;
  asked.key_name = request->key_name();
  for (const v1::SubjectAttribute& attribute : request->subject()) {
    asked.subject.emplace_back(attribute.type(), attribute.value());
  }
  asked.key_usage.assign(request->key_usage().begin(), request->key_usage().end());
  custodian_.Request(call->caller(), std::move(asked), [call, response](absl::StatusOr<std::string> pem) {
    if (!pem.ok()) return call->Finish(pem.status());
    response->set_csr_pem(*std::move(pem));
    call->Finish(absl::OkStatus());
  });
  return reactor;
}

grpc::ServerUnaryReactor* AdminHandler::InstallCertificate(grpc::CallbackServerContext* context,
                                                           const v1::InstallCertificateRequest* request,
                                                           v1::InstallCertificateResponse* response) {
  grpc::ServerUnaryReactor* const reactor = context->DefaultReactor();
  const auto call = AdmittedCall::Admit(peers_, limiter_, *context, reactor);
  if (call == nullptr) return reactor;
  if (request->certificate_chain().size() > kMaxDocument || request->anchors().size() > kMaxDocument) {
    call->Finish(absl::InvalidArgumentError("a certificate document is over 64 KiB"));
    return reactor;
  }
  custodian_.InstallCertificate(call->caller(), request->key_name(), request->certificate_chain(), request->anchors(),
                                AnswerKey(call, response));
  return reactor;
}

grpc::ServerUnaryReactor* AdminHandler::GetCertificate(grpc::CallbackServerContext* context,
                                                       const v1::GetCertificateRequest* request,
                                                       v1::GetCertificateResponse* response) {
  grpc::ServerUnaryReactor* const reactor = context->DefaultReactor();
  const auto call = AdmittedCall::Admit(peers_, limiter_, *context, reactor);
  if (call == nullptr) return reactor;
  custodian_.Get(call->caller(), request->key_name(),
                 [call, response, name = request->key_name()](absl::StatusOr<KeyDescription> key) {
                   if (!key.ok()) return call->Finish(key.status());
                   if (key->chain.empty()) return call->Finish(NoCertificate(name));
                   FillCertificate(*key, *response->mutable_certificate());
                   response->set_chain_pem(JoinPem(key->chain));
                   response->set_anchors_pem(JoinPem(key->anchors));
                   call->Finish(absl::OkStatus());
                 });
  return reactor;
}

grpc::ServerUnaryReactor* AdminHandler::GetTrust(grpc::CallbackServerContext* context,
                                                 const v1::GetTrustRequest* request, v1::TrustResponse* response) {
  grpc::ServerUnaryReactor* const reactor = context->DefaultReactor();
  const auto call = AdmittedCall::Admit(peers_, limiter_, *context, reactor);
  if (call == nullptr) return reactor;
  trust_.Get(call->caller(), request->key_name(), AnswerTrust(call, response));
  return reactor;
}

grpc::ServerUnaryReactor* AdminHandler::AddTrustAnchors(grpc::CallbackServerContext* context,
                                                        const v1::AddTrustAnchorsRequest* request,
                                                        v1::TrustResponse* response) {
  grpc::ServerUnaryReactor* const reactor = context->DefaultReactor();
  const auto call = AdmittedCall::Admit(peers_, limiter_, *context, reactor);
  if (call == nullptr) return reactor;
  if (request->anchors().size() > kMaxDocument) {
    call->Finish(absl::InvalidArgumentError("the CA certificates are over 64 KiB"));
    return reactor;
  }
  trust_.AddAnchors(call->caller(), request->key_name(), request->anchors(), AnswerTrust(call, response));
  return reactor;
}

grpc::ServerUnaryReactor* AdminHandler::RemoveTrustAnchor(grpc::CallbackServerContext* context,
                                                          const v1::RemoveTrustAnchorRequest* request,
                                                          v1::TrustResponse* response) {
  grpc::ServerUnaryReactor* const reactor = context->DefaultReactor();
  const auto call = AdmittedCall::Admit(peers_, limiter_, *context, reactor);
  if (call == nullptr) return reactor;
  trust_.RemoveAnchor(call->caller(), request->key_name(), request->sha256(), AnswerTrust(call, response));
  return reactor;
}

grpc::ServerUnaryReactor* AdminHandler::InstallRevocationLists(grpc::CallbackServerContext* context,
                                                               const v1::InstallRevocationListsRequest* request,
                                                               v1::TrustResponse* response) {
  grpc::ServerUnaryReactor* const reactor = context->DefaultReactor();
  const auto call = AdmittedCall::Admit(peers_, limiter_, *context, reactor);
  if (call == nullptr) return reactor;
  trust_.InstallRevocationLists(call->caller(), request->key_name(), request->revocation_lists(),
                                AnswerTrust(call, response));
  return reactor;
}

grpc::ServerUnaryReactor* AdminHandler::RemoveRevocationList(grpc::CallbackServerContext* context,
                                                             const v1::RemoveRevocationListRequest* request,
                                                             v1::TrustResponse* response) {
  grpc::ServerUnaryReactor* const reactor = context->DefaultReactor();
  const auto call = AdmittedCall::Admit(peers_, limiter_, *context, reactor);
  if (call == nullptr) return reactor;
  trust_.RemoveRevocationList(call->caller(), request->key_name(), request->sha256(), AnswerTrust(call, response));
  return reactor;
}

grpc::ServerUnaryReactor* AdminHandler::InstallOcspResponse(grpc::CallbackServerContext* context,
                                                            const v1::InstallOcspResponseRequest* request,
                                                            v1::TrustResponse* response) {
  grpc::ServerUnaryReactor* const reactor = context->DefaultReactor();
  const auto call = AdmittedCall::Admit(peers_, limiter_, *context, reactor);
  if (call == nullptr) return reactor;
  trust_.InstallOcspResponse(call->caller(), request->key_name(), request->ocsp_response(),
                             AnswerTrust(call, response));
  return reactor;
}

grpc::ServerUnaryReactor* AdminHandler::SetTrustOptions(grpc::CallbackServerContext* context,
                                                        const v1::SetTrustOptionsRequest* request,
                                                        v1::TrustResponse* response) {
  grpc::ServerUnaryReactor* const reactor = context->DefaultReactor();
  const auto call = AdmittedCall::Admit(peers_, limiter_, *context, reactor);
  if (call == nullptr) return reactor;
  auto change = ToChange(*request);
  if (!change.ok()) {
    call->Finish(change.status());
    return reactor;
  }
  trust_.SetOptions(call->caller(), request->key_name(), *std::move(change), AnswerTrust(call, response));
  return reactor;
}

grpc::ServerUnaryReactor* AdminHandler::ResetClock(grpc::CallbackServerContext* context, const v1::ResetClockRequest*,
                                                   v1::ResetClockResponse* response) {
  grpc::ServerUnaryReactor* const reactor = context->DefaultReactor();
  const auto call = AdmittedCall::Admit(peers_, limiter_, *context, reactor);
  if (call == nullptr) return reactor;
  clock_.Reset(call->caller(), [call, response](absl::StatusOr<ClockGuard::State> state) {
    if (state.ok()) FillClock(*state, *response->mutable_clock());
    call->Finish(state.status());
  });
  return reactor;
}

grpc::ServerUnaryReactor* AdminHandler::UnlockBackend(grpc::CallbackServerContext* context,
                                                      const v1::UnlockBackendRequest* request,
                                                      v1::UnlockBackendResponse*) {
  grpc::ServerUnaryReactor* const reactor = context->DefaultReactor();
  const auto call = AdmittedCall::Admit(peers_, limiter_, *context, reactor);
  // Erased also if the call is refused.
  auto value = TakeSecret(request->value());
  if (call == nullptr) return reactor;
  if (!value.ok()) {
    call->Finish(value.status());
    return reactor;
  }
  custodian_.Unlock(call->caller(), request->backend(), request->kind(), *std::move(value),
                    [call](const absl::Status& status) { call->Finish(status); });
  return reactor;
}

grpc::ServerUnaryReactor* AdminHandler::GetStatus(grpc::CallbackServerContext* context, const v1::GetStatusRequest*,
                                                  v1::GetStatusResponse* response) {
  grpc::ServerUnaryReactor* const reactor = context->DefaultReactor();
  const auto call = AdmittedCall::Admit(peers_, limiter_, *context, reactor);
  if (call == nullptr) return reactor;
  custodian_.AuthorizeStatus(call->caller(), [this, call, response](const absl::Status& status) {
    if (status.ok()) fill_status_(call->caller(), *response);
    call->Finish(status);
  });
  return reactor;
}

}  // namespace ddskey
