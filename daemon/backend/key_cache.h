#ifndef DAEMON_BACKEND_KEY_CACHE_H_
#define DAEMON_BACKEND_KEY_CACHE_H_

#include <list>
#include <mutex>
#include <string>
#include <string_view>
#include <unordered_map>
#include <utility>

#include "daemon/backend/crypto_library.h"
#include "daemon/backend/key_backend.h"

namespace ddskey {

// KeyCache keeps the opened keys that were used last: private ones, in the clear (KeySealer says where), or public
// ones. Thread-safe.
class KeyCache {
 public:
  explicit KeyCache(size_t capacity) : capacity_(capacity) {}
  KeyCache(const KeyCache&) = delete;
  KeyCache& operator=(const KeyCache&) = delete;

  // Find returns a share of the opened key, or null. Every field of `sealed` must be as it was at Put: the cache is no
  // way round what a blob is bound to.
  EvpKey Find(const SealedKey& sealed) {
    const std::lock_guard lock(mutex_);
    const auto found = index_.find(sealed.blob);
    if (found == index_.end()) return nullptr;
    const SealedKey& known = found->second->sealed;
    if (known.algorithm != sealed.algorithm || known.purpose != sealed.purpose ||
        known.public_key != sealed.public_key) {
      return nullptr;
    }
    keys_.splice(keys_.begin(), keys_, found->second);
    return Share(*found->second->key);
  }

  // Put adds a key, and lets go of the one that was not used for the longest time if there are too many.
  void Put(const SealedKey& sealed, EVP_PKEY& key) {
    const std::lock_guard lock(mutex_);
    if (index_.contains(sealed.blob)) return;
    keys_.push_front({sealed, Share(key)});
    index_.emplace(keys_.front().sealed.blob, keys_.begin());
    if (keys_.size() <= capacity_) return;
    index_.erase(keys_.back().sealed.blob);
    keys_.pop_back();
  }

  size_t size() const {
    const std::lock_guard lock(mutex_);
    return keys_.size();
  }

 private:
  struct Entry {
    SealedKey sealed;
    EvpKey key;
  };

  static EvpKey Share(EVP_PKEY& key) {
    EVP_PKEY_up_ref(&key);
    return EvpKey(&key);
  }

  const size_t capacity_;
  mutable std::mutex mutex_;
  // The one used last is first.
  std::list<Entry> keys_;
  // The views are of the blobs in `keys_`.
  std::unordered_map<std::string_view, std::list<Entry>::iterator> index_;
};

}  // namespace ddskey

#endif  // DAEMON_BACKEND_KEY_CACHE_H_
