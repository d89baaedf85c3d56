#ifndef TEST_SUPPORT_PKCS11_TOKEN_H_
#define TEST_SUPPORT_PKCS11_TOKEN_H_

#include <optional>
#include <string>
#include <vector>

#include "plugin_shim/pkcs11/cryptoki.h"

namespace ddskey::test {

// kPkcs11Module is our module in a test's runfiles.
inline constexpr char kPkcs11Module[] = "plugin_shim/pkcs11/libddskey_pkcs11.so";

// Pkcs11 is our module as a program loads it. What cannot go wrong ends the test program with a message.
class Pkcs11 {
 public:
  // The module is loaded once for the process.
  Pkcs11();

  const CK_FUNCTION_LIST& functions() const { return *functions_; }

  // Open initializes the module, unless it is, and opens a session.
  CK_SESSION_HANDLE Open();

  // Find returns the handles of the objects of a class, with a label unless it is empty; nothing if the search failed.
  std::optional<std::vector<CK_OBJECT_HANDLE>> Find(CK_SESSION_HANDLE session, CK_OBJECT_CLASS object_class,
                                                    const std::string& label = "");

  // PrivateKey is the handle of the only private key with that label, or 0.
  CK_OBJECT_HANDLE PrivateKey(CK_SESSION_HANDLE session, const std::string& label);

  // Attribute is the value, or nothing if the object does not show it.
  std::optional<std::string> Attribute(CK_SESSION_HANDLE session, CK_OBJECT_HANDLE object, CK_ATTRIBUTE_TYPE type);

  // Sign signs `data` and returns the error; PSS gets the parameters of SHA-256.
  CK_RV Sign(CK_SESSION_HANDLE session, CK_OBJECT_HANDLE key, CK_MECHANISM_TYPE mechanism, const std::string& data,
             std::string* signature);

 private:
  CK_FUNCTION_LIST* functions_ = nullptr;
};

// VerifiesRaw is whether `signature` (r and s, or RSA-PSS, or with `pkcs1` RSA PKCS#1 v1.5) over a SHA-256 `digest` is
// of the key `public_key`, a DER SubjectPublicKeyInfo.
bool VerifiesRaw(const std::string& public_key, const std::string& digest, const std::string& signature,
                 bool pkcs1 = false);

}  // namespace ddskey::test

#endif  // TEST_SUPPORT_PKCS11_TOKEN_H_
