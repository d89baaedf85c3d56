#include "client/socket_path.h"

#include <cstdlib>

namespace ddskey {
namespace {

std::string FromEnvironment(const char* variable, const char* otherwise) {
  const char* value = secure_getenv(variable);
  return value != nullptr && *value != '\0' ? value : otherwise;
}

}  // namespace

std::string ServiceSocketPath() { return FromEnvironment("DDSKEY_SOCKET", "/run/ddskeyd/ddskeyd.sock"); }

std::string AdminSocketPath() { return FromEnvironment("DDSKEY_ADMIN_SOCKET", "/run/ddskeyd/admin.sock"); }

}  // namespace ddskey
