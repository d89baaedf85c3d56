#ifndef DAEMON_BACKEND_PKCS11_HELPER_KEY_OBJECTS_H_
#define DAEMON_BACKEND_PKCS11_HELPER_KEY_OBJECTS_H_

#include <optional>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "daemon/backend/pkcs11/helper/cryptoki.h"
#include "proto/contract/algorithm.h"

namespace ddskey::pkcs11 {

// ObjectView is what a session shows of the objects in its token. Values come from the module as it likes.
class ObjectView {
 public:
  ObjectView(const CK_FUNCTION_LIST& functions, CK_SESSION_HANDLE session) : functions_(functions), session_(session) {}

  // What to look for; nothing where it does not matter.
  struct Wanted {
    CK_OBJECT_CLASS object_class = CKO_PRIVATE_KEY;
    std::optional<CK_KEY_TYPE> type = {};
    std::optional<std::string> id = {};
    std::optional<std::string> label = {};
  };

  // Find returns the handles of objects of the token, at most 16 of them.
  absl::StatusOr<std::vector<CK_OBJECT_HANDLE>> Find(const Wanted& wanted) const;

  // Octets is an attribute of at most 16 KiB, and Flag one that is a CK_BBOOL; an attribute that the object has not is
  // nothing.
  absl::StatusOr<std::optional<std::string>> Octets(CK_OBJECT_HANDLE object, CK_ATTRIBUTE_TYPE type) const;
  absl::StatusOr<std::optional<bool>> Flag(CK_OBJECT_HANDLE object, CK_ATTRIBUTE_TYPE type) const;

  absl::Status Destroy(CK_OBJECT_HANDLE object) const;

 private:
  const CK_FUNCTION_LIST& functions_;
  const CK_SESSION_HANDLE session_;
};

// KeyTypeOf is the CK_KEY_TYPE of an algorithm.
CK_KEY_TYPE KeyTypeOf(KeyAlgorithm algorithm);

// FindSigningKey is the only private key with an id and of a type. NOT_FOUND; FAILED_PRECONDITION if there are several.
absl::StatusOr<CK_OBJECT_HANDLE> FindSigningKey(const ObjectView& view, CK_KEY_TYPE type, const std::string& id);

// DestroyPair removes all keys with an id. NOT_FOUND if there is no private one.
absl::Status DestroyPair(const ObjectView& view, const std::string& id);

// IsUnreadable is whether the token says that a private key cannot be read now; WasNeverReadable that it never could
// be.
absl::StatusOr<bool> IsUnreadable(const ObjectView& view, CK_OBJECT_HANDLE private_key);
absl::StatusOr<bool> WasNeverReadable(const ObjectView& view, CK_OBJECT_HANDLE private_key);

}  // namespace ddskey::pkcs11

#endif  // DAEMON_BACKEND_PKCS11_HELPER_KEY_OBJECTS_H_
