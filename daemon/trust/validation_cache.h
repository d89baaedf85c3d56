#ifndef DAEMON_TRUST_VALIDATION_CACHE_H_
#define DAEMON_TRUST_VALIDATION_CACHE_H_

#include <cstddef>
#include <list>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <unordered_map>
#include <utility>

#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "daemon/trust/certificate.h"

namespace ddskey::trust {

// Verdict is the result of a validation and the time in which it holds: from `from` until before `until`.
struct Verdict {
  absl::StatusOr<std::shared_ptr<const Certificate>> result;
  absl::Time from = absl::InfinitePast();
  absl::Time until = absl::InfiniteFuture();
};

// ValidationCache remembers the verdicts that were asked for last, up to a number. Thread-safe.
class ValidationCache {
 public:
  explicit ValidationCache(size_t capacity) : capacity_(capacity) {}

  // Find returns the result under `key` if it holds at `now`.
  std::optional<absl::StatusOr<std::shared_ptr<const Certificate>>> Find(const std::string& key, absl::Time now);

  // Put remembers a verdict, in the place of an older one under the same key or of the one not asked for longest.
  void Put(const std::string& key, Verdict verdict);

 private:
  using Entries = std::list<std::pair<std::string, Verdict>>;

  const size_t capacity_;
  std::mutex mutex_;
  // The one asked for last is first.
  Entries entries_;
  std::unordered_map<std::string, Entries::iterator> index_;
};

}  // namespace ddskey::trust

#endif  // DAEMON_TRUST_VALIDATION_CACHE_H_
