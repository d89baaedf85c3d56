#include "client/signing_client.h"

#include <chrono>
#include <thread>
#include <utility>

namespace ddskey {
namespace {

constexpr std::chrono::milliseconds kPause(50);

}  // namespace

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
  for (;;) {
    CallResult<v1::SignDigestResponse> result;
    result.status =
        channel_.Call("/ddskey.v1.SigningService/SignDigest", request, &result.value, {deadline, true, true});
    if (result.status.code != CallCode::kUnavailable) return result;
    // The connection broke again and again, or the device is away.
    const auto again = CallClock::now() + kPause;
    if (again >= deadline) return result;
    std::this_thread::sleep_until(again);
  }
}

}  // namespace ddskey
