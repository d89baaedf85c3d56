#include "plugin_shim/core/peer_watch.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

#include <atomic>
#include <chrono>
#include <filesystem>
#include <memory>
#include <mutex>
#include <string>
#include <thread>
#include <vector>

#include "client/authentication_client.h"
#include "test/fakes/fake_authentication_service.h"
#include "test/support/process.h"
#include "test/support/temp_dir.h"

namespace ddskey::test {
namespace {

using std::chrono::milliseconds;
using std::chrono::seconds;
using ::testing::Contains;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using Clock = std::chrono::steady_clock;

size_t Threads() {
  const std::filesystem::directory_iterator tasks("/proc/self/task");
  return static_cast<size_t>(std::distance(begin(tasks), end(tasks)));
}

class PeerWatchTest : public ::testing::Test {
 protected:
  static constexpr int64_t kLocal = 10;

  ~PeerWatchTest() override { watch_.reset(); }

  void Listen() {
    watch_->Listen({.revoke =
                        [this](int64_t handle) {
                          const std::lock_guard lock(mutex_);
                          revoked_.push_back(handle);
                          if (on_revoke_) on_revoke_();
                        },
                    .warn =
                        [this](const std::string& sentence) {
                          const std::lock_guard lock(mutex_);
                          warnings_.push_back(sentence);
                        }});
  }

  std::shared_ptr<LocalIdentity> Identity(const std::string& name) {
    v1::ValidateLocalIdentityRequest request;
    request.set_key_name(name);
    request.set_candidate_guid(std::string(16, '\1'));
    request.set_identity_certificate("certificate of " + name);
    std::string error;
    auto identity = LocalIdentity::Validate(client_, request, seconds(20), &error);
    EXPECT_NE(identity, nullptr) << error;
    return identity;
  }

  // AddPeer takes in a peer that has just authenticated.
  void AddPeer(int64_t remote, const std::string& certificate) {
    watch_->AddPeer(kLocal, remote, service_.ResultFor(certificate));
  }

  std::vector<int64_t> revoked() {
    const std::lock_guard lock(mutex_);
    return revoked_;
  }
  std::vector<std::string> warnings() {
    const std::lock_guard lock(mutex_);
    return warnings_;
  }
  // Judged waits until the participant was asked about once more.
  bool Judged() {
    const int before = service_.Calls("CheckPeers");
    service_.Change();
    return WaitFor([&] { return service_.Calls("CheckPeers") > before; });
  }

