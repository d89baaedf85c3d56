// The calls of AdminService about the life of identities.
#include <string>
#include <utility>

#include "daemon/rpc/admin_handler.h"
#include "daemon/rpc/admitted_call.h"
#include "daemon/rpc/fill_key.h"

namespace ddskey {
namespace {

constexpr size_t kMaxChain = size_t{64} * 1024;

}  // namespace

grpc::ServerUnaryReactor* AdminHandler::RenewIdentity(grpc::CallbackServerContext* context,
                                                      const v1::RenewIdentityRequest* request,
                                                      v1::RenewIdentityResponse* response) {
  grpc::ServerUnaryReactor* const reactor = context->DefaultReactor();
  const auto call = AdmittedCall::Admit(peers_, limiter_, *context, reactor);
  if (call == nullptr) return reactor;
  identities_.Renew(call->caller(), {request->name(), request->algorithm(), request->backend()},
                    [call, response](absl::StatusOr<RenewalRequest> renewal) {
                      if (!renewal.ok()) return call->Finish(renewal.status());
                      FillKey(renewal->key, *response->mutable_key());
                      response->set_csr_pem(std::move(renewal->csr_pem));
                      call->Finish(absl::OkStatus());
                    });
  return reactor;
}

grpc::ServerUnaryReactor* AdminHandler::CompleteRenewal(grpc::CallbackServerContext* context,
                                                        const v1::CompleteRenewalRequest* request,
                                                        v1::IdentityResponse* response) {
  grpc::ServerUnaryReactor* const reactor = context->DefaultReactor();
  const auto call = AdmittedCall::Admit(peers_, limiter_, *context, reactor);
  if (call == nullptr) return reactor;
  if (request->certificate_chain().size() > kMaxChain) {
    call->Finish(absl::InvalidArgumentError("a certificate document is over 64 KiB"));
    return reactor;
  }
  identities_.Complete(call->caller(), request->name(), request->certificate_chain(), AnswerKey(call, response));
  return reactor;
}

grpc::ServerUnaryReactor* AdminHandler::AbandonRenewal(grpc::CallbackServerContext* context,
                                                       const v1::AbandonRenewalRequest* request,
                                                       v1::IdentityResponse* response) {
  grpc::ServerUnaryReactor* const reactor = context->DefaultReactor();
  const auto call = AdmittedCall::Admit(peers_, limiter_, *context, reactor);
  if (call == nullptr) return reactor;
  identities_.Abandon(call->caller(), request->name(), AnswerKey(call, response));
  return reactor;
}

grpc::ServerUnaryReactor* AdminHandler::RollBackIdentity(grpc::CallbackServerContext* context,
                                                         const v1::RollBackIdentityRequest* request,
                                                         v1::IdentityResponse* response) {
  grpc::ServerUnaryReactor* const reactor = context->DefaultReactor();
  const auto call = AdmittedCall::Admit(peers_, limiter_, *context, reactor);
  if (call == nullptr) return reactor;
  identities_.RollBack(call->caller(), request->name(), AnswerKey(call, response));
  return reactor;
}

grpc::ServerUnaryReactor* AdminHandler::SetIdentityState(grpc::CallbackServerContext* context,
                                                         const v1::SetIdentityStateRequest* request,
                                                         v1::IdentityResponse* response) {
  grpc::ServerUnaryReactor* const reactor = context->DefaultReactor();
  const auto call = AdmittedCall::Admit(peers_, limiter_, *context, reactor);
  if (call == nullptr) return reactor;
  if (request->state() != v1::IDENTITY_STATE_ENABLED && request->state() != v1::IDENTITY_STATE_DISABLED) {
    call->Finish(absl::InvalidArgumentError("an identity can be enabled or disabled"));
    return reactor;
  }
  identities_.SetEnabled(call->caller(), request->name(), request->state() == v1::IDENTITY_STATE_ENABLED,
                         AnswerKey(call, response));
  return reactor;
}

}  // namespace ddskey
