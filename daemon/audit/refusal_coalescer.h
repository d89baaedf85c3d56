#ifndef DAEMON_AUDIT_REFUSAL_COALESCER_H_
#define DAEMON_AUDIT_REFUSAL_COALESCER_H_

#include <sys/types.h>

#include <cstddef>
#include <cstdint>
#include <map>
#include <string>
#include <unordered_map>
#include <vector>

#include "daemon/audit/audit_line.h"
#include "daemon/audit/audit_log.h"

namespace ddskey {

// RefusalCoalescer finds the refusals that were written already in this round (S-16): equal are those of the same
// caller, operation, key, peer digest, code and reason. Its memory is bounded, for each user and in all; refusals
// beyond are only counted. It has no clock and no thread.
class RefusalCoalescer {
 public:
  struct Bounds {
    size_t distinct = 1024;
    size_t distinct_per_uid = 128;
    // Users whose refusals beyond are counted one by one; all others together.
    size_t counted_uids = 256;
  };

  explicit RefusalCoalescer(const Bounds& bounds) : bounds_(bounds) {}

  // IsNew says whether `refusal` has to be written now; it has been counted if not.
  bool IsNew(const AuditRecord& refusal);

  // EndRound returns a line for each refusal that was repeated and for what was only counted, and begins a new round.
  std::vector<AuditLine> EndRound();

 private:
  struct Seen {
    AuditRecord first;
    uint64_t repeated = 0;
  };

  const Bounds bounds_;
  std::unordered_map<std::string, Seen> seen_;
  std::unordered_map<uid_t, size_t> distinct_of_uid_;
  std::map<uid_t, uint64_t> omitted_of_uid_;
  uint64_t omitted_of_others_ = 0;
};

}  // namespace ddskey

#endif  // DAEMON_AUDIT_REFUSAL_COALESCER_H_
