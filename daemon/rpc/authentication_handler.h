#ifndef DAEMON_RPC_AUTHENTICATION_HANDLER_H_
#define DAEMON_RPC_AUTHENTICATION_HANDLER_H_

#include "daemon/custodian/authentication_custodian.h"
#include "daemon/custodian/peer_reviewer.h"
#include "daemon/custodian/watch_board.h"
#include "daemon/rpc/call_limiter.h"
#include "daemon/rpc/service_table.h"
#include "ddskey/v1/authentication.pb.h"

namespace ddskey {

// AuthenticationHandler serves AuthenticationService: it counts the call, translates, and asks a custodian once.
class AuthenticationHandler {
 public:
  // All must outlive the handler.
  AuthenticationHandler(CallLimiter& limiter, AuthenticationCustodian& custodian, PeerReviewer& reviewer,
                        WatchBoard& board)
      : limiter_(limiter), custodian_(custodian), reviewer_(reviewer), board_(board) {}

  // AddTo adds the methods of the service. The handler must outlive the server that `services` is for.
  void AddTo(ServiceTable& services);

 private:
  template <typename Request, typename Response>
  void Add(ServiceTable& services, const char* method,
           void (AuthenticationHandler::*serve)(const ServiceTable::Call&, const Request&, Response*));

  void ValidateLocalIdentity(const ServiceTable::Call& begun, const v1::ValidateLocalIdentityRequest& request,
                             v1::ValidateLocalIdentityResponse* response);
  void BeginHandshakeRequest(const ServiceTable::Call& begun, const v1::BeginHandshakeRequestRequest& request,
                             v1::HandshakeStep* response);
  void BeginHandshakeReply(const ServiceTable::Call& begun, const v1::BeginHandshakeReplyRequest& request,
                           v1::HandshakeStep* response);
  void ProcessHandshake(const ServiceTable::Call& begun, const v1::ProcessHandshakeRequest& request,
                        v1::HandshakeStep* response);
  void SignHandshake(const ServiceTable::Call& begun, const v1::SignHandshakeRequest& request,
                     v1::HandshakeStep* response);
  void SignParticipantData(const ServiceTable::Call& begun, const v1::SignParticipantDataRequest& request,
                           v1::SignParticipantDataResponse* response);
  void Watch(const ServiceTable::Call& begun, const v1::WatchRequest& request, v1::WatchResponse* response);
  void CheckPeers(const ServiceTable::Call& begun, const v1::CheckPeersRequest& request,
                  v1::CheckPeersResponse* response);

  CallLimiter& limiter_;
  AuthenticationCustodian& custodian_;
  PeerReviewer& reviewer_;
  WatchBoard& board_;
};

}  // namespace ddskey

#endif  // DAEMON_RPC_AUTHENTICATION_HANDLER_H_
