#ifndef PLUGIN_SHIM_PKCS11_CRYPTOKI_H_
#define PLUGIN_SHIM_PKCS11_CRYPTOKI_H_

// PKCS #11 2.40 as p11-kit writes it down.
#include <p11-kit-1/p11-kit/pkcs11.h>

#endif  // PLUGIN_SHIM_PKCS11_CRYPTOKI_H_
