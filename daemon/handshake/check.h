#ifndef DAEMON_HANDSHAKE_CHECK_H_
#define DAEMON_HANDSHAKE_CHECK_H_

#include <string_view>

#include "absl/status/status.h"
#include "absl/strings/str_cat.h"

namespace ddskey {

// Refuse is the refusal of something a peer sent: its message begins with the name of the refusing check in brackets,
// for example "[hash_c1] ...". `check` is a constant of ours, `why` a sentence without octets of the peer.
inline absl::Status Refuse(std::string_view check, std::string_view why) {
  return absl::InvalidArgumentError(absl::StrCat("[", absl::string_view(check.data(), check.size()), "] ",
                                                 absl::string_view(why.data(), why.size())));
}

}  // namespace ddskey

#endif  // DAEMON_HANDSHAKE_CHECK_H_
