#include "plugin_shim/core/explain.h"

namespace ddskey {
namespace {

constexpr size_t kMostCharacters = 1'000;

// What somebody who reads the log can do about it.
std::string NextStep(CallCode code) {
  switch (code) {
    case CallCode::kUnavailable:
    case CallCode::kCancelled:
      return "check that it runs (systemctl status ddskeyd) and that DDSKEY_SOCKET, if set, names its socket";
    case CallCode::kDeadlineExceeded:
      return "it is overloaded or stopped: see journalctl -u ddskeyd";
    case CallCode::kUnauthenticated:
      return "start the right daemon, or correct DDSKEY_SOCKET";
    case CallCode::kInvalidArgument:
      return "correct the configuration of this participant";
    case CallCode::kPermissionDenied:
      return "see `ddskeyctl key list`, and allow this user the operation HANDSHAKE with this key in the daemon's "
             "policy";
    case CallCode::kFailedPrecondition:
      return "see `ddskeyctl cert show` for this key";
    case CallCode::kResourceExhausted:
      return "see the limits in the daemon's configuration";
    default:
      return "see journalctl -u ddskeyd";
  }
}

}  // namespace

Remedy RemedyFor(const CallStatus& status) {
  switch (status.code) {
    case CallCode::kInvalidArgument:
    case CallCode::kPermissionDenied:
    case CallCode::kNotFound:
    case CallCode::kAlreadyExists:
    case CallCode::kOutOfRange:
    case CallCode::kUnimplemented:
    case CallCode::kDataLoss:
      return Remedy::kNone;
    case CallCode::kFailedPrecondition:
      return Remedy::kAnew;
    default:
      return Remedy::kWait;
  }
}

std::string Printable(std::string_view text) {
  constexpr char kHex[] = "0123456789abcdef";
  std::string printable;
  for (const char c : text) {
    if (printable.size() >= kMostCharacters) return printable + "...";
    const auto octet = static_cast<unsigned char>(c);
    if (octet >= 0x20 && octet < 0x7f) {
      printable += c;
    } else {
      printable += {'\\', 'x', kHex[octet >> 4], kHex[octet & 15]};
    }
  }
  return printable;
}

std::string Explain(const CallStatus& status, std::string_view key, std::string_view socket) {
  const std::string subject = "ddskey:" + Printable(key);
  const std::string said = Printable(status.message);
  // A refusal of what a peer sent begins with the check that refused it: nothing to be done on this side.
  if (said.starts_with("[clock_not_set]")) return subject + ": this host's clock is not set, so ddskeyd waits: " + said;
  if (said.starts_with("[")) return subject + ": the peer was refused: " + said;

  const std::string daemon = "ddskeyd at " + Printable(socket);
  const std::string why = said.empty() ? "" : " (" + said + ")";
  const std::string next = "; " + NextStep(status.code);
  switch (status.code) {
    case CallCode::kUnavailable:
    case CallCode::kCancelled:
      return subject + ": " + daemon + " is not available" + why + next;
    case CallCode::kDeadlineExceeded:
      return subject + ": " + daemon + " did not answer in time" + next;
    case CallCode::kUnauthenticated:
      return subject + ": what listens there is not trusted" + why + next;
    default:
      return subject + ": " + daemon + " refused" + why + next;
  }
}

}  // namespace ddskey
