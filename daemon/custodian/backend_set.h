#ifndef DAEMON_CUSTODIAN_BACKEND_SET_H_
#define DAEMON_CUSTODIAN_BACKEND_SET_H_

#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "daemon/backend/key_backend.h"

namespace ddskey {

// BackendSet is the configured backends, in the order of the configuration: the first one is the default for new keys.
// Immutable once built, so thread-safe.
class BackendSet {
 public:
  struct Entry {
    // As configured; may change.
    std::string name;
    // As the keystore knows it; never changes.
    std::string uuid;
    std::unique_ptr<KeyBackend> backend;
  };

  explicit BackendSet(std::vector<Entry> entries) : entries_(std::move(entries)) {}

  const std::vector<Entry>& entries() const { return entries_; }

  // FindByName returns null for an unknown name, and the default backend for an empty one.
  const Entry* FindByName(const std::string& name) const {
    for (const Entry& entry : entries_) {
      if (name.empty() || entry.name == name) return &entry;
    }
    return nullptr;
  }

  // FindByUuid returns null for a backend that is not configured any more.
  const Entry* FindByUuid(const std::string& uuid) const {
    for (const Entry& entry : entries_) {
      if (entry.uuid == uuid) return &entry;
    }
    return nullptr;
  }

 private:
  std::vector<Entry> entries_;
};

}  // namespace ddskey

#endif  // DAEMON_CUSTODIAN_BACKEND_SET_H_
