#ifndef PLUGIN_SHIM_CORE_EXPLAIN_H_
#define PLUGIN_SHIM_CORE_EXPLAIN_H_

#include <string>
#include <string_view>

#include "client/call_status.h"

namespace ddskey {

// Remedy is what the shim can do about a call that failed.
enum class Remedy {
  // Repeat the call later: the daemon is away, busy, or spares its device.
  kWait,
  // Begin the step again: what it brought along is no longer known.
  kAnew,
  // Nothing: the answer is no.
  kNone,
};

// RemedyFor says what to do after `status`, which is not OK.
Remedy RemedyFor(const CallStatus& status);

// Explain says in one sentence, for the log of the host, why the daemon did not do what it was asked: which key, which
// socket, what it answered, and what to do. What a peer could have put into it is made printable (S-16).
std::string Explain(const CallStatus& status, std::string_view key, std::string_view socket);

// Printable escapes everything in `text` that is not printable ASCII, and cuts it at 1,000 characters.
std::string Printable(std::string_view text);

}  // namespace ddskey

#endif  // PLUGIN_SHIM_CORE_EXPLAIN_H_
