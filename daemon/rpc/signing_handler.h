#ifndef DAEMON_RPC_SIGNING_HANDLER_H_
#define DAEMON_RPC_SIGNING_HANDLER_H_

#include "daemon/custodian/signing_custodian.h"
#include "daemon/rpc/call_limiter.h"
#include "daemon/rpc/peer_registry.h"
#include "ddskey/v1/signing.grpc.pb.h"

namespace ddskey {

// SigningHandler serves SigningService: it identifies the caller, counts the call, translates, and asks the custodian
// once.
class SigningHandler final : public v1::SigningService::CallbackService {
 public:
  // All must outlive the handler.
  SigningHandler(const PeerRegistry& peers, CallLimiter& limiter, SigningCustodian& custodian)
      : peers_(peers), limiter_(limiter), custodian_(custodian) {}

  grpc::ServerUnaryReactor* ListSigningKeys(grpc::CallbackServerContext* context,
                                            const v1::ListSigningKeysRequest* request,
                                            v1::ListSigningKeysResponse* response) override;
  grpc::ServerUnaryReactor* SignDigest(grpc::CallbackServerContext* context, const v1::SignDigestRequest* request,
                                       v1::SignDigestResponse* response) override;

 private:
  const PeerRegistry& peers_;
  CallLimiter& limiter_;
  SigningCustodian& custodian_;
};

}  // namespace ddskey

#endif  // DAEMON_RPC_SIGNING_HANDLER_H_
