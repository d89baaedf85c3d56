#ifndef CLIENT_CLI_ATTENTION_H_
#define CLIENT_CLI_ATTENTION_H_

#include <string>
#include <vector>

#include "absl/time/time.h"
#include "ddskey/v1/admin.pb.h"

namespace ddskey::cli {

// Attention is something that somebody should look after.
struct Attention {
  // Something does not work. Else it works, but something will not for long, or is not as it should be.
  bool is_failure = false;
  // A sentence without its full stop, as the daemon and its callers wrote it: to be escaped.
  std::string what;
  // What to do about it, if `what` does not say; else empty. The same.
  std::string fix;
};

// FindAttention is all that a status says needs attention; failures first.
std::vector<Attention> FindAttention(const v1::GetStatusResponse& status, absl::Time now);

}  // namespace ddskey::cli

#endif  // CLIENT_CLI_ATTENTION_H_
