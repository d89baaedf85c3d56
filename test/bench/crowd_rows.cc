// Many participants at once: fifty with software keys, and as many as a slow TPM's signatures allow.
#include <algorithm>
#include <chrono>
#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include "test/bench/rows.h"
#include "test/bench/second_network.h"
#include "test/bench/secured_domain.h"
#include "test/bench/throttled_tpm.h"
#include "test/support/test_daemon.h"

namespace ddskey::bench {
namespace {

// Cyclone DDS gives a handshake up after 100 s.
constexpr std::chrono::seconds kLimit(100);
constexpr std::chrono::milliseconds kSignatureTime(50);
constexpr size_t kCrowd = 20;

size_t PairsOf(size_t participants) { return participants * (participants - 1) / 2; }

Line All(const std::string& what, size_t hosts, size_t of, const std::string& reference = {}) {
  return {.what = what,
          .ours = absl::StrCat(hosts, " of ", of),
          .reference = reference,
          .result = absl::StrCat(of - hosts, " missing"),
          .reach = "0 missing",
          .reached = hosts == of};
}

SecuredDomain::Place PlaceWith(const ThrottledTpm& tpm) {
  return {.backends = test::TestDaemon::WithTpm(tpm.tcti()).backends, .launcher = {}};
}

// Measure lets the crowd of `domain` match, for which `tpm` makes `signatures`, as does every other.
std::vector<Line> Measure(const std::string& what, SecuredDomain& domain, ThrottledTpm& tpm, size_t signatures,
                          double reach, int rounds) {
  const double alone =
      std::chrono::duration<double, std::milli>(kSignatureTime).count() * static_cast<double>(signatures);
  const std::vector<double> reference(static_cast<size_t>(rounds), alone);
  const uint64_t before = tpm.signatures();
  std::vector<double> times;
  std::vector<double> spans;
  size_t least = kCrowd;
  for (int round = 0; round < rounds; ++round) {
    tpm.Restart();
    const auto progress = domain.StartHosts(Plugin::kOurs, kCrowd)->WaitAtMost(kLimit);
    times.push_back(progress.milliseconds);
    spans.push_back(tpm.Span());
    least = std::min(least, progress.hosts);
  }
  const double made = static_cast<double>(tpm.signatures() - before) / rounds;
  return {Paired(what, times, reference, "ms", reach), All("- participants that matched all others", least, kCrowd),
          Note("- from the first signature to the last", spans, "ms", reference),
          Note("- signatures made by the TPM", {made}, "", {static_cast<double>(signatures)})};
}

}  // namespace

std::vector<Line> FiftyParticipants(int rounds) {
  constexpr size_t kFifty = 50;
  SecuredDomain domain(kFifty);
  // What is read from disk for the first time is nobody's.
  for (const Plugin plugin : {Plugin::kBuiltin, Plugin::kOurs}) domain.StartHosts(plugin, 2)->WaitUntilMatched();
  std::vector<double> ours;
  std::vector<double> builtin;
  size_t least = kFifty;
  size_t least_builtin = kFifty;
  for (int round = 0; round < rounds; ++round) {
    const auto theirs = domain.StartHosts(Plugin::kBuiltin, kFifty)->WaitAtMost(kLimit);
    builtin.push_back(theirs.milliseconds);
    least_builtin = std::min(least_builtin, theirs.hosts);
    const auto progress = domain.StartHosts(Plugin::kOurs, kFifty)->WaitAtMost(kLimit);
    ours.push_back(progress.milliseconds);
    least = std::min(least, progress.hosts);
  }
  return {Paired("50 participants at once, last match", ours, builtin, "ms", 1.0),
          All(absl::StrCat("- that matched all others within 100 s (", PairsOf(kFifty), " pairs)"), least, kFifty,
              absl::StrCat(least_builtin, " of ", kFifty))};
}

std::vector<Line> ThrottledTpmRow(int rounds) {
  ThrottledTpm tpm(kSignatureTime);
  SecuredDomain domain(kCrowd, {PlaceWith(tpm)}, {});
  // One of each side of a pair.
  std::vector<Line> lines = Measure("20 participants, TPM of 20 signatures/s, over signatures alone", domain, tpm,
                                    2 * PairsOf(kCrowd), 1.1, rounds);
  // Not the device counts then, but the ration of Replies (S-6).
  ThrottledTpm fast(std::chrono::milliseconds(1));
  SecuredDomain quick(kCrowd, {PlaceWith(fast)}, {});
  std::vector<double> times;
  for (int round = 0; round < rounds; ++round) {
    times.push_back(quick.StartHosts(Plugin::kOurs, kCrowd)->WaitAtMost(kLimit).milliseconds);
  }
  lines.push_back(Note("- the same, TPM of 1,000 signatures/s", times, "ms"));
  return lines;
}

std::vector<Line> TwoHosts(int rounds) {
  const std::string what = "2 hosts with 10 participants each, over signatures alone";
  const auto network = SecondNetwork::Create();
  if (network == nullptr) {
    return {{.what = what,
             .ours = "not measured: needs root",
             .reference = "",
             .result = "",
             .reach = "",
             .reached = false}};
  }
  ThrottledTpm here(kSignatureTime);
  const ThrottledTpm there(kSignatureTime);
  SecuredDomain::Place other = PlaceWith(there);
  other.launcher = network->launcher();
  SecuredDomain domain(
      kCrowd, {PlaceWith(here), other},
      {.interface = SecondNetwork::kInterface, .addresses = {SecondNetwork::kHere, SecondNetwork::kThere}});
  // Of a pair on one host both sides sign there, of a pair across one.
  constexpr size_t kHalf = kCrowd / 2;
  const size_t signatures = 2 * PairsOf(kHalf) + kHalf * kHalf;
  // Or a second more, when the signatures take so little that starting processes counts.
  const double alone = std::chrono::duration<double, std::milli>(kSignatureTime).count() * signatures;
  return Measure(what, domain, here, signatures, std::max(1.15, (alone + 1000) / alone), rounds);
}

}  // namespace ddskey::bench
