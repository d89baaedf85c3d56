#ifndef DAEMON_CUSTODIAN_BACKEND_SET_H_
#define DAEMON_CUSTODIAN_BACKEND_SET_H_

#include <memory>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "absl/status/statusor.h"
#include "daemon/backend/key_backend.h"

namespace ddskey {

// BackendSet is the configured backends, in the order of the configuration: the first one is the default for new keys.
// Immutable once built, so thread-safe.
class BackendSet {
 public:
  struct Entry {
    // As configured; may change.
    std::string name;
    // As the keystore knows that name.
    std::string uuid;
    std::unique_ptr<KeyBackend> backend;
  };

  explicit BackendSet(std::vector<Entry> entries) : entries_(std::move(entries)) {}

  const std::vector<Entry>& entries() const { return entries_; }

  // FindByName returns null for an unknown name, and the default backend for an empty one.
  const Entry* FindByName(const std::string& name) const;

  // FindForKey returns the backend that holds the key with this `blob`, made when the backend `uuid` was configured:
  // the one whose device recognises it, under whatever name it is configured now; if no device that was reached does,
  // the one that it was made by. UNAVAILABLE if that is not configured any more, or may be one of several that were not
  // reached yet.
  absl::StatusOr<const Entry*> FindForKey(const std::string& uuid, std::string_view blob) const;

  // Holds is false if no backend holds the key, as far as can be told.
  bool Holds(const std::string& uuid, std::string_view blob) const;

  // MayHold is whether one of the backends may yet turn out to hold the key, because it was not reached.
  bool MayHold(std::string_view blob) const;

 private:
  std::vector<Entry> entries_;
};

}  // namespace ddskey

#endif  // DAEMON_CUSTODIAN_BACKEND_SET_H_
