#ifndef DAEMON_AUDIT_AUDIT_LOG_H_
#define DAEMON_AUDIT_AUDIT_LOG_H_

#include <sys/types.h>

#include <memory>
#include <string>

#include "absl/status/status.h"
#include "absl/time/time.h"

namespace ddskey {

// AuditRecord is one decision: who asked for what with which key, what came of it, and how long it took. Strings that
// came from callers or peers may hold any octets; the log escapes them.
struct AuditRecord {
  uid_t uid = 0;
  gid_t gid = 0;
  pid_t pid = 0;
  // For example "ValidateLocalIdentity" or "CreateKey".
  std::string operation;
  // Name of the key as asked for; empty if none.
  std::string key;
  // Subject and digest of the peer's certificate, if a peer is involved.
  std::string peer;
  std::string peer_digest;
  // OK for an allowed and completed operation; else the reason, with what the caller was not told.
  absl::Status outcome;
  // What is to be said about a certificate that was accepted; empty if nothing is.
  std::string warning;
  // Policy rule that decided; empty if none did.
  std::string rule;
  absl::Duration took;
  // Administration is never coalesced.
  bool administrative = false;
};

// AuditLog writes one structured record for each decision. Equal refusals (caller, peer digest, operation, key, reason)
// become one record and, each minute, a count (S-16); the memory for that is bounded. Thread-safe; never blocks on a
// slow reader.
class AuditLog {
 public:
  virtual ~AuditLog() = default;

  virtual void Record(const AuditRecord& record) = 0;

  // Flush writes the pending counts, at shutdown.
  virtual void Flush() = 0;
};

}  // namespace ddskey

#endif  // DAEMON_AUDIT_AUDIT_LOG_H_
