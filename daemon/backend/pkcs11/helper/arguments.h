#ifndef DAEMON_BACKEND_PKCS11_HELPER_ARGUMENTS_H_
#define DAEMON_BACKEND_PKCS11_HELPER_ARGUMENTS_H_

#include <cstddef>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "daemon/backend/pkcs11/helper_options.h"

namespace ddskey::pkcs11 {

// Arguments are those of ddskeyd-pkcs11.
struct Arguments {
  std::string module;
  std::string label;
  std::string serial;
  size_t sessions = kMaxSessions;
  // Whom to become, when started as root.
  std::string user;
  // Who may connect besides root, when systemd passes a socket.
  std::string peer_user;
  bool network = false;
  bool help = false;
  bool version = false;
};

// ParseArguments reads what follows the program's name. INVALID_ARGUMENT says what is wrong.
absl::StatusOr<Arguments> ParseArguments(const std::vector<std::string>& words);

// HelperUsage is the text for --help.
std::string HelperUsage();

}  // namespace ddskey::pkcs11

#endif  // DAEMON_BACKEND_PKCS11_HELPER_ARGUMENTS_H_
