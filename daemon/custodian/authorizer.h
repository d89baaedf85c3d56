#ifndef DAEMON_CUSTODIAN_AUTHORIZER_H_
#define DAEMON_CUSTODIAN_AUTHORIZER_H_

#include <memory>
#include <mutex>
#include <string>
#include <string_view>

#include "absl/status/status.h"
#include "absl/time/time.h"
#include "daemon/audit/audit_log.h"
#include "policy/policy.h"

namespace ddskey {

// Authorizer holds the policy in force and writes down what was decided. Thread-safe.
class Authorizer {
 public:
  // `audit` must outlive this.
  Authorizer(std::shared_ptr<const Policy> policy, AuditLog& audit);

  // Replace puts another policy in force, for every decision that begins afterwards.
  void Replace(std::shared_ptr<const Policy> policy);

  std::shared_ptr<const Policy> policy() const;

  AuditLog& audit() const { return audit_; }

 private:
  mutable std::mutex mutex_;
  std::shared_ptr<const Policy> policy_;
  AuditLog& audit_;
};

// Trail is the audit record of one call, filled in as the call goes on and written when it ends.
class Trail {
 public:
  Trail(const Authorizer& authorizer, const Subject& caller, std::string_view operation, std::string_view key);

  // Key names the key once it is known; Peer the peer's certificate; Rule the rule that decided.
  void Key(std::string_view name) { record_.key = name; }
  void Peer(std::string_view subject, std::string_view digest);
  void Rule(std::string_view name) { record_.rule = name; }
  // Reason is why, where the caller is not told.
  void Reason(std::string_view reason) { reason_ = reason; }
  // Warning adds what is to be said about a certificate that was accepted.
  void Warning(std::string_view text);
  void Administrative() { record_.administrative = true; }

  // Administer is whether `caller` may do `action` to `key` as an administrator, by the policy in force: OK, or the
  // PERMISSION_DENIED for the caller. What decided is noted here.
  absl::Status Administer(const Authorizer& authorizer, const Subject& caller, Action action, const std::string& key);

  // End writes the record: `outcome` as the caller reads it, with the reason.
  void End(const absl::Status& outcome);

 private:
  AuditLog* audit_;
  AuditRecord record_;
  std::string reason_;
  absl::Time began_;
};

}  // namespace ddskey

#endif  // DAEMON_CUSTODIAN_AUTHORIZER_H_
