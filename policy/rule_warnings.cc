#include "policy/rule_warnings.h"

#include <algorithm>

#include "absl/strings/str_cat.h"
#include "policy/pattern.h"

namespace ddskey {
namespace {

bool DescribesNobody(const CallerPattern& caller) {
  return (caller.uid.has_value() && IsNobody(*caller.uid)) ||
         std::any_of(caller.gids.begin(), caller.gids.end(), IsNobody);
}

// Covers says whether whoever fits `narrow` fits `wide` too.
bool Covers(const CallerPattern& wide, const CallerPattern& narrow) {
  return (!wide.uid.has_value() || wide.uid == narrow.uid) &&
         std::all_of(wide.gids.begin(), wide.gids.end(), [&](gid_t gid) {
           return std::find(narrow.gids.begin(), narrow.gids.end(), gid) != narrow.gids.end();
         });
}

template <typename T, typename CoversOne>
bool EachIsCovered(const std::vector<T>& narrow, const std::vector<T>& wide, CoversOne covers) {
  return std::all_of(narrow.begin(), narrow.end(), [&](const T& inner) {
    return std::any_of(wide.begin(), wide.end(), [&](const T& outer) { return covers(outer, inner); });
  });
}

// DeniesAllOf says whether everything that `allow` allows is denied by `deny`.
bool DeniesAllOf(const Rule& deny, const Rule& allow) {
  return deny.denies && !allow.denies && deny.peers.empty() && (allow.actions & ~deny.actions) == 0 &&
         EachIsCovered(allow.callers, deny.callers, Covers) && EachIsCovered(allow.keys, deny.keys, CoversPattern);
}

bool HasActionWithKey(const Rule& rule) {
  return (rule.actions & ~(Rule::BitOf(Action::kStatus) | Rule::BitOf(Action::kProcessKey))) != 0;
}

}  // namespace

std::vector<std::string> WarningsAbout(const std::vector<Rule>& rules) {
  std::vector<std::string> warnings;
  const auto warn = [&warnings](const Rule& rule, const std::string& text) {
    warnings.push_back(absl::StrCat("rule \"", rule.name, "\": ", text));
  };
  for (const Rule& rule : rules) {
    const auto nobodies = std::count_if(rule.callers.begin(), rule.callers.end(), DescribesNobody);
    if (nobodies > 0) {
      warn(rule, absl::StrCat(nobodies, " of ", rule.callers.size(), " callers can never match: the user or group ",
                              kOverflowId, " (nobody) stands for whom the kernel cannot name"));
    }
    if (!rule.keys.empty() && !HasActionWithKey(rule)) {
      warn(rule, "its keys mean nothing: none of its operations has a key");
    }
    if (!rule.denies && !rule.peers.empty() && rule.Names(Action::kOwnTrust)) {
      warn(rule, "it never allows a handshake with trust anchors of the caller's own, because it names peers");
    }
    for (const Rule& other : rules) {
      if (DeniesAllOf(other, rule)) {
        warn(rule, absl::StrCat("it never allows anything, because rule \"", other.name, "\" denies all of it"));
      }
    }
  }
  return warnings;
}

}  // namespace ddskey
