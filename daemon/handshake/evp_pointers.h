#ifndef DAEMON_HANDSHAKE_EVP_POINTERS_H_
#define DAEMON_HANDSHAKE_EVP_POINTERS_H_

#include <openssl/asn1.h>
#include <openssl/bn.h>
#include <openssl/evp.h>
#include <openssl/param_build.h>

#include <memory>
#include <string>

#include "absl/status/status.h"

namespace ddskey {

// EvpDeleter frees an object of OpenSSL with its own function.
template <auto Free>
struct EvpDeleter {
  template <typename T>
  void operator()(T* object) const {
    Free(object);
  }
};

using PkeyPtr = std::unique_ptr<EVP_PKEY, EvpDeleter<EVP_PKEY_free>>;
using PkeyCtxPtr = std::unique_ptr<EVP_PKEY_CTX, EvpDeleter<EVP_PKEY_CTX_free>>;
using BignumPtr = std::unique_ptr<BIGNUM, EvpDeleter<BN_clear_free>>;
using ParamBuildPtr = std::unique_ptr<OSSL_PARAM_BLD, EvpDeleter<OSSL_PARAM_BLD_free>>;
using ParamsPtr = std::unique_ptr<OSSL_PARAM, EvpDeleter<OSSL_PARAM_free>>;
using Asn1IntegerPtr = std::unique_ptr<ASN1_INTEGER, EvpDeleter<ASN1_INTEGER_free>>;

// OpensslFailure is the error for a failure that no input explains.
inline absl::Status OpensslFailure(const char* what) {
  return absl::InternalError(std::string("OpenSSL failed ") + what);
}

}  // namespace ddskey

#endif  // DAEMON_HANDSHAKE_EVP_POINTERS_H_
