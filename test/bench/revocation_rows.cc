#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include "test/bench/bench_daemon.h"
#include "test/bench/footprint.h"
#include "test/bench/rows.h"
#include "test/support/process.h"
#include "test/support/temp_dir.h"
#include "test/support/test_participant.h"

namespace ddskey::bench {
namespace {

using test::Named;

// A CA, and 99 below it, with a list each.
constexpr int kLists = 100;
constexpr int kPeers = 1000;
constexpr int kRevoked = 100;

[[noreturn]] void Give(const std::string& what) {
  std::fprintf(stderr, "bench: %s\n", what.c_str());
  std::abort();
}

// Fleet is a CA with CAs below it, peers that they certified, and their lists in files.
class Fleet {
 public:
  Fleet() {
    for (int i = 1; i < kLists; ++i) cas_.push_back(root_.Intermediate(absl::StrCat("CA ", i)));
    const test::TestKey key = test::TestKey::Generate();
    for (int i = 0; i < kRevoked; ++i) others_.push_back(root_.Issue(key.public_key()));
    for (int i = 0; i < kPeers; ++i) {
      const test::TestCa& ca = cas_[static_cast<size_t>(i) % cas_.size()];
      peers_.push_back(ca.Issue(key.public_key(), Named("alice")) + ca.certificate());
    }
    for (int i = 0; i < kLists; ++i) Write(i, 1, others_);
  }

  // Write replaces a list by one with another number.
  void Write(int list, int number, const std::vector<std::string>& revoked) const {
    char octets[9];
    std::snprintf(octets, sizeof(octets), "0202%04x", 0x1000 + number);
    const test::TestCa& ca = list == 0 ? root_ : cas_[static_cast<size_t>(list - 1)];
    folder_.Write("new",
                  ca.Crl(revoked, begin_, begin_ + absl::Hours(48), {{"2.5.29.20", absl::StrCat("DER:", octets)}}));
    std::rename(folder_.File("new").c_str(), File(list).c_str());
  }

  // Revoke adds the first peer to the list of its CA.
  void Revoke() const {
    std::vector<std::string> revoked = others_;
    revoked.push_back(peers_.front());
    Write(1, 2, revoked);
  }

  std::string File(int list) const { return folder_.File(absl::StrCat("list-", list)); }
  const test::TestCa& root() const { return root_; }
  const std::vector<std::string>& peers() const { return peers_; }

 private:
  const test::TempDir folder_;
  const absl::Time begin_ = absl::Now() - absl::Hours(1);
  const test::TestCa root_ = test::TestCa::Root("identity CA");
  std::vector<test::TestCa> cas_;
  std::vector<std::string> others_;
  std::vector<std::string> peers_;
};

double MillisecondsSince(std::chrono::steady_clock::time_point begin) {
  return std::chrono::duration<double, std::milli>(std::chrono::steady_clock::now() - begin).count();
}

double IdleMemory(const test::TestDaemon::Options& options) {
  test::TestDaemon daemon(options);
  return FootprintOf(daemon.process().pid()).resident;
}

}  // namespace

std::vector<Line> NewRevocationList(int rounds) {
  std::vector<double> in_force, judged, with_lists, with_peers;
  for (int round = 0; round < rounds; ++round) {
    const Fleet fleet;
    test::TestDaemon::Options options = UnlimitedOptions({});
    const double idle = IdleMemory(options);
    for (int i = 0; i < kLists; ++i) {
      absl::StrAppend(&options.more, "\nrevocation_list_file { path: \"", fleet.File(i), "\" }");
    }
    test::TestDaemon daemon(options);
    with_lists.push_back((FootprintOf(daemon.process().pid()).resident - idle) / 1024);
    test::TestParticipant alice(daemon.socket(), "alice", daemon.Enroll("alice", fleet.root(), Named("alice")), 'a');
    test::TestParticipant bob(daemon.socket(), "bob", daemon.Enroll("bob", fleet.root(), Named("bob")), 'b');
    if (!alice.Validate().ok() || !bob.Validate().ok()) Give("an identity is not good");
    const v1::DataHolder request = alice.Request(bob).value.message();
    const auto ask = [&](const std::string& peer) {
      return bob.Reply(alice, test::WithCertificate(request, peer), 0).status;
    };
    for (const std::string& peer : fleet.peers()) {
      if (const CallStatus status = ask(peer); !status.ok()) Give("a peer is not good: " + status.message);
    }
    with_peers.push_back((FootprintOf(daemon.process().pid()).resident - idle) / 1024);
    const auto begin = std::chrono::steady_clock::now();
    fleet.Revoke();
    if (!test::WaitFor([&] { return ask(fleet.peers().front()).message.starts_with("[revoked]"); })) {
      Give("the list is not taken");
    }
    in_force.push_back(MillisecondsSince(begin));
    for (const std::string& peer : fleet.peers()) ask(peer);
    judged.push_back(MillisecondsSince(begin));
  }
  return {Single("1,000 peers, 100 CRLs: new CRL in force after", in_force, "ms", 1000),
          Note("- and all peers judged anew, a Reply each", judged, "ms"),
          Note("- memory for the CRLs, above an idle daemon", with_lists, "MB"),
          Note("- the same with the peers", with_peers, "MB")};
}

}  // namespace ddskey::bench
