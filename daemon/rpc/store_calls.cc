// The calls of AdminService about the keystore as a whole: whether it works, and copies of it.
#include <algorithm>
#include <string>
#include <utility>
#include <vector>

#include "daemon/rpc/admin_handler.h"
#include "daemon/rpc/admitted_call.h"
#include "daemon/rpc/backup_codec.h"
#include "daemon/rpc/fill_key.h"

namespace ddskey {
namespace {

// A client takes answers of 4 MiB.
constexpr size_t kPart = size_t{1} << 20;

absl::Status FillPart(const v1::GetBackupRequest& request, const Snapshot& snapshot, v1::GetBackupResponse& response) {
  response.set_snapshot(snapshot.id);
  response.set_instance_uuid(snapshot.instance_uuid);
  response.set_identities(static_cast<uint32_t>(snapshot.identities.size()));
  if (request.identity() >= snapshot.identities.size()) return absl::OkStatus();
  const std::string octets =
      EncodeIdentity(*snapshot.identities[request.identity()], snapshot.backends).SerializeAsString();
  if (request.offset() >= octets.size()) return absl::InvalidArgumentError("the identity is not that long");
  const size_t size = std::min(kPart, octets.size() - request.offset());
  response.set_part(octets.substr(request.offset(), size));
  response.set_last_part(request.offset() + size == octets.size());
  return absl::OkStatus();
}

}  // namespace

grpc::ServerUnaryReactor* AdminHandler::CheckStore(grpc::CallbackServerContext* context, const v1::CheckStoreRequest*,
                                                   v1::CheckStoreResponse* response) {
  grpc::ServerUnaryReactor* const reactor = context->DefaultReactor();
  const auto call = AdmittedCall::Admit(peers_, limiter_, *context, reactor);
  if (call == nullptr) return reactor;
  checker_.CheckStore(call->caller(), [call, response](absl::StatusOr<std::vector<std::string>> names) {
    if (names.ok()) response->mutable_names()->Assign(names->begin(), names->end());
    call->Finish(names.status());
  });
  return reactor;
}

grpc::ServerUnaryReactor* AdminHandler::CheckIdentity(grpc::CallbackServerContext* context,
                                                      const v1::CheckIdentityRequest* request,
                                                      v1::CheckIdentityResponse* response) {
  grpc::ServerUnaryReactor* const reactor = context->DefaultReactor();
  const auto call = AdmittedCall::Admit(peers_, limiter_, *context, reactor);
  if (call == nullptr) return reactor;
  response->set_name(request->name());
  checker_.CheckIdentity(call->caller(), request->name(),
                         [call, response](absl::StatusOr<std::vector<KeyCheck>> checks) {
                           if (!checks.ok()) return call->Finish(checks.status());
                           for (const KeyCheck& check : *checks) {
                             v1::KeyCheck& out = *response->add_checks();
                             out.set_number(check.number);
                             out.set_state(StateName(check.state));
                             out.set_good(check.good);
                             out.set_problem(check.problem);
                             out.set_fix(check.fix);
                           }
                           call->Finish(absl::OkStatus());
                         });
  return reactor;
}

grpc::ServerUnaryReactor* AdminHandler::GetBackup(grpc::CallbackServerContext* context,
                                                  const v1::GetBackupRequest* request,
                                                  v1::GetBackupResponse* response) {
  grpc::ServerUnaryReactor* const reactor = context->DefaultReactor();
  const auto call = AdmittedCall::Admit(peers_, limiter_, *context, reactor);
  if (call == nullptr) return reactor;
  backup_.Read(call->caller(), request->snapshot(),
               [call, request, response](absl::StatusOr<std::shared_ptr<const Snapshot>> snapshot) {
                 call->Finish(snapshot.ok() ? FillPart(*request, **snapshot, *response) : snapshot.status());
               });
  return reactor;
}

grpc::ServerUnaryReactor* AdminHandler::RestoreIdentity(grpc::CallbackServerContext* context,
                                                        const v1::RestoreIdentityRequest* request,
                                                        v1::RestoreIdentityResponse*) {
  grpc::ServerUnaryReactor* const reactor = context->DefaultReactor();
  const auto call = AdmittedCall::Admit(peers_, limiter_, *context, reactor);
  if (call == nullptr) return reactor;
  auto decoded = DecodeIdentity(request->identity());
  if (!decoded.ok()) {
    call->Finish(decoded.status());
    return reactor;
  }
  backup_.Restore(call->caller(), request->identity().name(), std::move(decoded->identity),
                  std::move(decoded->backends), [call](const absl::Status& status) { call->Finish(status); });
  return reactor;
}

}  // namespace ddskey
