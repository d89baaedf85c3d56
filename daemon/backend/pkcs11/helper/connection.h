#ifndef DAEMON_BACKEND_PKCS11_HELPER_CONNECTION_H_
#define DAEMON_BACKEND_PKCS11_HELPER_CONNECTION_H_

#include <string>

#include "absl/status/statusor.h"
#include "daemon/backend/pkcs11/helper/service_manager.h"

namespace ddskey::pkcs11 {

// FindConnection returns the descriptor of the connection with the daemon: what the daemon passed, or the first
// connection to the socket that systemd passed which is root's, this user's, or that of `peer_user` (a name or a
// number, or empty). It waits for it, and closes the socket.
absl::StatusOr<int> FindConnection(const ServiceManager& manager, const std::string& peer_user);

}  // namespace ddskey::pkcs11

#endif  // DAEMON_BACKEND_PKCS11_HELPER_CONNECTION_H_
