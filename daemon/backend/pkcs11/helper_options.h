#ifndef DAEMON_BACKEND_PKCS11_HELPER_OPTIONS_H_
#define DAEMON_BACKEND_PKCS11_HELPER_OPTIONS_H_

#include <chrono>
#include <cstddef>
#include <string>
#include <vector>

namespace ddskey::pkcs11 {

inline constexpr char kDefaultHelper[] = "/usr/libexec/ddskeyd/ddskeyd-pkcs11";
// kDefaultHelperUser is the user that the helper takes when the daemon is root.
inline constexpr char kDefaultHelperUser[] = "ddskeyd-pkcs11";
inline constexpr size_t kMaxSessions = 8;
// kLongestCall is the most that any call of a module may take.
inline constexpr std::chrono::minutes kLongestCall(10);
// kHelperDescriptor is the descriptor on which a helper finds its connection.
inline constexpr int kHelperDescriptor = 3;

// HelperOptions says which module a helper runs, for which token, and how. All of it comes from configuration that
// belongs to root (S-13).
struct HelperOptions {
  // A path; or a pkcs11: URI (RFC 7512) with module-path or module-name, and perhaps what the token is called.
  std::string module;
  // Which token: by its label, by its serial number, by both; with neither there must be one only.
  std::string label = {};
  std::string serial = {};
  // At most so many signatures at a time, 1 to kMaxSessions.
  size_t sessions = kMaxSessions;
  // The whole environment of the process, "NAME=value".
  std::vector<std::string> environment = {};
  std::string helper = kDefaultHelper;
  // Whom it runs as; only root can choose. Empty for kDefaultHelperUser.
  std::string user = {};
  // Whether it may run as the daemon's own user where the daemon can become nobody else; it is refused if not.
  bool same_user = false;
  // The socket of a helper that systemd starts: everything above is then in its unit, and must be empty here.
  std::string socket = {};
  // Whether the module reaches its device over a network.
  bool needs_network = false;
  // A call that takes longer means that the module hangs, 100 ms to 10 min; making a key may take ten times as long.
  std::chrono::milliseconds call_deadline = std::chrono::seconds(10);
};

}  // namespace ddskey::pkcs11

#endif  // DAEMON_BACKEND_PKCS11_HELPER_OPTIONS_H_
