#ifndef DAEMON_CUSTODIAN_WARNING_MEMORY_H_
#define DAEMON_CUSTODIAN_WARNING_MEMORY_H_

#include <mutex>
#include <string>
#include <unordered_map>

#include "absl/time/time.h"

namespace ddskey {

// WarningMemory remembers for a day what was said, so that a warning which holds for each of thousands of handshakes is
// written once. Bounded: when it is full it begins anew. Thread-safe.
class WarningMemory {
 public:
  // IsNew is whether `warning` about the certificate `digest`, used with the key `key_name`, was not said in the last
  // day.
  bool IsNew(const std::string& key_name, const std::string& digest, const std::string& warning, absl::Time now);

 private:
  std::mutex mutex_;
  // When each was said.
  std::unordered_map<std::string, absl::Time> said_;
};

}  // namespace ddskey

#endif  // DAEMON_CUSTODIAN_WARNING_MEMORY_H_
