#ifndef PLUGIN_SHIM_PKCS11_SHA2_H_
#define PLUGIN_SHIM_PKCS11_SHA2_H_

#include <nettle/sha2.h>

#include <string>
#include <string_view>
#include <variant>

#include "plugin_shim/pkcs11/mechanisms.h"

namespace ddskey {

// Sha2 hashes in parts, without a library that has threads, configuration or state of its own: it runs in strangers'
// processes. Thread-compatible.
class Sha2 {
 public:
  // `hash` is not kNone.
  explicit Sha2(Hash hash);

  void Update(std::string_view data);
  // Finish returns the digest, once.
  std::string Finish();

 private:
  std::variant<sha256_ctx, sha512_ctx> context_;
};

// Sha256Of returns the 32 octets of SHA-256 over `data`.
std::string Sha256Of(std::string_view data);

}  // namespace ddskey

#endif  // PLUGIN_SHIM_PKCS11_SHA2_H_
