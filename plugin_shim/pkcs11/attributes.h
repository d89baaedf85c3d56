#ifndef PLUGIN_SHIM_PKCS11_ATTRIBUTES_H_
#define PLUGIN_SHIM_PKCS11_ATTRIBUTES_H_

#include <map>
#include <string>
#include <string_view>
#include <vector>

#include "plugin_shim/pkcs11/cryptoki.h"

namespace ddskey {

// Attributes are what an object is made of (PKCS #11 2.40, 4). Thread-compatible.
class Attributes {
 public:
  void Set(CK_ATTRIBUTE_TYPE type, std::string_view value) { values_[type] = value; }
  void SetBool(CK_ATTRIBUTE_TYPE type, bool value);
  void SetNumber(CK_ATTRIBUTE_TYPE type, CK_ULONG value);
  void SetNumbers(CK_ATTRIBUTE_TYPE type, const std::vector<CK_ULONG>& values);

  // Fetch answers one entry of C_GetAttributeValue's template and returns its error (5.7).
  CK_RV Fetch(CK_ATTRIBUTE& attribute) const;

  // Matches is whether all of a template's entries are here, with these values.
  bool Matches(const CK_ATTRIBUTE* attributes, CK_ULONG count) const;

 private:
  std::map<CK_ATTRIBUTE_TYPE, std::string> values_;
};

}  // namespace ddskey

#endif  // PLUGIN_SHIM_PKCS11_ATTRIBUTES_H_
