#include "plugin_shim/pkcs11/attributes.h"

#include <cstring>

namespace ddskey {
namespace {

// IsSecret tells what of a private key no object shows from what it does not have.
bool IsSecret(CK_ATTRIBUTE_TYPE type) {
  switch (type) {
    case CKA_VALUE:
    case CKA_PRIVATE_EXPONENT:
    case CKA_PRIME_1:
    case CKA_PRIME_2:
    case CKA_EXPONENT_1:
    case CKA_EXPONENT_2:
    case CKA_COEFFICIENT:
      return true;
    default:
      return false;
  }
}

}  // namespace

void Attributes::SetBool(CK_ATTRIBUTE_TYPE type, bool value) {
  values_[type] = std::string(1, value ? char{CK_TRUE} : char{CK_FALSE});
}

void Attributes::SetNumber(CK_ATTRIBUTE_TYPE type, CK_ULONG value) { SetNumbers(type, {value}); }

void Attributes::SetNumbers(CK_ATTRIBUTE_TYPE type, const std::vector<CK_ULONG>& values) {
  values_[type] = std::string(reinterpret_cast<const char*>(values.data()), values.size() * sizeof(CK_ULONG));
}

CK_RV Attributes::Fetch(CK_ATTRIBUTE& attribute) const {
  const auto found = values_.find(attribute.type);
  if (found == values_.end()) {
    attribute.ulValueLen = CK_UNAVAILABLE_INFORMATION;
    const auto sensitive = values_.find(CKA_SENSITIVE);
    return sensitive != values_.end() && IsSecret(attribute.type) ? CKR_ATTRIBUTE_SENSITIVE
                                                                  : CKR_ATTRIBUTE_TYPE_INVALID;
  }
  const std::string& value = found->second;
  if (attribute.pValue == nullptr) {
    attribute.ulValueLen = value.size();
    return CKR_OK;
  }
  if (attribute.ulValueLen < value.size()) {
    attribute.ulValueLen = CK_UNAVAILABLE_INFORMATION;
    return CKR_BUFFER_TOO_SMALL;
  }
  std::memcpy(attribute.pValue, value.data(), value.size());
  attribute.ulValueLen = value.size();
  return CKR_OK;
}

bool Attributes::Matches(const CK_ATTRIBUTE* attributes, CK_ULONG count) const {
  for (CK_ULONG i = 0; i < count; ++i) {
    const CK_ATTRIBUTE& wanted = attributes[i];
    const auto found = values_.find(wanted.type);
    if (found == values_.end() || found->second.size() != wanted.ulValueLen) return false;
    if (wanted.ulValueLen > 0 && std::memcmp(found->second.data(), wanted.pValue, wanted.ulValueLen) != 0) return false;
  }
  return true;
}

}  // namespace ddskey
