#include "daemon/custodian/authorizer.h"

#include <utility>

#include "absl/strings/str_cat.h"
#include "absl/time/clock.h"

namespace ddskey {

Authorizer::Authorizer(std::shared_ptr<const Policy> policy, AuditLog& audit)
    : policy_(std::move(policy)), audit_(audit) {}

void Authorizer::Replace(std::shared_ptr<const Policy> policy) {
  const std::lock_guard lock(mutex_);
  policy_ = std::move(policy);
}

std::shared_ptr<const Policy> Authorizer::policy() const {
  const std::lock_guard lock(mutex_);
  return policy_;
}

Trail::Trail(const Authorizer& authorizer, const Subject& caller, std::string_view operation, std::string_view key)
    : audit_(&authorizer.audit()), began_(absl::Now()) {
  record_.uid = caller.uid;
  record_.gid = caller.gid;
  record_.pid = caller.pid;
  record_.operation = operation;
  record_.key = key;
}

void Trail::Peer(std::string_view subject, std::string_view digest) {
  record_.peer = subject;
  record_.peer_digest = digest;
}

void Trail::Warning(std::string_view text) {
  if (!record_.warning.empty()) record_.warning += "; ";
  record_.warning += text;
}

absl::Status Trail::Administer(const Authorizer& authorizer, const Subject& caller, Action action,
                               const std::string& key) {
  const Decision decision = authorizer.policy()->Evaluate(caller, action, key);
  Rule(decision.rule);
  Administrative();
  if (decision.allowed) return absl::OkStatus();
  Reason(decision.reason);
  // Without a policy file root may.
  const std::string_view needed = caller.uid == 0 ? "; as there is a policy file, root needs a rule in it, too"
                                                  : "; administration needs root or a rule in the policy file";
  return absl::PermissionDeniedError(
      absl::StrCat("policy does not let this process do ", std::string(ActionName(action)), std::string(needed)));
}

void Trail::End(const absl::Status& outcome) {
  record_.outcome =
      reason_.empty() ? outcome : absl::Status(outcome.code(), absl::StrCat(outcome.message(), ": ", reason_));
  record_.took = absl::Now() - began_;
  audit_->Record(record_);
}

}  // namespace ddskey
