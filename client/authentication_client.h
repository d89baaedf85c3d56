#ifndef CLIENT_AUTHENTICATION_CLIENT_H_
#define CLIENT_AUTHENTICATION_CLIENT_H_

#include <string>
#include <string_view>

#include "client/call_status.h"
#include "client/channel.h"
#include "client/unix_socket.h"
#include "client/waker.h"
#include "ddskey/v1/authentication.pb.h"

namespace ddskey {

// AuthenticationClient makes the calls of ddskey.v1.AuthenticationService; authentication.proto says what each does and
// which errors it has. On top of those: UNAVAILABLE if the daemon cannot be reached or went away, and
// DEADLINE_EXCEEDED.
//
// Every one of these calls may be repeated unchanged: none changes anything in the daemon but quotas and queues, and
// what was prepared twice is merely thrown away once. So a call whose connection broke is repeated, within its
// deadline. Thread-safe.
class AuthenticationClient {
 public:
  // `socket` is the daemon's service socket, usually `ServiceSocketPath()`.
  explicit AuthenticationClient(std::string socket);

  const std::string& socket() const { return channel_.socket(); }

  // ValidateLocalIdentity waits until `deadline` for a daemon that is not there yet, or not able to answer, or until
  // `waker` (unless null) is woken.
  CallResult<v1::ValidateLocalIdentityResponse> ValidateLocalIdentity(const v1::ValidateLocalIdentityRequest& request,
                                                                      CallClock::time_point deadline,
                                                                      const Waker* waker = nullptr);

  // The steps of a handshake do not wait for a daemon that is not there: their callers come again.
  CallResult<v1::HandshakeStep> BeginHandshakeRequest(const v1::BeginHandshakeRequestRequest& request,
                                                      CallClock::time_point deadline);
  CallResult<v1::HandshakeStep> BeginHandshakeReply(const v1::BeginHandshakeReplyRequest& request,
                                                    CallClock::time_point deadline);
  CallResult<v1::HandshakeStep> ProcessHandshake(const v1::ProcessHandshakeRequest& request,
                                                 CallClock::time_point deadline);
  CallResult<v1::HandshakeStep> SignHandshake(const v1::SignHandshakeRequest& request, CallClock::time_point deadline);

  // SignParticipantData asks once; an empty signature is one that is not made yet.
  CallResult<v1::SignParticipantDataResponse> SignParticipantData(const v1::SignParticipantDataRequest& request,
                                                                  CallClock::time_point deadline);

  // Watch and CheckPeers are for a thread of their own; they do not wait for a daemon that is not there. `waker`
  // (unless null) ends a call early, with CANCELLED.
  CallResult<v1::WatchResponse> Watch(const v1::WatchRequest& request, CallClock::time_point deadline,
                                      const Waker* waker);
  CallResult<v1::CheckPeersResponse> CheckPeers(const v1::CheckPeersRequest& request, CallClock::time_point deadline,
                                                const Waker* waker);

 private:
  template <typename Response, typename Request>
  CallResult<Response> Call(std::string_view method, const Request& request, CallClock::time_point deadline,
                            const Waker* waker = nullptr);

  Channel channel_;
};

}  // namespace ddskey

#endif  // CLIENT_AUTHENTICATION_CLIENT_H_
