#ifndef CLIENT_SOCKET_PATH_H_
#define CLIENT_SOCKET_PATH_H_

#include <string>

namespace ddskey {

// ServiceSocketPath is where applications reach the daemon: the environment variable DDSKEY_SOCKET, else
// /run/ddskeyd/ddskeyd.sock. The variable is ignored in a process that has more privileges than the one that started it
// (secure_getenv).
std::string ServiceSocketPath();

// AdminSocketPath is where administrators reach it: DDSKEY_ADMIN_SOCKET, else /run/ddskeyd/admin.sock.
std::string AdminSocketPath();

}  // namespace ddskey

#endif  // CLIENT_SOCKET_PATH_H_
