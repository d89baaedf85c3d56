#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <string>

#include "absl/types/span.h"
#include "daemon/handshake/handshake.h"
#include "daemon/handshake/handshake_token.h"
#include "test/bench/bench_daemon.h"
#include "test/bench/known_peers.h"
#include "test/bench/reply_caller.h"
#include "test/bench/rows.h"
#include "test/bench/statistics.h"

namespace ddskey::bench {
namespace {

using std::chrono::steady_clock;

// Each peer's certificate is worth 4 signatures at once (S-6), and 2 more a second.
constexpr size_t kPeers = 400;

[[noreturn]] void Give(const std::string& what) {
  std::fprintf(stderr, "bench: %s\n", what.c_str());
  std::exit(EXIT_FAILURE);
}

double MicrosecondsOf(const auto& work) {
  const auto began = steady_clock::now();
  work();
  return std::chrono::duration<double, std::micro>(steady_clock::now() - began).count();
}

// InProcess makes Replies as the daemon does, without daemon: its handshake, and a private key in the hand.
class InProcess {
 public:
  InProcess(const test::TestParticipant& participant, std::string certificate, std::string permissions)
      : local_{.key_uuid = "key",
               .algorithm = KeyAlgorithm::kEcP256,
               .certificate = std::move(certificate),
               .guid = *ParseGuid(participant.guid()),
               .domain_id = test::TestParticipant::kDomain},
        offer_{.remote_guid = {},
               .challenge = std::string(32, 'r'),
               .participant_data = participant.participant_data(),
               .permissions = std::move(permissions),
               .remote_future_challenge = ""} {}

  void Reply(const KnownPeer& peer) {
    offer_.remote_guid = peer.guid;
    const auto request = ParseToken(MessageRole::kRequest, peer.request);
    if (!request.ok()) Give(request.status().ToString());
    const auto state = PrepareReply(local_, offer_, *request, {peer.subject_der, nullptr});
    if (!state.ok()) Give(state.status().ToString());
    const HandshakeToken reply = FinishReply(*state, key_.Sign(ReplyTranscript(*state)));
    if (reply.binary_properties.empty()) Give("an empty Reply");
  }

 private:
  const test::TestKey key_ = test::TestKey::Generate();
  const LocalParticipant local_;
  LocalOffer offer_;
};

}  // namespace

std::vector<Line> ReplyLatency(int rounds) {
  const test::TestCa ca = test::TestCa::Root("identity CA");
  const auto peers = MakePeers(ca, test::TestParticipant::kDomain, kPeers);
  const std::string permissions = SignedPermissions(ca);
  test::TestDaemon daemon(UnlimitedOptions({}));
  const std::string certificate = daemon.Enroll("replier", ca, {.subject = {{"O", "Lab"}, {"CN", "replier"}}});
  ReplyCaller caller(daemon.socket(), "replier", certificate, 0, peers, permissions);
  InProcess in_process(caller.participant(), certificate, permissions);

  std::vector<double> ours, reference;
  // The first round validates the peers' certificates.
  for (int round = -1; round < rounds; ++round) {
    std::vector<double> through_daemon, here;
    for (const KnownPeer& peer : peers) {
      through_daemon.push_back(MicrosecondsOf([&] {
        if (const std::string wrong = caller.Call(); !wrong.empty()) Give(wrong);
      }));
      here.push_back(MicrosecondsOf([&] { in_process.Reply(peer); }));
    }
    if (round < 0) continue;
    ours.push_back(Median(through_daemon));
    reference.push_back(Median(here));
  }
  return {Difference("Reply with a software key, p50", ours, reference, "us", 200)};
}

}  // namespace ddskey::bench
