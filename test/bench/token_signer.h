#ifndef TEST_BENCH_TOKEN_SIGNER_H_
#define TEST_BENCH_TOKEN_SIGNER_H_

#include <string>

#include "plugin_shim/pkcs11/cryptoki.h"

namespace ddskey::bench {

// TokenKeyName says where a key is: in which PKCS#11 module, in which of its tokens, and under which label there.
struct TokenKeyName {
  std::string module;
  std::string token;
  std::string label;
  // Empty for a token that needs no login.
  std::string pin = {};
};

// TokenSigner signs with a P-256 key through a PKCS#11 module that this process loads; for one thread. What goes wrong
// while it is made ends the program with a message.
class TokenSigner {
 public:
  explicit TokenSigner(const TokenKeyName& key);

  // SignOne signs a digest, and returns what went wrong; empty if nothing did.
  std::string SignOne();

 private:
  CK_SLOT_ID FindSlot(const std::string& token);

  CK_FUNCTION_LIST* module_ = nullptr;
  CK_SESSION_HANDLE session_ = 0;
  CK_OBJECT_HANDLE key_ = 0;
};

}  // namespace ddskey::bench

#endif  // TEST_BENCH_TOKEN_SIGNER_H_
