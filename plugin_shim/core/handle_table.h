#ifndef PLUGIN_SHIM_CORE_HANDLE_TABLE_H_
#define PLUGIN_SHIM_CORE_HANDLE_TABLE_H_

#include <cstdint>
#include <memory>
#include <unordered_map>
#include <utility>

namespace ddskey {

// NewHandle returns a positive number that no table of this process has given out before. The sequence starts at
// random, so that numbers that a host made up, or kept from another process, hit nothing.
int64_t NewHandle();

// HandleTable gives a host numbers instead of pointers. A number that is stale, that another table gave out, or that
// nobody did, finds nothing and is never dereferenced. Thread-compatible.
template <typename T>
class HandleTable {
 public:
  // Add keeps `object` and returns its handle.
  int64_t Add(std::shared_ptr<T> object) {
    const int64_t handle = NewHandle();
    objects_.emplace(handle, std::move(object));
    return handle;
  }

  // Find returns the object of `handle`, or null.
  std::shared_ptr<T> Find(int64_t handle) const {
    const auto found = objects_.find(handle);
    return found == objects_.end() ? nullptr : found->second;
  }

  // Remove forgets `handle` and returns its object, or null.
  std::shared_ptr<T> Remove(int64_t handle) {
    const auto found = objects_.find(handle);
    if (found == objects_.end()) return nullptr;
    std::shared_ptr<T> object = std::move(found->second);
    objects_.erase(found);
    return object;
  }

  size_t size() const { return objects_.size(); }

 private:
  std::unordered_map<int64_t, std::shared_ptr<T>> objects_;
};

}  // namespace ddskey

#endif  // PLUGIN_SHIM_CORE_HANDLE_TABLE_H_
