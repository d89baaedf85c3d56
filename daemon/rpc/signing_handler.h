#ifndef DAEMON_RPC_SIGNING_HANDLER_H_
#define DAEMON_RPC_SIGNING_HANDLER_H_

#include "daemon/custodian/signing_custodian.h"
#include "daemon/rpc/call_limiter.h"
#include "daemon/rpc/service_table.h"
#include "ddskey/v1/signing.pb.h"

namespace ddskey {

// SigningHandler serves SigningService: it counts the call, translates, and asks the custodian once.
class SigningHandler {
 public:
  // Both must outlive the handler.
  SigningHandler(CallLimiter& limiter, SigningCustodian& custodian) : limiter_(limiter), custodian_(custodian) {}

  // AddTo adds the methods of the service. The handler must outlive the server that `services` is for.
  void AddTo(ServiceTable& services);

 private:
  void List(const ServiceTable::Call& begun, v1::ListSigningKeysResponse* response);
  void Sign(const ServiceTable::Call& begun, const v1::SignDigestRequest& request, v1::SignDigestResponse* response);

  CallLimiter& limiter_;
  SigningCustodian& custodian_;
};

}  // namespace ddskey

#endif  // DAEMON_RPC_SIGNING_HANDLER_H_
