#ifndef DAEMON_RPC_AUTHENTICATION_HANDLER_H_
#define DAEMON_RPC_AUTHENTICATION_HANDLER_H_

#include "daemon/custodian/authentication_custodian.h"
#include "daemon/custodian/peer_reviewer.h"
#include "daemon/custodian/watch_board.h"
#include "daemon/rpc/call_limiter.h"
#include "daemon/rpc/peer_registry.h"
#include "ddskey/v1/authentication.grpc.pb.h"

namespace ddskey {

// AuthenticationHandler serves AuthenticationService: it identifies the caller, counts the call, translates, and asks
// a custodian once.
class AuthenticationHandler final : public v1::AuthenticationService::CallbackService {
 public:
  // All must outlive the handler.
  AuthenticationHandler(const PeerRegistry& peers, CallLimiter& limiter, AuthenticationCustodian& custodian,
                        PeerReviewer& reviewer, WatchBoard& board)
      : peers_(peers), limiter_(limiter), custodian_(custodian), reviewer_(reviewer), board_(board) {}

  grpc::ServerUnaryReactor* ValidateLocalIdentity(grpc::CallbackServerContext* context,
                                                  const v1::ValidateLocalIdentityRequest* request,
                                                  v1::ValidateLocalIdentityResponse* response) override;
  grpc::ServerUnaryReactor* BeginHandshakeRequest(grpc::CallbackServerContext* context,
                                                  const v1::BeginHandshakeRequestRequest* request,
                                                  v1::HandshakeStep* response) override;
  grpc::ServerUnaryReactor* BeginHandshakeReply(grpc::CallbackServerContext* context,
                                                const v1::BeginHandshakeReplyRequest* request,
                                                v1::HandshakeStep* response) override;
  grpc::ServerUnaryReactor* ProcessHandshake(grpc::CallbackServerContext* context,
                                             const v1::ProcessHandshakeRequest* request,
                                             v1::HandshakeStep* response) override;
  grpc::ServerUnaryReactor* SignHandshake(grpc::CallbackServerContext* context, const v1::SignHandshakeRequest* request,
                                          v1::HandshakeStep* response) override;
  grpc::ServerUnaryReactor* SignParticipantData(grpc::CallbackServerContext* context,
                                                const v1::SignParticipantDataRequest* request,
                                                v1::SignParticipantDataResponse* response) override;
  grpc::ServerUnaryReactor* Watch(grpc::CallbackServerContext* context, const v1::WatchRequest* request,
                                  v1::WatchResponse* response) override;
  grpc::ServerUnaryReactor* CheckPeers(grpc::CallbackServerContext* context, const v1::CheckPeersRequest* request,
                                       v1::CheckPeersResponse* response) override;

 private:
  const PeerRegistry& peers_;
  CallLimiter& limiter_;
  AuthenticationCustodian& custodian_;
  PeerReviewer& reviewer_;
  WatchBoard& board_;
};

}  // namespace ddskey

#endif  // DAEMON_RPC_AUTHENTICATION_HANDLER_H_
