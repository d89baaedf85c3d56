#include "daemon/backend/pkcs11/helper/key_objects.h"

#include <algorithm>
#include <array>

#include "daemon/backend/pkcs11/helper/ckr.h"
#include "proto/contract/status_macros.h"

namespace ddskey::pkcs11 {
namespace {

constexpr CK_ULONG kMaxFound = 16;
constexpr CK_ULONG kMaxAttribute = CK_ULONG{16} << 10;

}  // namespace

absl::StatusOr<std::vector<CK_OBJECT_HANDLE>> ObjectView::Find(const Wanted& wanted) const {
  CK_BBOOL in_token = CK_TRUE;
  Wanted copy = wanted;
  std::vector<CK_ATTRIBUTE> attributes = {{CKA_CLASS, &copy.object_class, sizeof(copy.object_class)},
                                          {CKA_TOKEN, &in_token, sizeof(in_token)}};
  if (copy.type.has_value()) attributes.push_back({CKA_KEY_TYPE, &*copy.type, sizeof(*copy.type)});
  if (copy.id.has_value()) attributes.push_back({CKA_ID, copy.id->data(), copy.id->size()});
  if (copy.label.has_value()) attributes.push_back({CKA_LABEL, copy.label->data(), copy.label->size()});
  RETURN_IF_ERROR(FromCkr(functions_.C_FindObjectsInit(session_, attributes.data(), attributes.size()),
                          "looking for a key in the token"));
  std::vector<CK_OBJECT_HANDLE> found(kMaxFound);
  CK_ULONG count = 0;
  const CK_RV value = functions_.C_FindObjects(session_, found.data(), kMaxFound, &count);
  const CK_RV ended = functions_.C_FindObjectsFinal(session_);
  RETURN_IF_ERROR(FromCkr(value, "looking for a key in the token"));
  RETURN_IF_ERROR(FromCkr(ended, "looking for a key in the token"));
  found.resize(std::min(count, kMaxFound));
  return found;
}

absl::StatusOr<std::optional<std::string>> ObjectView::Octets(CK_OBJECT_HANDLE object, CK_ATTRIBUTE_TYPE type) const {
  CK_ATTRIBUTE attribute = {type, nullptr, 0};
  CK_RV value = functions_.C_GetAttributeValue(session_, object, &attribute, 1);
  const auto missing = [](CK_RV v) { return v == CKR_ATTRIBUTE_TYPE_INVALID || v == CKR_ATTRIBUTE_SENSITIVE; };
  if (missing(value)) return std::nullopt;
  RETURN_IF_ERROR(FromCkr(value, "reading about a key in the token"));
  if (attribute.ulValueLen == CK_UNAVAILABLE_INFORMATION) return std::nullopt;
  if (attribute.ulValueLen > kMaxAttribute) {
    return absl::DataLossError("the PKCS#11 module says that an attribute has more octets than any has");
  }
  std::string octets(attribute.ulValueLen, '\0');
  if (octets.empty()) return octets;
  attribute.pValue = octets.data();
  value = functions_.C_GetAttributeValue(session_, object, &attribute, 1);
  if (missing(value)) return std::nullopt;
  RETURN_IF_ERROR(FromCkr(value, "reading about a key in the token"));
  octets.resize(std::min<size_t>(attribute.ulValueLen, octets.size()));
  return octets;
}

absl::StatusOr<std::optional<bool>> ObjectView::Flag(CK_OBJECT_HANDLE object, CK_ATTRIBUTE_TYPE type) const {
  ASSIGN_OR_RETURN(const std::optional<std::string> octets, Octets(object, type));
  if (!octets.has_value()) return std::nullopt;
  if (octets->size() != sizeof(CK_BBOOL)) {
    return absl::DataLossError("the PKCS#11 module says yes or no with more than an octet");
  }
  return octets->front() != CK_FALSE;
}

absl::Status ObjectView::Destroy(CK_OBJECT_HANDLE object) const {
  return FromCkr(functions_.C_DestroyObject(session_, object), "removing a key from the token");
}

CK_KEY_TYPE KeyTypeOf(KeyAlgorithm algorithm) { return IsRsa(algorithm) ? CKK_RSA : CKK_EC; }

absl::StatusOr<CK_OBJECT_HANDLE> FindSigningKey(const ObjectView& view, CK_KEY_TYPE type, const std::string& id) {
  ASSIGN_OR_RETURN(const std::vector<CK_OBJECT_HANDLE> found, view.Find({.type = type, .id = id}));
  if (found.empty()) return absl::NotFoundError("the token has no such key");
  if (found.size() > 1) {
    return absl::FailedPreconditionError("the token has several keys with one CKA_ID: give them different ones");
  }
  return found.front();
}

absl::Status DestroyPair(const ObjectView& view, const std::string& id) {
  absl::Status status = absl::NotFoundError("the token has no such key");
  for (const CK_OBJECT_CLASS object_class : {CKO_PRIVATE_KEY, CKO_PUBLIC_KEY}) {
    ASSIGN_OR_RETURN(const std::vector<CK_OBJECT_HANDLE> found, view.Find({.object_class = object_class, .id = id}));
    for (const CK_OBJECT_HANDLE object : found) {
      RETURN_IF_ERROR(view.Destroy(object));
      if (object_class == CKO_PRIVATE_KEY) status = absl::OkStatus();
    }
  }
  return status;
}

absl::StatusOr<bool> IsUnreadable(const ObjectView& view, CK_OBJECT_HANDLE private_key) {
  ASSIGN_OR_RETURN(const auto sensitive, view.Flag(private_key, CKA_SENSITIVE));
  ASSIGN_OR_RETURN(const auto extractable, view.Flag(private_key, CKA_EXTRACTABLE));
  return sensitive.value_or(false) && !extractable.value_or(true);
}

absl::StatusOr<bool> WasNeverReadable(const ObjectView& view, CK_OBJECT_HANDLE private_key) {
  ASSIGN_OR_RETURN(const auto sensitive, view.Flag(private_key, CKA_ALWAYS_SENSITIVE));
  ASSIGN_OR_RETURN(const auto never, view.Flag(private_key, CKA_NEVER_EXTRACTABLE));
  return sensitive.value_or(false) && never.value_or(false);
}

}  // namespace ddskey::pkcs11
