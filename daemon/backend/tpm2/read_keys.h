#ifndef DAEMON_BACKEND_TPM2_READ_KEYS_H_
#define DAEMON_BACKEND_TPM2_READ_KEYS_H_

#include <tss2/tss2_tpm2_types.h>

#include <cstddef>
#include <map>
#include <string>
#include <utility>

#include "daemon/backend/crypto_library.h"
#include "daemon/backend/key_backend.h"
#include "daemon/backend/tpm2/key_blob.h"

namespace ddskey::tpm {

// ReadKeys remembers what was read from stored keys, none of it secret, so that loading one again costs no more than
// the TPM's time. Bounded: who has more keys in use reads some of them again. For one thread.
class ReadKeys {
 public:
  struct Key {
    KeyBlob blob;
    EvpKey public_key;
    TPM2B_NAME name = {};
  };

  // Find returns null if `sealed` was not read before, with this very label. What it returns stays until the next Keep.
  const Key* Find(const SealedKey& sealed) const {
    const auto found = keys_.find(sealed.blob);
    if (found == keys_.end()) return nullptr;
    const SealedKey& known = found->second.first;
    const bool same =
        known.algorithm == sealed.algorithm && known.purpose == sealed.purpose && known.public_key == sealed.public_key;
    return same ? &found->second.second : nullptr;
  }

  // Keep remembers `key` of `sealed`, and returns it as Find does.
  const Key* Keep(const SealedKey& sealed, Key key) {
    if (keys_.size() >= kMost) keys_.erase(keys_.begin());
    return &keys_.insert_or_assign(sealed.blob, std::pair(sealed, std::move(key))).first->second.second;
  }

 private:
  static constexpr size_t kMost = 256;

  std::map<std::string, std::pair<SealedKey, Key>> keys_;
};

}  // namespace ddskey::tpm

#endif  // DAEMON_BACKEND_TPM2_READ_KEYS_H_
