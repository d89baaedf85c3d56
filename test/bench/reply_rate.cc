#include <array>
#include <chrono>
#include <memory>
#include <string>

#include "absl/strings/str_cat.h"
#include "absl/types/span.h"
#include "test/bench/bench_daemon.h"
#include "test/bench/clients.h"
#include "test/bench/esapi_signer.h"
#include "test/bench/footprint.h"
#include "test/bench/known_peers.h"
#include "test/bench/queue_signer.h"
#include "test/bench/reply_caller.h"
#include "test/bench/rows.h"
#include "test/support/swtpm.h"

namespace ddskey::bench {
namespace {

// A certificate is worth 4 signatures at once and 2 a second (S-6). 1,000 peers in turn are worth 8,000 Replies in
// kTime, which is more than swtpm can sign; while the reference has its turn of the same length they regain what they
// used. That many are also what the daemon remembers as validated.
constexpr size_t kPeers = 1000;
constexpr std::chrono::milliseconds kTime(2000);

// Costs are what processors worked for each Reply, in microseconds.
struct Costs {
  std::vector<double> daemon;
  std::vector<double> tpm;
  std::vector<double> clients;
};

// RunFor is Clients::RunFor, which adds to `costs`.
double RunFor(Clients& clients, pid_t daemon, pid_t tpm, Costs& costs) {
  const auto now = [&] { return std::array{CpuTimeOf({daemon}), CpuTimeOf({tpm}), CpuTimeOf(clients.processes())}; };
  const auto before = now();
  const double rate = clients.RunFor(kTime);
  const auto after = now();
  const double replies = rate * std::chrono::duration<double>(kTime).count();
  costs.daemon.push_back((after[0] - before[0]) / replies);
  costs.tpm.push_back((after[1] - before[1]) / replies);
  costs.clients.push_back((after[2] - before[2]) / replies);
  return rate;
}

}  // namespace

std::vector<Line> ReplyRate(int rounds) {
  const test::TestCa ca = test::TestCa::Root("identity CA");
  const auto peers = MakePeers(ca, test::TestParticipant::kDomain, kPeers);
  const std::string permissions = SignedPermissions(ca);
  const test::Swtpm tpm;
  test::TestDaemon daemon(UnlimitedOptions(test::TestDaemon::WithTpm(tpm.tcti()).backends));
  const std::string certificate = daemon.Enroll("replier", ca, {.subject = {{"O", "Lab"}, {"CN", "replier"}}});

  // Each client has peers of its own.
  const auto start = [&](size_t count, size_t first_number) {
    return std::make_unique<Clients>(count, [&, count, first_number](size_t index) {
      const size_t share = kPeers / count;
      const auto mine = absl::MakeConstSpan(peers).subspan(index * share, share);
      const auto caller = std::make_shared<ReplyCaller>(daemon.socket(), "replier", certificate, first_number + index,
                                                        mine, permissions);
      return [caller] { return caller->Call(); };
    });
  };
  const auto eight = start(8, 0);
  const auto many = start(64, 8);
  // The validation of each peer's certificate, once.
  eight->RunFor(kTime);
  EsapiSigner bare(tpm.tcti());
  const test::Swtpm other_tpm;
  QueueSigner queue(other_tpm.tcti());

  Costs costs;
  std::vector<double> of_eight, of_many, of_queue, bare_by_eight, bare_by_many;
  for (int round = 0; round < rounds; ++round) {
    bare_by_eight.push_back(bare.RunFor(kTime));
    of_eight.push_back(RunFor(*eight, daemon.process().pid(), tpm.pid(), costs));
    bare_by_many.push_back(bare.RunFor(kTime));
    of_many.push_back(many->RunFor(kTime));
    of_queue.push_back(queue.RunFor(kTime, 8));
  }
  return {Paired("Replies a second, TPM key, 8 clients", of_eight, bare_by_eight, "/s", 0.9, true),
          Paired("Replies a second, TPM key, 64 clients", of_many, bare_by_many, "/s", 0.9, true),
          Note("- of these, the TPM backend alone, 8 waiting", of_queue, "/s", bare_by_many),
          Note("- processor time of a Reply: daemon", costs.daemon, "us"),
          Note("- processor time of a Reply: swtpm", costs.tpm, "us"),
          Note("- processor time of a Reply: client", costs.clients, "us")};
}

}  // namespace ddskey::bench
