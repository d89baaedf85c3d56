#ifndef DAEMON_TRUST_VALIDATION_CACHE_H_
#define DAEMON_TRUST_VALIDATION_CACHE_H_

#include <cstddef>
#include <cstdint>
#include <list>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <unordered_map>

#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "daemon/trust/ocsp_response.h"
#include "daemon/trust/valid_certificate.h"

namespace ddskey::trust {

// Verdict is the result of a validation and the time in which it holds: from `from` until before `until`.
struct Verdict {
  absl::StatusOr<std::shared_ptr<const ValidCertificate>> result;
  absl::Time from = absl::InfinitePast();
  absl::Time until = absl::InfiniteFuture();
  // The certificate's issuer, if the path is good or lacks nothing but a current revocation list about the certificate:
  // then a responder may speak for it, or against it. And the certificate as it is when one has spoken for it.
  std::shared_ptr<const Certificate> issuer = nullptr;
  std::shared_ptr<const ValidCertificate> answered = nullptr;
  // What the responder said, in a verdict after it has spoken.
  std::optional<CertificateStatus> status = std::nullopt;
};

// ValidationCache remembers the verdicts that were asked for last, up to a number of each account and of all. Whoever
// has many validations made pushes out its own verdicts, and of all the accounts the one with the most. Thread-safe.
class ValidationCache {
 public:
  ValidationCache(size_t capacity, size_t capacity_per_account)
      : capacity_(capacity), capacity_per_account_(capacity_per_account) {}

  // Find returns the verdict under `key` if it holds at `now`, whoever had it made.
  std::optional<Verdict> Find(const std::string& key, absl::Time now);

  // Put remembers a verdict on `account`, in the place of an older one under the same key or of the account's one not
  // asked for longest.
  void Put(const std::string& key, uint32_t account, Verdict verdict);

  size_t size() const;

 private:
  struct Entry {
    std::string key;
    uint32_t account;
    Verdict verdict;
  };
  // The one asked for last is first.
  using Entries = std::list<Entry>;

  void Remove(Entries::iterator entry);

  const size_t capacity_;
  const size_t capacity_per_account_;
  mutable std::mutex mutex_;
  std::unordered_map<uint32_t, Entries> accounts_;
  std::unordered_map<std::string, Entries::iterator> index_;
};

}  // namespace ddskey::trust

#endif  // DAEMON_TRUST_VALIDATION_CACHE_H_
