// The calls of AdminService by which a key is shown to be in a TPM.
#include <optional>
#include <string>
#include <utility>

#include "daemon/rpc/admin_handler.h"
#include "daemon/rpc/admitted_call.h"

namespace ddskey {
namespace {

constexpr uint32_t kVersion = 1;

std::optional<EndorsementKind> ToKind(v1::EndorsementKey key) {
  switch (key) {
    case v1::ENDORSEMENT_KEY_UNSPECIFIED:
      return EndorsementKind::kAny;
    case v1::ENDORSEMENT_KEY_RSA_2048:
      return EndorsementKind::kRsa2048;
    case v1::ENDORSEMENT_KEY_EC_P256:
      return EndorsementKind::kEcP256;
    default:
      return std::nullopt;
  }
}

void FillBundle(const v1::AttestKeyRequest& request, AttestedKey key, v1::AttestationBundle& out) {
  Attestation& attestation = key.attestation;
  out.set_version(kVersion);
  out.set_identity(request.name());
  out.set_nonce(request.nonce());
  out.set_csr(std::move(key.csr));
  for (std::string& certificate : attestation.ek_certificates) out.add_ek_certificates(std::move(certificate));
  out.set_ek_public(std::move(attestation.ek_public));
  out.set_ak_public(std::move(attestation.ak_public));
  out.set_key_public(std::move(attestation.key_public));
  out.set_certify_info(std::move(attestation.certify_info));
  out.set_certify_signature(std::move(attestation.certify_signature));
  out.set_quote_info(std::move(attestation.quote_info));
  out.set_quote_signature(std::move(attestation.quote_signature));
  for (auto& [index, value] : attestation.pcrs) {
    v1::PcrValue& pcr = *out.add_pcrs();
    pcr.set_index(index);
    pcr.set_sha256(std::move(value));
  }
}

}  // namespace

grpc::ServerUnaryReactor* AdminHandler::AttestKey(grpc::CallbackServerContext* context,
                                                  const v1::AttestKeyRequest* request,
                                                  v1::AttestKeyResponse* response) {
  grpc::ServerUnaryReactor* const reactor = context->DefaultReactor();
  const auto call = AdmittedCall::Admit(peers_, limiter_, *context, reactor);
  if (call == nullptr) return reactor;
  AttestationOrder order;
  order.name = request->name();
  order.nonce = request->nonce();
  for (const v1::SubjectAttribute& attribute : request->subject()) {
    order.subject.emplace_back(attribute.type(), attribute.value());
  }
  order.pcrs.assign(request->pcrs().begin(), request->pcrs().end());
  const auto kind = ToKind(request->endorsement_key());
  if (!kind.has_value()) {
    call->Finish(absl::InvalidArgumentError("this daemon knows no such endorsement key"));
    return reactor;
  }
  order.endorsement = *kind;
  attestation_.Attest(call->caller(), std::move(order), [call, request, response](absl::StatusOr<AttestedKey> key) {
    if (!key.ok()) return call->Finish(key.status());
    FillBundle(*request, *std::move(key), *response->mutable_bundle());
    call->Finish(absl::OkStatus());
  });
  return reactor;
}

grpc::ServerUnaryReactor* AdminHandler::ActivateCredential(grpc::CallbackServerContext* context,
                                                           const v1::ActivateCredentialRequest* request,
                                                           v1::ActivateCredentialResponse* response) {
  grpc::ServerUnaryReactor* const reactor = context->DefaultReactor();
  const auto call = AdmittedCall::Admit(peers_, limiter_, *context, reactor);
  if (call == nullptr) return reactor;
  ActivateRequest activate;
  activate.ek_sha256 = request->ek_sha256();
  activate.ak_name = request->ak_name();
  activate.credential = request->credential();
  activate.encrypted_seed = request->encrypted_seed();
  attestation_.Activate(call->caller(), request->name(), std::move(activate),
                        [call, response](absl::StatusOr<std::string> secret) {
                          if (!secret.ok()) return call->Finish(secret.status());
                          response->set_secret(*std::move(secret));
                          call->Finish(absl::OkStatus());
                        });
  return reactor;
}

}  // namespace ddskey
