#ifndef POLICY_RULE_H_
#define POLICY_RULE_H_

#include <sys/types.h>

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "policy/action.h"
#include "policy/subject.h"

namespace ddskey {

// CallerPattern describes processes; whatever is set must fit.
struct CallerPattern {
  std::optional<uid_t> uid;
  // The caller must be in every one of these.
  std::vector<gid_t> gids;
};

// PeerPattern describes peers' certificates; whatever is not empty must fit.
struct PeerPattern {
  std::string subject;
  std::string issuer;
  // As in PeerIdentity.
  std::string serial;
};

// Rule is a rule whose names are resolved and whose meaning was checked.
struct Rule {
  std::string name;
  bool denies = false;
  std::vector<CallerPattern> callers;
  std::vector<std::string> keys;
  // Bits by Action.
  uint32_t actions = 0;
  std::vector<PeerPattern> peers;

  static constexpr uint32_t BitOf(Action action) { return uint32_t{1} << static_cast<int>(action); }
  bool Names(Action action) const { return (actions & BitOf(action)) != 0; }
};

// HasKey says whether `action` is done with a key of the keystore.
constexpr bool HasKey(Action action) { return action != Action::kStatus && action != Action::kProcessKey; }

// The kernel's stand-ins for users and groups it cannot name (S-10): nothing they do is anyone's.
constexpr uid_t kOverflowId = 65534;
constexpr uid_t kNoId = static_cast<uid_t>(-1);
constexpr bool IsNobody(uid_t id) { return id == kOverflowId || id == kNoId; }

// RuleApplies says whether `rule` is about this caller, action, key and peer; see Policy::Evaluate.
bool RuleApplies(const Rule& rule, const Subject& subject, Action action, std::string_view key,
                 const std::optional<PeerIdentity>& peer, bool peer_is_trusted_by_us);

}  // namespace ddskey

#endif  // POLICY_RULE_H_
