#include "plugin_shim/core/peer_ledger.h"

#include <algorithm>
#include <array>
#include <limits>

#include "plugin_shim/core/explain.h"

namespace ddskey {
namespace {

constexpr std::time_t kDay = 24 * 60 * 60;
// Days before the end of a certificate on which its owner is warned.
constexpr std::array<int, 3> kWarningDays = {1, 7, 30};

// Dates far off would overflow the clock.
PeerLedger::Time After(PeerLedger::Time begin, uint64_t milliseconds) {
  constexpr uint64_t kMost = uint64_t{1000} * 60 * 60 * 24 * 365;
  return begin + std::chrono::milliseconds(std::min(milliseconds, kMost));
}

std::string Utc(std::time_t time) {
  std::tm parts{};
  char text[32] = "";
  if (gmtime_r(&time, &parts) != nullptr) std::strftime(text, sizeof(text), "%Y-%m-%dT%H:%M:%SZ", &parts);
  return text;
}

std::string KeyOf(const LocalIdentity& identity) { return "ddskey:" + Printable(identity.key_name()); }

}  // namespace

void PeerLedger::AddLocal(int64_t local, std::shared_ptr<LocalIdentity> identity) {
  const std::time_t not_after = identity->not_after();
  locals_[local] = Local{std::move(identity), {}, not_after, 0};
}

bool PeerLedger::AddPeer(int64_t local, int64_t remote, const v1::HandshakeResult& result, Time now) {
  // A daemon of before, which gave no tickets.
  if (result.peer_ticket().empty() || !locals_.contains(local)) return false;
  Standing standing;
  standing.revision = result.revision();
  standing.round = result.revision() == revision_ ? round_ : round_ - 1;
  standing.good_until = After(now, result.good_for_ms());
  peers_[{local, remote}] = Peer{result.peer_ticket(), false, standing};
  return revision_ != 0 && standing.round != round_;
}

void PeerLedger::Remove(int64_t identity) {
  locals_.erase(identity);
  std::erase_if(peers_,
                [identity](const auto& peer) { return peer.first.first == identity || peer.first.second == identity; });
}

void PeerLedger::set_revision(uint64_t revision) {
  if (revision == revision_) return;
  revision_ = revision;
  ++round_;
  const auto keep = [this](Standing& standing) {
    if (standing.revision == revision_) standing.round = round_;
  };
  for (auto& [handle, local] : locals_) keep(local.standing);
  for (auto& [pair, peer] : peers_) keep(peer.standing);
}

bool PeerLedger::IsDue(const Standing& standing, Time now) const {
  return now >= standing.after && (standing.round != round_ || now >= standing.good_until);
}

bool PeerLedger::AddDuePeers(int64_t local, Time now, Question& question) const {
  size_t octets = 0;
  for (auto peer = peers_.lower_bound({local, std::numeric_limits<int64_t>::min()});
       peer != peers_.end() && peer->first.first == local; ++peer) {
    if (peer->second.lost || !IsDue(peer->second.standing, now)) continue;
    octets += peer->second.ticket.size();
    if (question.remotes.size() == kMostPeers || (octets > kMostOctets && !question.remotes.empty())) break;
    question.remotes.push_back(peer->first.second);
    question.tickets.push_back(peer->second.ticket);
  }
  return !question.remotes.empty();
}

std::optional<PeerLedger::Question> PeerLedger::Due(Time now) const {
  if (revision_ == 0) return std::nullopt;
  for (const auto& [handle, local] : locals_) {
    if (now < local.standing.after) continue;
    Question question = {handle, local.identity, {}, {}, round_};
    if (AddDuePeers(handle, now, question) || IsDue(local.standing, now)) return question;
  }
  return std::nullopt;
}

PeerLedger::Time PeerLedger::NextDue() const {
  Time next = Time::max();
  // A question that was put off is that about the peers, too.
  const auto look = [this, &next](const Standing& standing, Time after) {
    const Time due = standing.round != round_ ? Time() : standing.good_until;
    next = std::min(next, std::max({due, standing.after, after}));
  };
  for (const auto& [handle, local] : locals_) look(local.standing, Time());
  for (const auto& [pair, peer] : peers_) {
    if (!peer.lost) look(peer.standing, locals_.at(pair.first).standing.after);
  }
  return next;
}

PeerLedger::Outcome PeerLedger::Take(const Question& question, const v1::CheckPeersResponse& answer, Time asked) {
  if (!answer.identity_refused().empty()) return Refuse(question, answer.identity_refused());
  Outcome outcome;
  const auto local = locals_.find(question.local);
  if (local == locals_.end()) return outcome;
  const Standing judged = {answer.revision(), question.round, After(asked, answer.good_for_ms()), Time()};
  local->second.standing = judged;
  if (local->second.not_after != answer.not_after()) local->second.warned_days = 0;
  local->second.not_after = answer.not_after();
  for (size_t i = 0; i < question.remotes.size(); ++i) {
    const v1::PeerVerdict none;
    const v1::PeerVerdict& verdict =
        static_cast<int>(i) < answer.verdict_size() ? answer.verdict(static_cast<int>(i)) : none;
    TakeVerdict({question.local, question.remotes[i]}, question.tickets[i], verdict, judged, asked, outcome);
  }
  return outcome;
}

void PeerLedger::TakeVerdict(const Pair& pair, const std::string& ticket, const v1::PeerVerdict& verdict,
                             const Standing& standing, Time asked, Outcome& outcome) {
  const auto peer = peers_.find(pair);
  // Gone meanwhile, or authenticated once more.
  if (peer == peers_.end() || peer->second.ticket != ticket) return;
  const std::string key = KeyOf(*locals_.at(pair.first).identity);
  switch (verdict.outcome()) {
    case v1::PeerVerdict::GOOD:
      peer->second.standing = standing;
      peer->second.standing.good_until = After(asked, verdict.good_for_ms());
      break;
    case v1::PeerVerdict::REFUSED:
      outcome.dropped.emplace_back(pair.second, key + ": the peer is dropped: " + Printable(verdict.refusal()));
      // The host drops it for all participants of the domain.
      Remove(pair.second);
      break;
    case v1::PeerVerdict::UNKNOWN_TICKET:
      peer->second.lost = true;
      outcome.warnings.push_back(
          key +
          ": ddskeyd does not know peers of before any more; restart this application, else a revocation of theirs "
          "does not reach it");
      break;
    default:
      peer->second.standing.after = asked + kPause;
  }
}

PeerLedger::Outcome PeerLedger::Refuse(const Question& question, const std::string& why) {
  Outcome outcome;
  if (!locals_.contains(question.local)) return outcome;
  outcome.dropped.emplace_back(question.local,
                               KeyOf(*question.identity) + ": this participant may not go on: " + Printable(why));
  Remove(question.local);
  return outcome;
}

void PeerLedger::Postpone(const Question& question, Time until) {
  if (const auto local = locals_.find(question.local); local != locals_.end()) local->second.standing.after = until;
}

std::vector<std::string> PeerLedger::EndWarnings(std::time_t now) {
  std::vector<std::string> warnings;
  for (auto& [handle, local] : locals_) {
    const std::time_t left = local.not_after - now;
    for (const int days : kWarningDays) {
      if (left <= 0 || left > days * kDay) continue;
      if (local.warned_days == 0 || days < local.warned_days) {
        local.warned_days = days;
        warnings.push_back(KeyOf(*local.identity) + ": its certificate ends at " + Utc(local.not_after) +
                           ", in less than " + std::to_string(days) + (days == 1 ? " day" : " days") +
                           "; renew it: see `ddskeyctl csr` and `ddskeyctl cert install`");
      }
      break;
    }
  }
  return warnings;
}

}  // namespace ddskey