  TempDir folder_;
  FakeAuthenticationService service_{folder_.File("s")};
  AuthenticationClient client_{folder_.File("s")};
  std::mutex mutex_;
  std::vector<int64_t> revoked_;
  std::vector<std::string> warnings_;
  std::function<void()> on_revoke_;
  std::unique_ptr<PeerWatch> watch_ = std::make_unique<PeerWatch>(folder_.File("s"));
};

TEST_F(PeerWatchTest, TellsOfARevokedPeerOnceAndOfNobodyElse) {
  Listen();
  watch_->AddLocal(kLocal, *Identity("talker"));
  AddPeer(20, "good");
  AddPeer(21, "bad");
  AddPeer(22, "fine");
  service_.Refuse("bad", "[revoked] bad");
  EXPECT_TRUE(WaitFor([&] { return !revoked().empty(); }));
  EXPECT_TRUE(Judged());
  EXPECT_TRUE(Judged());
  EXPECT_THAT(revoked(), ElementsAre(21));
  EXPECT_THAT(warnings(), Contains(HasSubstr("the peer is dropped: [revoked] bad")));
}

TEST_F(PeerWatchTest, TellsOfAParticipantThatMayNotGoOn) {
  Listen();
  watch_->AddLocal(kLocal, *Identity("talker"));
  watch_->AddLocal(11, *Identity("other"));
  service_.Refuse("certificate of talker", "withdrawn");
  EXPECT_TRUE(WaitFor([&] { return !revoked().empty(); }));
  EXPECT_TRUE(Judged());
  EXPECT_THAT(revoked(), ElementsAre(kLocal));
}

TEST_F(PeerWatchTest, HasNoThreadBeforeTheFirstParticipantAndNoneAfterStop) {
  const size_t before = Threads();
  Listen();
  EXPECT_EQ(Threads(), before);
  // The daemon is away: nothing else of this process makes threads now.
  const auto identity = Identity("talker");
  service_.Stop();
  const size_t without = Threads();
  watch_->AddLocal(kLocal, *identity);
  EXPECT_EQ(Threads(), without + 1);
  watch_->Stop();
  EXPECT_EQ(Threads(), without);
  service_.Start();
  AddPeer(20, "bad");
  service_.Refuse("bad", "[revoked]");
  // Who listens again is told what was missed.
  Listen();
  EXPECT_TRUE(WaitFor([&] { return !revoked().empty(); }));
}

TEST_F(PeerWatchTest, StopEndsAHeldCallAtOnce) {
  Listen();
  watch_->AddLocal(kLocal, *Identity("talker"));
  ASSERT_TRUE(WaitFor([&] { return service_.held() == 1; }));
  const auto begin = Clock::now();
  watch_->Stop();
  EXPECT_LT(Clock::now() - begin, seconds(2)) << "a call is held for a minute";
  EXPECT_TRUE(WaitFor([&] { return service_.held() == 0; })) << "the daemon knows that nobody waits";
}

TEST_F(PeerWatchTest, StopEndsACallOfADaemonThatHangs) {
  Listen();
  const auto identity = Identity("talker");
  service_.Stall(true);
  watch_->AddLocal(kLocal, *identity);
  ASSERT_TRUE(WaitFor([&] { return service_.Calls("Watch") > 0; }));
  const auto begin = Clock::now();
  watch_->Stop();
  EXPECT_LT(Clock::now() - begin, seconds(2));
  service_.Stall(false);
}

TEST_F(PeerWatchTest, ADaemonThatIsAwayDropsNobodyAndWhatItMissedIsMadeUpFor) {
  Listen();
  watch_->AddLocal(kLocal, *Identity("talker"));
  AddPeer(20, "good");
  AddPeer(21, "bad");
  ASSERT_TRUE(Judged());
  service_.Stop();
  service_.Refuse("bad", "[revoked] bad");
  EXPECT_THAT(revoked(), IsEmpty());
  service_.Start();
  EXPECT_TRUE(WaitFor([&] { return !revoked().empty(); }));
  EXPECT_TRUE(Judged());
  EXPECT_THAT(revoked(), ElementsAre(21));
}

TEST_F(PeerWatchTest, APeerWhoseHandshakeAChangeOvertookIsAskedAbout) {
  Listen();
  watch_->AddLocal(kLocal, *Identity("talker"));
  ASSERT_TRUE(Judged());
  const auto result = service_.ResultFor("bad");
  service_.Refuse("bad", "[revoked] bad");
  ASSERT_TRUE(Judged());
  watch_->AddPeer(kLocal, 21, result);
  EXPECT_TRUE(WaitFor([&] { return !revoked().empty(); }));
}

TEST_F(PeerWatchTest, APeerIsAskedAboutWhenItsTimeIsUpWithoutAnyChange) {
  Listen();
  watch_->AddLocal(kLocal, *Identity("talker"));
  ASSERT_TRUE(WaitFor([&] { return service_.held() == 1; }));
  auto result = service_.ResultFor("brief");
  result.set_good_for_ms(50);
  service_.Refuse("brief", "[expired] brief", false);
  watch_->AddPeer(kLocal, 20, result);
  EXPECT_TRUE(WaitFor([&] { return !revoked().empty(); }));
}

TEST_F(PeerWatchTest, TicketsThatTheDaemonHasLostAreRenewedOrSaid) {
  Listen();
  watch_->AddLocal(kLocal, *Identity("talker"));
  AddPeer(20, "good");
  ASSERT_TRUE(Judged());
  service_.ForgetTickets();
  service_.Change();
  EXPECT_TRUE(WaitFor([&] { return !warnings().empty(); }));
  EXPECT_THAT(warnings(), ElementsAre(HasSubstr("restart this application")));
  EXPECT_THAT(revoked(), IsEmpty());
  AddPeer(21, "bad");
  service_.Refuse("bad", "[revoked]");
  EXPECT_TRUE(WaitFor([&] { return !revoked().empty(); })) << "the participant has a new ticket";
}

TEST_F(PeerWatchTest, WhereItMayNotWaitItAsksInstead) {
  service_.Fail("Watch", grpc::StatusCode::RESOURCE_EXHAUSTED, "too many", 1);
  Listen();
  watch_->AddLocal(kLocal, *Identity("talker"));
  AddPeer(20, "bad");
  ASSERT_TRUE(WaitFor([&] { return service_.Calls("Watch") > 1; }));
  service_.Refuse("bad", "[revoked]");
  EXPECT_TRUE(WaitFor([&] { return !revoked().empty(); }));
}

TEST_F(PeerWatchTest, AnOlderDaemonIsLeftInPeace) {
  service_.Fail("Watch", grpc::StatusCode::UNIMPLEMENTED, "", 1);
  Listen();
  const auto identity = Identity("talker");
  watch_->AddLocal(kLocal, *identity);
  EXPECT_TRUE(WaitFor([&] { return !warnings().empty(); }));
  EXPECT_THAT(warnings(), ElementsAre(HasSubstr("older")));
  EXPECT_EQ(service_.Calls("Watch"), 1);
}

TEST_F(PeerWatchTest, TheListenerMayCallWhateverItLikes) {
  on_revoke_ = [this] {
    watch_->Remove(20);
    watch_->Stop();
  };
  Listen();
  watch_->AddLocal(kLocal, *Identity("talker"));
  AddPeer(20, "bad");
  AddPeer(21, "worse");
  service_.Refuse("bad", "[revoked]", false);
  service_.Refuse("worse", "[revoked]");
  EXPECT_TRUE(WaitFor([&] { return !revoked().empty(); }));
  on_revoke_ = nullptr;
  EXPECT_THAT(revoked(), ElementsAre(20)) << "it is not told anything after it stopped";
  watch_.reset();
}

TEST_F(PeerWatchTest, WhoeverListensLastIsToldHoweverManyStopAndListenAtOnce) {
  watch_->AddLocal(kLocal, *Identity("talker"));
  AddPeer(20, "bad");
  std::vector<std::thread> threads;
  for (int i = 0; i < 4; ++i) {
    threads.emplace_back([this] {
      for (int round = 0; round < 25; ++round) {
        Listen();
        watch_->Stop();
      }
    });
  }
  for (std::thread& thread : threads) thread.join();
  ASSERT_TRUE(WaitFor([&] { return service_.held() == 0; })) << "no thread is left";
  Listen();
  service_.Refuse("bad", "[revoked]");
  EXPECT_TRUE(WaitFor([&] { return !revoked().empty(); }));
  EXPECT_THAT(revoked(), ElementsAre(20));
}

TEST_F(PeerWatchTest, AForkedChildNeitherHangsNorCrashesAndTheParentGoesOn) {
  Listen();
  watch_->AddLocal(kLocal, *Identity("talker"));
  ASSERT_TRUE(WaitFor([&] { return service_.held() == 1; }));
  const auto result = service_.ResultFor("bad");
  const auto identity = Identity("other");
  for (int i = 0; i < 20; ++i) {
    const pid_t child = fork();
    ASSERT_GE(child, 0);
    if (child == 0) {
      alarm(20);
      watch_->AddLocal(11, *identity);
      watch_->AddPeer(kLocal, 21, result);
      watch_->Remove(kLocal);
      watch_->Stop();
      watch_.reset();
      _exit(0);
    }
    int status = 0;
    ASSERT_EQ(waitpid(child, &status, 0), child);
    EXPECT_TRUE(WIFEXITED(status) && WEXITSTATUS(status) == 0) << status;
  }
  watch_->AddPeer(kLocal, 21, result);
  service_.Refuse("bad", "[revoked]");
  EXPECT_TRUE(WaitFor([&] { return !revoked().empty(); }));
}

TEST_F(PeerWatchTest, ItsThreadTakesNoSignalOfTheHost) {
  const auto identity = Identity("talker");
  service_.Stop();
  std::vector<std::string> before;
  for (const auto& task : std::filesystem::directory_iterator("/proc/self/task")) before.push_back(task.path());
  Listen();
  watch_->AddLocal(kLocal, *identity);
  std::string added;
  for (const auto& task : std::filesystem::directory_iterator("/proc/self/task")) {
    if (std::find(before.begin(), before.end(), task.path()) == before.end()) added = task.path();
  }
  ASSERT_NE(added, "");
  // All but those that the kernel lets nobody block, and two of the C library's own.
  const std::string status = ReadFile(added + "/status");
  const size_t at = status.find("SigBlk:\t");
  ASSERT_NE(at, std::string::npos) << status;
  const uint64_t blocked = std::stoull(status.substr(at + 8, 16), nullptr, 16);
  for (const int signal : {SIGINT, SIGTERM, SIGHUP, SIGALRM, SIGUSR1, SIGCHLD, SIGPROF}) {
    EXPECT_TRUE((blocked >> (signal - 1)) & 1) << signal;
  }
}

}  // namespace
}  // namespace ddskey::test
