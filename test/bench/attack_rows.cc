// What floods from the network cost those who are served meanwhile.
#include <algorithm>
#include <atomic>
#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <functional>
#include <memory>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "test/bench/bench_daemon.h"
#include "test/bench/known_peers.h"
#include "test/bench/rows.h"
#include "test/bench/throttled_tpm.h"
#include "test/support/pki.h"
#include "test/support/test_daemon.h"
#include "test/support/test_participant.h"
#include "test/support/token_peer.h"

namespace ddskey::bench {
namespace {

using std::chrono::steady_clock;
using test::Named;
using test::TestParticipant;

[[noreturn]] void Give(const CallStatus& status) {
  std::fprintf(stderr, "bench: code %d: %s\n", static_cast<int>(status.code), status.message.c_str());
  std::exit(EXIT_FAILURE);
}

void Must(const CallStatus& status) {
  if (!status.ok()) Give(status);
}

// Ticker calls something at a given rate, on a thread of its own, until its end.
class Ticker {
 public:
  Ticker(double per_second, std::function<void(size_t number)> call)
      : thread_([this,
                 interval =
                     std::chrono::duration_cast<steady_clock::duration>(std::chrono::duration<double>(1 / per_second)),
                 call = std::move(call)] {
          auto next = steady_clock::now();
          for (size_t number = 0; !stopped_; ++number) {
            call(number);
            ++calls_;
            next += interval;
            std::this_thread::sleep_until(next);
          }
        }) {}
  ~Ticker() {
    stopped_ = true;
    thread_.join();
  }
  Ticker(const Ticker&) = delete;
  Ticker& operator=(const Ticker&) = delete;

  size_t calls() const { return calls_; }

 private:
  std::atomic<bool> stopped_ = false;
  std::atomic<size_t> calls_ = 0;
  std::thread thread_;
};

// Times are how long things took, in milliseconds.
class Times {
 public:
  template <typename Thing>
  void Take(const Thing& thing) {
    const auto began = steady_clock::now();
    thing();
    times_.push_back(std::chrono::duration<double, std::milli>(steady_clock::now() - began).count());
  }
  double Percentile99() {
    std::ranges::sort(times_);
    return times_[times_.size() * 99 / 100];
  }

 private:
  std::vector<double> times_;
};

}  // namespace

std::vector<Line> RefusedFlood(int rounds) {
  constexpr int kHandshakes = 1500;
  constexpr size_t kStrangers = 100;
  const test::TestCa ca = test::TestCa::Root("identity CA");
  const test::TestCa foreign = test::TestCa::Root("foreign CA");
  test::TestDaemon daemon(UnlimitedOptions({}));
  TestParticipant alice(daemon.socket(), "alice", daemon.Enroll("alice", ca, Named("alice")), 'a');
  const std::string certificate = daemon.Enroll("bob", ca, Named("bob"));
  TestParticipant bob(daemon.socket(), "bob", certificate, 'b');
  TestParticipant besieged(daemon.socket(), "bob", certificate, 'c');
  for (TestParticipant* each : {&alice, &bob, &besieged}) Must(each->Validate());
  std::vector<std::pair<std::string, v1::DataHolder>> strangers;
  for (size_t i = 0; i < kStrangers; ++i) {
    test::TokenPeer stranger(foreign, Named(absl::StrCat("stranger", i)));
    strangers.emplace_back(stranger.guid(), stranger.Request());
  }
  const auto measure = [&] {
    Times times;
    for (int i = 0; i < kHandshakes; ++i) {
      times.Take([&] { Must(Shake(alice, bob)); });
    }
    return times.Percentile99();
  };
  measure();
  std::vector<double> quiet;
  std::vector<double> flooded;
  for (int round = 0; round < rounds; ++round) {
    quiet.push_back(measure());
    const Ticker flood(kStrangers, [&](size_t number) {
      const auto& [guid, request] = strangers[number % strangers.size()];
      const CallStatus status = besieged.Reply(guid, request, 0).status;
      if (status.code != CallCode::kPermissionDenied) Give(status);
    });
    flooded.push_back(measure());
  }
  return {Paired("p99 of a handshake, 100 refused peers a second, over quiet", flooded, quiet, "ms", 1.5)};
}

std::vector<Line> ForgedGuids(int rounds) {
  constexpr int kReplies = 200;
  constexpr uint32_t kForged = 1000;
  constexpr std::chrono::milliseconds kSignatureTime(10);
  // Fewer than a certificate is worth, in turn, and than the device could sign.
  constexpr std::chrono::milliseconds kPause(50);
  const test::TestCa ca = test::TestCa::Root("identity CA");
  const auto peers = MakePeers(ca, TestParticipant::kDomain, 100);
  const ThrottledTpm tpm(kSignatureTime);
  test::TestDaemon daemon(DaemonOptions(test::TestDaemon::WithTpm(tpm.tcti()).backends));
  const std::string certificate = daemon.Enroll("replier", ca, Named("replier"));
  TestParticipant replier(daemon.socket(), "replier", certificate, 'r');
  std::vector<std::unique_ptr<TestParticipant>> besieged;
  for (const char tag : {'b', 'c'}) {
    besieged.push_back(std::make_unique<TestParticipant>(daemon.socket(), "replier", certificate, tag));
    Must(besieged.back()->Validate());
  }
  Must(replier.Validate());
  test::TokenPeer captured(ca, Named("captured"));
  std::vector<std::pair<std::string, v1::DataHolder>> forged;
  for (uint32_t i = 1; i <= kForged; ++i) {
    captured.SetGuid(i);
    forged.emplace_back(captured.guid(), captured.Request());
  }
  size_t next = 0;
  const auto measure = [&] {
    Times times;
    auto due = steady_clock::now();
    for (int i = 0; i < kReplies; ++i) {
      const KnownPeer& peer = peers[next++ % peers.size()];
      times.Take([&] { Must(replier.Finish(replier.Reply(GuidOctets(peer.guid), peer.message)).status); });
      due += kPause;
      std::this_thread::sleep_until(due);
    }
    return times.Percentile99();
  };
  measure();
  std::vector<double> quiet, flooded, above, rates;
  for (int round = 0; round < rounds; ++round) {
    quiet.push_back(measure());
    std::vector<std::unique_ptr<Ticker>> flood;
    const auto began = steady_clock::now();
    for (size_t half = 0; half < besieged.size(); ++half) {
      flood.push_back(std::make_unique<Ticker>(500, [&, half](size_t number) {
        const auto& [guid, request] = forged[(2 * number + half) % forged.size()];
        // Refused or waiting, as comes.
        const CallStatus status = besieged[half]->Reply(guid, request, 0).status;
        if (!status.ok() && status.code != CallCode::kResourceExhausted) Give(status);
      }));
    }
    flooded.push_back(measure());
    const double lasted = std::chrono::duration<double>(steady_clock::now() - began).count();
    rates.push_back(static_cast<double>(flood[0]->calls() + flood[1]->calls()) / lasted);
    above.push_back((flooded.back() - quiet.back()) / static_cast<double>(kSignatureTime.count()));
  }
  return {Single("p99 of a Reply, 1,000 forged GUIDs a second, above quiet, in signatures", above, "", 2),
          Note("- p99 of a Reply, flooded and quiet", flooded, "ms", quiet), Note("- forged GUIDs", rates, "/s")};
}

}  // namespace ddskey::bench
