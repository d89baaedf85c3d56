#ifndef DAEMON_CUSTODIAN_TRUST_CACHE_H_
#define DAEMON_CUSTODIAN_TRUST_CACHE_H_

#include <list>
#include <memory>
#include <mutex>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "daemon/trust/certificate_validator.h"

namespace ddskey {

// TrustCache keeps parsed trust stores by the octets they were parsed from, so that a handshake does not parse its
// anchors again. Bounded; thread-safe.
class TrustCache {
 public:
  // Get parses the documents, or returns what was parsed from the same ones before.
  absl::StatusOr<std::shared_ptr<const TrustStore>> Get(const std::vector<std::string>& anchors,
                                                        const std::vector<std::string>& revocation_lists);

 private:
  struct Entry {
    std::string key;
    std::shared_ptr<const TrustStore> store;
  };

  std::mutex mutex_;
  std::list<Entry> entries_;  // last used first
};

}  // namespace ddskey

#endif  // DAEMON_CUSTODIAN_TRUST_CACHE_H_
