#ifndef DAEMON_BACKEND_PKCS11_HELPER_CRYPTOKI_H_
#define DAEMON_BACKEND_PKCS11_HELPER_CRYPTOKI_H_

// PKCS #11 2.40 as p11-kit writes it down. Nothing of the daemon includes this but the process that runs modules.
#include <p11-kit-1/p11-kit/pkcs11.h>

#endif  // DAEMON_BACKEND_PKCS11_HELPER_CRYPTOKI_H_
