#ifndef POLICY_POLICY_H_
#define POLICY_POLICY_H_

#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "absl/status/statusor.h"
#include "policy/accounts.h"
#include "policy/action.h"
#include "policy/subject.h"

namespace ddskey {

// Decision is the answer of a policy and the rule that gave it.
struct Decision {
  bool allowed = false;
  // Name of the deciding rule; empty when no rule allowed.
  std::string rule;
  // One sentence for the audit log.
  std::string reason;
};

// Policy is a parsed, immutable set of rules. Evaluate is pure: no files, clocks, sockets or globals. Thread-safe.
class Policy {
 public:
  // Parse reads protobuf text format (policy.proto), at most 1 MiB. INVALID_ARGUMENT names `file_name`, line and column
  // for every mistake of syntax, and also the rule for every mistake of meaning; all mistakes (at most 100) are
  // reported, a line each.
  static absl::StatusOr<std::shared_ptr<const Policy>> Parse(std::string_view text, std::string_view file_name,
                                                             const Accounts& accounts);

  // SuperuserOnly is the policy of a daemon without a policy file: uid 0 administers, nobody uses a key.
  static std::shared_ptr<const Policy> SuperuserOnly();

  // Evaluate decides whether `subject` may do `action` with `key`. kStatus and kProcessKey have no key: it is not
  // looked at. For other actions an empty key stands for all keys (kKeyList): then a rule counts if it allows all ("*")
  // or denies any. `peer` is the verified peer of a handshake, or nothing before it is known: then a rule with peers
  // counts if it allows and not if it denies. `peer_is_trusted_by_us` is false when the trust anchors came from the
  // caller; then no allowing rule with peers matches (S-8), and every denying one does.
  Decision Evaluate(const Subject& subject, Action action, std::string_view key,
                    const std::optional<PeerIdentity>& peer = std::nullopt, bool peer_is_trusted_by_us = true) const;

  // rule_count is for `status`.
  size_t rule_count() const;

  // warnings are sentences about rules that mean less than they seem to.
  const std::vector<std::string>& warnings() const;

  ~Policy();

 private:
  struct Rules;
  explicit Policy(std::unique_ptr<const Rules> rules);

  std::unique_ptr<const Rules> rules_;
};

}  // namespace ddskey

#endif  // POLICY_POLICY_H_
