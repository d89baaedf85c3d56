#include "client/signing_client.h"

#include <utility>

namespace ddskey {

SigningClient::SigningClient(std::string socket) : channel_(std::move(socket)) {}

CallResult<v1::ListSigningKeysResponse> SigningClient::ListSigningKeys(CallClock::time_point deadline,
                                                                       bool wait_for_daemon) {
  CallResult<v1::ListSigningKeysResponse> result;
  result.status = channel_.Call("/ddskey.v1.SigningService/ListSigningKeys", v1::ListSigningKeysRequest(),
                                &result.value, {deadline, true, wait_for_daemon});
  return result;
}

CallResult<v1::SignDigestResponse> SigningClient::SignDigest(const v1::SignDigestRequest& request,
                                                             CallClock::time_point deadline) {
  CallResult<v1::SignDigestResponse> result;
  result.status = channel_.Call("/ddskey.v1.SigningService/SignDigest", request, &result.value, {deadline, true, true});
  return result;
}

}  // namespace ddskey
