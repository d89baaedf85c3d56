#ifndef DAEMON_RPC_ADMITTED_CALL_H_
#define DAEMON_RPC_ADMITTED_CALL_H_

#include <grpcpp/server_context.h>
#include <grpcpp/support/server_callback.h>

#include <functional>
#include <memory>
#include <utility>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "daemon/rpc/call_limiter.h"
#include "daemon/rpc/peer_registry.h"
#include "daemon/rpc/unary_call.h"
#include "daemon/rpc/wire_status.h"
#include "policy/policy.h"
#include "proto/contract/status_macros.h"

namespace ddskey {

// AdmittedCall is a unary call whose caller is known and counted; it is answered once, and the permit ends then.
class AdmittedCall {
 public:
  // Admit counts the caller of `call`. On failure it finishes the call itself and returns null.
  static std::shared_ptr<AdmittedCall> Admit(CallLimiter& limiter, const std::shared_ptr<UnaryCall>& call) {
    auto permit = limiter.Admit(call->caller());
    if (permit.ok()) {
      return std::shared_ptr<AdmittedCall>(new AdmittedCall(
          call->caller(), *std::move(permit), [call](const absl::Status& status) { call->Finish(status); }));
    }
    call->Finish(permit.status());
    return nullptr;
  }

  // The same for a call of gRPC's server, whose caller it identifies first.
  static std::shared_ptr<AdmittedCall> Admit(const PeerRegistry& peers, CallLimiter& limiter,
                                             grpc::CallbackServerContext& context, grpc::ServerUnaryReactor* reactor) {
    auto call = TryAdmit(peers, limiter, context, reactor);
    if (call.ok()) return *std::move(call);
    reactor->Finish(ToWire(call.status()));
    return nullptr;
  }

  const Subject& caller() const { return caller_; }

  void Finish(const absl::Status& status) {
    permit_ = CallPermit();
    finish_(status);
  }

 private:
  using Answer = std::function<void(const absl::Status&)>;

  AdmittedCall(Subject caller, CallPermit permit, Answer finish)
      : caller_(std::move(caller)), permit_(std::move(permit)), finish_(std::move(finish)) {}

  static absl::StatusOr<std::shared_ptr<AdmittedCall>> TryAdmit(const PeerRegistry& peers, CallLimiter& limiter,
                                                                grpc::CallbackServerContext& context,
                                                                grpc::ServerUnaryReactor* reactor) {
    ASSIGN_OR_RETURN(Subject caller, peers.Identify(context));
    ASSIGN_OR_RETURN(CallPermit permit, limiter.Admit(caller));
    return std::shared_ptr<AdmittedCall>(
        new AdmittedCall(std::move(caller), std::move(permit),
                         [reactor](const absl::Status& status) { reactor->Finish(ToWire(status)); }));
  }

  Subject caller_;
  CallPermit permit_;
  const Answer finish_;
};

}  // namespace ddskey

#endif  // DAEMON_RPC_ADMITTED_CALL_H_
