#ifndef DAEMON_BACKEND_PKCS11_HELPER_SERVICE_H_
#define DAEMON_BACKEND_PKCS11_HELPER_SERVICE_H_

#include <cstddef>
#include <memory>

#include "absl/status/status.h"
#include "daemon/backend/pkcs11/helper/served_token.h"
#include "daemon/backend/pkcs11/helper/service_manager.h"

namespace ddskey::pkcs11 {

// Serve answers the requests of `connection` with `workers` threads, until the process ends with the connection. It
// returns only if it could not begin.
absl::Status Serve(int connection, size_t workers, ServedToken& token, const ServiceManager& manager);

}  // namespace ddskey::pkcs11

#endif  // DAEMON_BACKEND_PKCS11_HELPER_SERVICE_H_
