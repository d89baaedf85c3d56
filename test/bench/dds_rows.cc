#include <algorithm>
#include <iterator>
#include <set>
#include <string>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "test/bench/footprint.h"
#include "test/bench/rows.h"
#include "test/bench/secured_domain.h"

namespace ddskey::bench {
namespace {

// MatchTimes is how long `count` participants took, under both plugins in turn.
struct MatchTimes {
  std::vector<double> ours;
  std::vector<double> builtin;
};

MatchTimes MeasureMatching(size_t count, int rounds) {
  SecuredDomain domain(count);
  // What is read from disk for the first time is nobody's.
  for (const Plugin plugin : {Plugin::kBuiltin, Plugin::kOurs}) domain.StartHosts(plugin, 2)->WaitUntilMatched();
  MatchTimes times;
  for (int round = 0; round < rounds; ++round) {
    times.builtin.push_back(domain.StartHosts(Plugin::kBuiltin, count)->WaitUntilMatched());
    times.ours.push_back(domain.StartHosts(Plugin::kOurs, count)->WaitUntilMatched());
  }
  return times;
}

std::vector<std::string> Without(const std::set<std::string>& some, const std::set<std::string>& others) {
  std::vector<std::string> rest;
  std::ranges::set_difference(some, others, std::back_inserter(rest));
  return rest;
}

}  // namespace

std::vector<Line> FirstMatch(int rounds) {
  const MatchTimes times = MeasureMatching(2, 3 * rounds);
  return {Paired("start to first match, 2 participants", times.ours, times.builtin, "ms", 1.3)};
}

std::vector<Line> TwentyParticipants(int rounds) {
  const MatchTimes times = MeasureMatching(20, rounds);
  return {Paired("20 participants at once, last match", times.ours, times.builtin, "ms", 1.2)};
}

std::vector<Line> Revocation(int rounds) {
  constexpr size_t kHosts = 20;
  std::vector<double> times;
  for (int round = 0; round < rounds; ++round) {
    // Revoked for good: the next round needs others.
    SecuredDomain domain(kHosts);
    const auto hosts = domain.StartHosts(Plugin::kOurs, kHosts);
    hosts->WaitUntilMatched();
    times.push_back(hosts->WaitUntilParted(domain.Revoke(0), 0));
  }
  return {Single("revocation to the peer dropped, 20 participants, the last of 19", times, "ms", 1000)};
}

std::vector<Line> ShimFootprint(int rounds) {
  SecuredDomain domain(2);
  std::vector<double> threads[2];
  std::vector<double> memory[2];
  std::set<std::string> libraries[2];
  for (int round = 0; round < 3 * rounds; ++round) {
    for (const Plugin plugin : {Plugin::kBuiltin, Plugin::kOurs}) {
      const auto hosts = domain.StartHosts(plugin, 2);
      hosts->WaitUntilMatched();
      const Footprint footprint = FootprintOf(hosts->pid(0));
      const bool ours = plugin == Plugin::kOurs;
      threads[ours].push_back(footprint.threads);
      memory[ours].push_back(footprint.private_memory / 1024);
      libraries[ours].insert(footprint.libraries.begin(), footprint.libraries.end());
    }
  }
  const auto added = Without(libraries[1], libraries[0]);
  const auto gone = Without(libraries[0], libraries[1]);
  Line line = Single("shim in the application: libraries added", {static_cast<double>(added.size())}, "", 10);
  line.reference = absl::StrCat("without ", absl::StrJoin(gone, " "));
  std::vector<Line> lines = {
      Difference("shim in the application: threads", threads[1], threads[0], "", 1),
      Difference("shim in the application: private memory", memory[1], memory[0], "MB", 1),
      line,
  };
  return lines;
}

}  // namespace ddskey::bench
