#include "plugin_shim/pkcs11/object_table.h"

#include <set>
#include <utility>

namespace ddskey {

void ObjectTable::Replace(std::vector<std::shared_ptr<const Object>> objects) {
  const std::lock_guard lock(mutex_);
  filled_ = true;
  listed_.clear();
  for (std::shared_ptr<const Object>& object : objects) {
    const auto [place, is_new] = places_.try_emplace(object->place, last_ + 1);
    if (is_new) ++last_;
    listed_.push_back(place->second);
    objects_[place->second] = std::move(object);
  }
  ForgetOldest();
}

void ObjectTable::ForgetOldest() {
  if (objects_.size() <= listed_.size() + kMostKept) return;
  const std::set<CK_OBJECT_HANDLE> listed(listed_.begin(), listed_.end());
  // Handles grow with time.
  for (auto at = objects_.begin(); at != objects_.end() && objects_.size() > listed.size() + kMostKept;) {
    if (listed.contains(at->first)) {
      ++at;
      continue;
    }
    places_.erase(at->second->place);
    at = objects_.erase(at);
  }
}

bool ObjectTable::IsFilled() const {
  const std::lock_guard lock(mutex_);
  return filled_;
}

std::vector<CK_OBJECT_HANDLE> ObjectTable::Find(const CK_ATTRIBUTE* attributes, CK_ULONG count) const {
  const std::lock_guard lock(mutex_);
  std::vector<CK_OBJECT_HANDLE> found;
  for (const CK_OBJECT_HANDLE handle : listed_) {
    if (objects_.at(handle)->attributes.Matches(attributes, count)) found.push_back(handle);
  }
  return found;
}

std::shared_ptr<const Object> ObjectTable::Get(CK_OBJECT_HANDLE handle) const {
  const std::lock_guard lock(mutex_);
  const auto found = objects_.find(handle);
  return found == objects_.end() ? nullptr : found->second;
}

}  // namespace ddskey
