#include "policy/rule.h"

#include <algorithm>

#include "policy/pattern.h"

namespace ddskey {
namespace {

bool IsIn(const Subject& subject, gid_t gid) {
  if (IsNobody(gid)) return false;
  return subject.gid == gid || std::find(subject.groups.begin(), subject.groups.end(), gid) != subject.groups.end();
}

bool Fits(const CallerPattern& pattern, const Subject& subject) {
  return (!pattern.uid.has_value() || *pattern.uid == subject.uid) &&
         std::all_of(pattern.gids.begin(), pattern.gids.end(), [&](gid_t gid) { return IsIn(subject, gid); });
}

bool Fits(const PeerPattern& pattern, const PeerIdentity& peer) {
  return (pattern.subject.empty() || MatchesPattern(pattern.subject, peer.subject)) &&
         (pattern.issuer.empty() || MatchesPattern(pattern.issuer, peer.issuer)) &&
         (pattern.serial.empty() || pattern.serial == peer.serial);
}

bool KeyFits(const Rule& rule, Action action, std::string_view key) {
  if (!HasKey(action)) return true;
  if (!key.empty()) {
    return std::any_of(rule.keys.begin(), rule.keys.end(),
                       [key](const std::string& pattern) { return MatchesPattern(pattern, key); });
  }
  // All keys: forbidden if any is, allowed if every one is.
  return rule.denies || std::find(rule.keys.begin(), rule.keys.end(), "*") != rule.keys.end();
}

bool PeerFits(const Rule& rule, const std::optional<PeerIdentity>& peer, bool peer_is_trusted_by_us) {
  if (rule.peers.empty()) return true;
  // Whoever brings the anchors can make a peer of any name.
  if (!peer_is_trusted_by_us) return rule.denies;
  if (!peer.has_value()) return !rule.denies;
  return std::any_of(rule.peers.begin(), rule.peers.end(),
                     [&peer](const PeerPattern& pattern) { return Fits(pattern, *peer); });
}

}  // namespace

bool RuleApplies(const Rule& rule, const Subject& subject, Action action, std::string_view key,
                 const std::optional<PeerIdentity>& peer, bool peer_is_trusted_by_us) {
  if (subject.pid <= 0 || IsNobody(subject.uid) || IsNobody(subject.gid)) return false;
  return rule.Names(action) && KeyFits(rule, action, key) && PeerFits(rule, peer, peer_is_trusted_by_us) &&
         std::any_of(rule.callers.begin(), rule.callers.end(),
                     [&subject](const CallerPattern& pattern) { return Fits(pattern, subject); });
}

}  // namespace ddskey
