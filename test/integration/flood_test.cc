// What many messages can do, of one caller or from the network: against the real daemon.
#include <gtest/gtest.h>

#include <atomic>
#include <chrono>
#include <fstream>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include "test/support/pki.h"
#include "test/support/process.h"
#include "test/support/swtpm.h"
#include "test/support/test_daemon.h"
#include "test/support/test_participant.h"
#include "test/support/token_peer.h"

namespace ddskey {
namespace {

using ::ddskey::test::Named;
using ::ddskey::test::TestCa;
using ::ddskey::test::TestDaemon;
using ::ddskey::test::TestParticipant;
using ::ddskey::test::TokenPeer;
using std::chrono::seconds;
using std::chrono::steady_clock;

#ifdef __SANITIZE_ADDRESS__
// What was freed waits in a quarantine of 256 MB.
constexpr size_t kMemoryAllowance = 300 * 1024;
#else
constexpr size_t kMemoryAllowance = 4 * 1024;
#endif

// ReplyLikeAShim begins a Reply until it is not put off any more, and collects its signature.
CallResult<v1::HandshakeStep> ReplyLikeAShim(TestParticipant& ours, TokenPeer& peer) {
  const v1::DataHolder request = peer.Request();
  CallResult<v1::HandshakeStep> step;
  test::WaitFor([&] {
    step = ours.Finish(ours.Reply(peer.guid(), request, 100));
    return step.status.code != CallCode::kResourceExhausted;
  });
  return step;
}

// Forged are Requests with the certificate of one peer and as many GUIDs; they prove nothing.
std::vector<std::pair<std::string, v1::DataHolder>> Forge(TokenPeer& peer, uint32_t count) {
  std::vector<std::pair<std::string, v1::DataHolder>> forged;
  for (uint32_t i = 1; i <= count; ++i) {
    peer.SetGuid(i);
    forged.emplace_back(peer.guid(), peer.Request());
  }
  return forged;
}

size_t ResidentKilobytes(pid_t pid) {
  std::ifstream status("/proc/" + std::to_string(pid) + "/status");
  for (std::string word; status >> word;) {
    size_t kilobytes = 0;
    if (word == "VmRSS:" && status >> kilobytes) return kilobytes;
  }
  return 0;
}

TEST(FloodTest, S4TenThousandBegunHandshakesOfOneCallerTakeNoMemoryAndHurtNobody) {
  const TestCa ca = TestCa::Root("identity CA");
  TestDaemon::Options options;
  options.more = "limits { handshakes_per_second: 1000000 handshake_burst: 1000000 }";
  TestDaemon daemon(options);
  TestParticipant flood(daemon.socket(), "flood", daemon.Enroll("flood", ca, Named("flood")), 'f');
  TestParticipant other(daemon.socket(), "other", daemon.Enroll("other", ca, Named("other")), 'o');
  TokenPeer peer(ca, Named("peer"));
  ASSERT_TRUE(flood.Validate().ok());
  ASSERT_TRUE(other.Validate().ok());
  const auto forged = Forge(peer, 100);
  // What the daemon, its allocator and its caches take once.
  const auto begin = [&](int count) {
    for (int i = 0; i < count; ++i) {
      const auto& [guid, request] = forged[static_cast<size_t>(i) % forged.size()];
      const auto step = i % 2 == 0 ? flood.Request(guid) : flood.Reply(guid, request, 0);
      ASSERT_TRUE(step.status.ok()) << step.status.message;
    }
  };
  begin(2000);
  const size_t before = ResidentKilobytes(daemon.process().pid());
  std::atomic<bool> flooding = true;
  std::thread caller([&] {
    begin(10000);
    flooding = false;
  });
  TokenPeer honest(ca, Named("honest"));
  int met = 0;
  while (flooding) {
    const auto reply = other.Finish(other.Reply(honest.guid(), honest.Request()));
    ASSERT_TRUE(reply.status.ok()) << reply.status.message;
    ++met;
  }
  caller.join();
  EXPECT_GT(met, 10);
  EXPECT_LT(ResidentKilobytes(daemon.process().pid()), before + kMemoryAllowance);
}

// A TPM makes some hundred signatures a second: what is forged must not buy them.
TEST(FloodTest, S6AThousandForgedGuidsWithOneCapturedCertificateDoNotKeepOthersAway) {
  const test::Swtpm tpm;
  const TestCa ca = TestCa::Root("identity CA");
  TestDaemon daemon(TestDaemon::WithTpm(tpm.tcti()));
  TestParticipant ours(daemon.socket(), "ours", daemon.Enroll("ours", ca, Named("ours")), 'o');
  ASSERT_TRUE(ours.Validate().ok());
  TokenPeer captured(ca, Named("captured"));
  const auto forged = Forge(captured, 1000);
  const uint64_t signatures_before = daemon.Status().backends(0).signatures();
  const auto began = steady_clock::now();
  std::atomic<bool> flooding = true;
  std::atomic<int> sent = 0;
  // The attacker's Requests come through the process that they are meant for.
  std::thread attacker([&] {
    while (flooding) {
      for (const auto& [guid, request] : forged) {
        if (!flooding) break;
        const CallStatus status = ours.Reply(guid, request, 0).status;
        if (!status.ok()) {
          EXPECT_EQ(status.code, CallCode::kResourceExhausted) << status.message;
        }
        ++sent;
      }
    }
  });
  EXPECT_TRUE(test::WaitFor([&] { return sent >= 1000; }));
  TestParticipant same_process(daemon.socket(), "ours", ours.request.identity_certificate(), 's');
  ASSERT_TRUE(same_process.Validate().ok());
  constexpr int kHonest = 20;
  for (int i = 0; i < kHonest; ++i) {
    TokenPeer honest(ca, Named("honest " + std::to_string(i)));
    const auto reply = ReplyLikeAShim(same_process, honest);
    ASSERT_TRUE(reply.status.ok()) << i << ": " << reply.status.message;
    EXPECT_TRUE(honest.Final(reply.value.message()).has_value());
  }
  flooding = false;
  attacker.join();
  const auto lasted = std::chrono::duration<double>(steady_clock::now() - began).count();
  const uint64_t bought = daemon.Status().backends(0).signatures() - signatures_before - kHonest;
  // A burst of four, two a second, and one more that the clocks disagree about.
  EXPECT_LE(static_cast<double>(bought), 5 + 2 * lasted);
}

}  // namespace
}  // namespace ddskey
