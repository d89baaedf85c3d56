#ifndef PLUGIN_SHIM_PKCS11_OBJECT_TABLE_H_
#define PLUGIN_SHIM_PKCS11_OBJECT_TABLE_H_

#include <cstddef>
#include <map>
#include <memory>
#include <mutex>
#include <string>
#include <vector>

#include "plugin_shim/pkcs11/cryptoki.h"
#include "plugin_shim/pkcs11/object.h"

namespace ddskey {

// ObjectTable gives objects their handles. An object that is listed again keeps its handle; one that is listed no more
// keeps it for who has it, as the key of a renewed identity goes on being used by who began with it. Thread-safe.
class ObjectTable {
 public:
  // Replace takes what the daemon lists now.
  void Replace(std::vector<std::shared_ptr<const Object>> objects);

  // IsFilled is whether anything was ever listed, be it nothing.
  bool IsFilled() const;

  // Find returns the handles of the listed objects that match a template, in their order.
  std::vector<CK_OBJECT_HANDLE> Find(const CK_ATTRIBUTE* attributes, CK_ULONG count) const;

  // Get returns null for a handle that there is not.
  std::shared_ptr<const Object> Get(CK_OBJECT_HANDLE handle) const;

 private:
  // So many objects that are listed no more keep their handles.
  static constexpr size_t kMostKept = 1024;

  void ForgetOldest();

  mutable std::mutex mutex_;
  bool filled_ = false;
  CK_OBJECT_HANDLE last_ = 0;
  std::map<CK_OBJECT_HANDLE, std::shared_ptr<const Object>> objects_;
  std::map<std::string, CK_OBJECT_HANDLE> places_;
  std::vector<CK_OBJECT_HANDLE> listed_;
};

}  // namespace ddskey

#endif  // PLUGIN_SHIM_PKCS11_OBJECT_TABLE_H_
