#ifndef DAEMON_CUSTODIAN_EXPIRY_WATCH_H_
#define DAEMON_CUSTODIAN_EXPIRY_WATCH_H_

#include <map>
#include <memory>
#include <mutex>
#include <string>
#include <unordered_map>
#include <vector>

#include "absl/time/time.h"
#include "daemon/custodian/file_lists.h"
#include "daemon/keystore/key_store.h"

namespace ddskey {

// Ending is something that peers or the identity itself are judged by, and that ends.
struct Ending {
  enum class Kind { kCertificate, kAnchor, kRevocationList };

  Kind kind = Kind::kCertificate;
  // The identity that has it; empty for a revocation list of a file.
  std::string key_name;
  // Of the certificate, or the list's issuer.
  std::string subject;
  // notBefore or thisUpdate, notAfter or nextUpdate.
  absl::Time begin;
  absl::Time end;

  // days_left is how many whole days are left at `now`; negative once it has ended.
  int64_t days_left(absl::Time now) const;
};

// ExpiryWatch tells what of the identities ends, and warns 30, 7 and 1 days before and at the end, once each since the
// daemon started. What lives no longer than such a time has no warning for it: a list that is renewed every day is not
// always late. Identities are parsed once. Thread-safe.
class ExpiryWatch {
 public:
  // All must outlive this.
  ExpiryWatch(const KeyStore& keys, const FileLists& files) : keys_(keys), files_(files) {}

  // Endings are those of all identities that are not deleted, and of the lists of files, the soonest first.
  std::vector<Ending> Endings();

  // Warn returns a sentence for each warning that is due at `now` and was not returned before.
  std::vector<std::string> Warn(absl::Time now);

 private:
  struct Parsed {
    std::weak_ptr<const Identity> identity;
    std::vector<Ending> endings;
  };

  const std::vector<Ending>& EndingsOf(const std::shared_ptr<const Identity>& identity);
  std::vector<Ending> All();

  const KeyStore& keys_;
  const FileLists& files_;
  std::mutex mutex_;
  std::unordered_map<const Identity*, Parsed> parsed_;
  // How many days before its end each was last warned about.
  std::map<std::string, int> warned_;
};

}  // namespace ddskey

#endif  // DAEMON_CUSTODIAN_EXPIRY_WATCH_H_
