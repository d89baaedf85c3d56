#include "client/authentication_client.h"

#include <algorithm>
#include <chrono>
#include <thread>
#include <utility>

namespace ddskey {
namespace {

// Between two attempts to reach a daemon that is starting, or whose device is away.
constexpr std::chrono::milliseconds kPause(100);

}  // namespace

AuthenticationClient::AuthenticationClient(std::string socket) : channel_(std::move(socket)) {}

template <typename Response, typename Request>
CallResult<Response> AuthenticationClient::Call(std::string_view method, const Request& request,
                                                CallClock::time_point deadline, const Waker* waker) {
  CallOptions options;
  options.waker = waker;
  options.deadline = deadline;
  options.idempotent = true;
  CallResult<Response> result;
  const std::string path = "/ddskey.v1.AuthenticationService/" + std::string(method);
  result.status = channel_.Call(path, request, &result.value, options);
  return result;
}

CallResult<v1::ValidateLocalIdentityResponse> AuthenticationClient::ValidateLocalIdentity(
    const v1::ValidateLocalIdentityRequest& request, CallClock::time_point deadline, const Waker* waker) {
  for (;;) {
    auto result = Call<v1::ValidateLocalIdentityResponse>("ValidateLocalIdentity", request, deadline, waker);
    if (result.status.code != CallCode::kUnavailable || CallClock::now() >= deadline) return result;
    const auto again = std::min(CallClock::now() + kPause, deadline);
    if (waker == nullptr) {
      std::this_thread::sleep_until(again);
    } else {
      waker->Sleep(again);
      if (waker->woken()) return result;
    }
    if (CallClock::now() >= deadline) return result;
  }
}

CallResult<v1::HandshakeStep> AuthenticationClient::BeginHandshakeRequest(
    const v1::BeginHandshakeRequestRequest& request, CallClock::time_point deadline) {
  return Call<v1::HandshakeStep>("BeginHandshakeRequest", request, deadline);
}

CallResult<v1::HandshakeStep> AuthenticationClient::BeginHandshakeReply(const v1::BeginHandshakeReplyRequest& request,
                                                                        CallClock::time_point deadline) {
  return Call<v1::HandshakeStep>("BeginHandshakeReply", request, deadline);
}

CallResult<v1::HandshakeStep> AuthenticationClient::ProcessHandshake(const v1::ProcessHandshakeRequest& request,
                                                                     CallClock::time_point deadline) {
  return Call<v1::HandshakeStep>("ProcessHandshake", request, deadline);
}

CallResult<v1::HandshakeStep> AuthenticationClient::SignHandshake(const v1::SignHandshakeRequest& request,
                                                                  CallClock::time_point deadline) {
  return Call<v1::HandshakeStep>("SignHandshake", request, deadline);
}

CallResult<v1::SignParticipantDataResponse> AuthenticationClient::SignParticipantData(
    const v1::SignParticipantDataRequest& request, CallClock::time_point deadline) {
  return Call<v1::SignParticipantDataResponse>("SignParticipantData", request, deadline);
}

CallResult<v1::WatchResponse> AuthenticationClient::Watch(const v1::WatchRequest& request,
                                                          CallClock::time_point deadline, const Waker* waker) {
  return Call<v1::WatchResponse>("Watch", request, deadline, waker);
}

CallResult<v1::CheckPeersResponse> AuthenticationClient::CheckPeers(const v1::CheckPeersRequest& request,
                                                                    CallClock::time_point deadline,
                                                                    const Waker* waker) {
  return Call<v1::CheckPeersResponse>("CheckPeers", request, deadline, waker);
}

}  // namespace ddskey
