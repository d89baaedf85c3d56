#ifndef CLIENT_SIGNING_CLIENT_H_
#define CLIENT_SIGNING_CLIENT_H_

#include <string>

#include "client/call_status.h"
#include "client/channel.h"
#include "client/unix_socket.h"
#include "ddskey/v1/signing.pb.h"

namespace ddskey {

// SigningClient makes the calls of ddskey.v1.SigningService; signing.proto says what each does and which errors it has.
// On top of those: UNAVAILABLE if the daemon cannot be reached or went away, and DEADLINE_EXCEEDED. Either call may be
// repeated unchanged, so one whose connection broke is, within its deadline. Thread-safe.
class SigningClient {
 public:
  // `socket` is the daemon's service socket, usually `ServiceSocketPath()`.
  explicit SigningClient(std::string socket);

  const std::string& socket() const { return channel_.socket(); }

  // ListSigningKeys does not wait for a daemon that is not there, unless told to.
  CallResult<v1::ListSigningKeysResponse> ListSigningKeys(CallClock::time_point deadline, bool wait_for_daemon);

  // SignDigest waits until `deadline` for a daemon that is being restarted, and for a device that is away.
  CallResult<v1::SignDigestResponse> SignDigest(const v1::SignDigestRequest& request, CallClock::time_point deadline);

 private:
  Channel channel_;
};

}  // namespace ddskey

#endif  // CLIENT_SIGNING_CLIENT_H_
