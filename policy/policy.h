#ifndef POLICY_POLICY_H_
#define POLICY_POLICY_H_

#include <sys/types.h>

#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"

namespace ddskey {

// Subject is a calling process as the kernel describes it (S-10). `start_time` is field 22 of /proc/PID/stat, in clock
// ticks since boot: with it a reused pid is told from the process that had it before.
struct Subject {
  uid_t uid = static_cast<uid_t>(-1);
  gid_t gid = static_cast<gid_t>(-1);
  std::vector<gid_t> groups;
  pid_t pid = 0;
  uint64_t start_time = 0;

  friend bool operator==(const Subject&, const Subject&) = default;
};

// Action is what a caller asks to do. Names and meanings are those of `Operation` in policy.proto.
enum class Action {
  kHandshake,
  kOwnTrust,
  kProcessKey,
  kKeyCreate,
  kKeyList,
  kKeyDelete,
  kCsrCreate,
  kCertificateInstall,
  kStatus,
};

// ActionName is the name in policy.proto, for example "HANDSHAKE".
std::string_view ActionName(Action action);

// PeerIdentity is the verified certificate of a handshake's peer: RFC 2253 text forms, and the serial number in
// hexadecimal without leading zeros, lower case.
struct PeerIdentity {
  std::string subject;
  std::string issuer;
  std::string serial;
};

// Decision is the answer of a policy and the rule that gave it.
struct Decision {
  bool allowed = false;
  // Name of the deciding rule; empty when no rule allowed.
  std::string rule;
  // One sentence for the audit log.
  std::string reason;
};

// Accounts resolves names of users and groups while a policy is parsed.
struct Accounts {
  std::function<std::optional<uid_t>(const std::string&)> uid_of;
  std::function<std::optional<gid_t>(const std::string&)> gid_of;
};

// Policy is a parsed, immutable set of rules. Evaluate is pure: no files, clocks, sockets or globals. Thread-safe.
class Policy {
 public:
  // Parse reads protobuf text format (policy.proto), at most 1 MiB. INVALID_ARGUMENT names `file_name`, line and column
  // for every mistake of syntax, and the rule for every mistake of meaning; all mistakes are reported, a line each.
  static absl::StatusOr<std::shared_ptr<const Policy>> Parse(std::string_view text, std::string_view file_name,
                                                             const Accounts& accounts);

  // SuperuserOnly is the policy of a daemon without a policy file: uid 0 administers, nobody uses a key.
  static std::shared_ptr<const Policy> SuperuserOnly();

  // Evaluate decides whether `subject` may do `action` with `key` (empty for actions without one: kStatus, and kKeyList
  // of all). `peer` is the verified peer of a handshake, or nothing before it is known: then a rule with peers counts
  // if it allows and not if it denies. `peer_is_trusted_by_us` is false when the trust anchors came from the caller;
  // then no allowing rule with peers matches (S-8), and every denying one does.
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
