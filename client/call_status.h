#ifndef CLIENT_CALL_STATUS_H_
#define CLIENT_CALL_STATUS_H_

#include <string>
#include <utility>

namespace ddskey {

// CallCode is the outcome of a call, with the names and numbers of gRPC.
enum class CallCode {
  kOk = 0,
  kCancelled = 1,
  kUnknown = 2,
  kInvalidArgument = 3,
  kDeadlineExceeded = 4,
  kNotFound = 5,
  kAlreadyExists = 6,
  kPermissionDenied = 7,
  kResourceExhausted = 8,
  kFailedPrecondition = 9,
  kAborted = 10,
  kOutOfRange = 11,
  kUnimplemented = 12,
  kInternal = 13,
  kUnavailable = 14,
  kDataLoss = 15,
  kUnauthenticated = 16,
};

// CallStatus is how a call ended. It exists beside absl::Status because what is loaded into strangers' processes cannot
// bring Abseil along.
struct CallStatus {
  CallCode code = CallCode::kOk;
  // What the server, or the client on its behalf, has to say; empty if `ok()`.
  std::string message;

  bool ok() const { return code == CallCode::kOk; }
};

// CallResult is the outcome of a call that yields a `T`; `value` means something only if `status` is OK.
template <typename T>
struct CallResult {
  CallStatus status;
  T value;
};

}  // namespace ddskey

#endif  // CLIENT_CALL_STATUS_H_
