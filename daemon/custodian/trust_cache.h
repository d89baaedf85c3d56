#ifndef DAEMON_CUSTODIAN_TRUST_CACHE_H_
#define DAEMON_CUSTODIAN_TRUST_CACHE_H_

#include <list>
#include <memory>
#include <mutex>
#include <string>
#include <unordered_map>
#include <vector>

#include "absl/status/statusor.h"
#include "daemon/custodian/file_lists.h"
#include "daemon/keystore/key_store.h"
#include "daemon/trust/certificate_validator.h"

namespace ddskey {

// TrustCache keeps parsed trust stores by the octets they were parsed from, so that a handshake does not parse its
// anchors again. Bounded; thread-safe.
class TrustCache {
 public:
  // `files` has the lists of files, to which identities' own trust is held as well; it must outlive this. Null if there
  // are none.
  explicit TrustCache(const FileLists* files = nullptr) : files_(files) {}

  // Get parses the documents, or returns what was parsed from the same ones before.
  absl::StatusOr<std::shared_ptr<const TrustStore>> Get(const std::vector<std::string>& anchors,
                                                        const std::vector<std::string>& revocation_lists);

  // Of returns the trust store of an identity's own anchors and revocation lists, among them those of intermediate CAs,
  // with the lists of files that apply to it, of each issuer the newer. Identities are immutable: it was parsed before
  // if it was asked for with the same object and the same lists before.
  absl::StatusOr<std::shared_ptr<const TrustStore>> Of(const std::shared_ptr<const Identity>& identity);

 private:
  struct Entry {
    std::string key;
    std::shared_ptr<const TrustStore> store;
  };

  struct OwnEntry {
    std::weak_ptr<const Identity> identity;
    std::vector<Certificate> anchors;
    // Of the identity's own store.
    std::vector<RevocationList> lists;
    // What files held when `store` was made, and the lists of it.
    std::shared_ptr<const ListsInForce> in_force;
    std::vector<std::string> digests;
    std::shared_ptr<const TrustStore> store;
  };

  static absl::StatusOr<OwnEntry> Parse(const std::shared_ptr<const Identity>& identity);
  // Renew makes the store of `entry` if `in_force` means other lists for it.
  static absl::Status Renew(const Identity& identity, std::shared_ptr<const ListsInForce> in_force, OwnEntry& entry);

  const FileLists* const files_;
  std::mutex mutex_;
  std::list<Entry> entries_;  // last used first
  // As many as there are identities; those of earlier states go when another is added.
  std::unordered_map<const Identity*, OwnEntry> own_;
};

}  // namespace ddskey

#endif  // DAEMON_CUSTODIAN_TRUST_CACHE_H_
