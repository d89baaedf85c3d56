#include <memory>
#include <string>

#include "test/bench/bench_daemon.h"
#include "test/bench/clients.h"
#include "test/bench/footprint.h"
#include "test/bench/rows.h"
#include "test/support/test_participant.h"

namespace ddskey::bench {
namespace {

constexpr size_t kClients = 1000;

std::string ValidateOnce(test::TestParticipant& participant) {
  const CallStatus status = participant.Validate();
  return status.ok() ? "" : "an idle client's only call: " + status.message;
}

}  // namespace

std::vector<Line> DaemonMemory(int rounds) {
  const test::TestCa ca = test::TestCa::Root("identity CA");
  std::vector<double> idle, anonymous, threads, a_client;
  for (int round = 0; round < rounds; ++round) {
    test::TestDaemon daemon(UnlimitedOptions({}));
    const std::string certificate = daemon.Enroll("idle", ca, {.subject = {{"O", "Lab"}, {"CN", "idle"}}});
    const Footprint alone = FootprintOf(daemon.process().pid());
    const Clients clients(kClients, [&](size_t) {
      const auto participant = std::make_shared<test::TestParticipant>(daemon.socket(), "idle", certificate, 'i');
      return [participant] { return ValidateOnce(*participant); };
    });
    const Footprint beset = FootprintOf(daemon.process().pid());
    idle.push_back(alone.resident / 1024);
    anonymous.push_back(alone.anonymous / 1024);
    threads.push_back(alone.threads);
    a_client.push_back((beset.resident - alone.resident) / static_cast<double>(kClients));
  }
  return {Single("daemon: resident memory, idle", idle, "MB", 25),
          Note("- of these, anonymous (not of files)", anonymous, "MB"), Note("- threads", threads, ""),
          Single("daemon: memory of an idle client", a_client, "kB", 60)};
}

}  // namespace ddskey::bench
