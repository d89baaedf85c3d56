// The calls of AdminService about the life of identities.
#include <algorithm>
#include <string>
#include <utility>

#include "absl/strings/ascii.h"
#include "absl/strings/escaping.h"
#include "daemon/rpc/admin_handler.h"
#include "daemon/rpc/admitted_call.h"
#include "daemon/rpc/fill_key.h"
#include "proto/contract/pcr_binding.h"
#include "proto/contract/pcr_policy.h"
#include "proto/contract/status_macros.h"

namespace ddskey {
namespace {

constexpr size_t kMaxChain = size_t{64} * 1024;

absl::StatusOr<PcrApproval> ToApproval(const v1::PcrApproval& approval) {
  PcrApproval result;
  if (!IsPcrLabel(approval.label())) return absl::InvalidArgumentError("the approval's label is none");
  result.label = approval.label();
  result.signature = approval.signature();
  for (const v1::ApprovedPcr& value : approval.value()) {
    ASSIGN_OR_RETURN(const PcrBank bank, ParseBank(value.bank()));
    const std::string& digits = value.value();
    if (value.index() >= 24 || digits.size() != 2 * BankSize(bank) ||
        !std::all_of(digits.begin(), digits.end(), absl::ascii_isxdigit)) {
      return absl::InvalidArgumentError("the approval has a value that no register has");
    }
    const PcrRegister pcr{bank, static_cast<uint8_t>(value.index())};
    if (!result.values.emplace(pcr, absl::HexStringToBytes(digits)).second || result.values.size() > kMostPcrs) {
      return absl::InvalidArgumentError("the approval has a register twice, or more than 24");
    }
  }
  return result;
}

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

grpc::ServerUnaryReactor* AdminHandler::ApprovePcrs(grpc::CallbackServerContext* context,
                                                    const v1::ApprovePcrsRequest* request,
                                                    v1::IdentityResponse* response) {
  grpc::ServerUnaryReactor* const reactor = context->DefaultReactor();
  const auto call = AdmittedCall::Admit(peers_, limiter_, *context, reactor);
  if (call == nullptr) return reactor;
  auto approval = ToApproval(request->approval());
  if (!approval.ok()) {
    call->Finish(approval.status());
    return reactor;
  }
  identities_.Approve(call->caller(), request->name(), *std::move(approval), AnswerKey(call, response));
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
