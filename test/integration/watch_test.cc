// Watch and CheckPeers against the real daemon: what changes reaches processes that have peers already.
#include <gmock/gmock.h>
#include <grpcpp/grpcpp.h>
#include <gtest/gtest.h>
#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

#include <atomic>
#include <chrono>
#include <functional>
#include <future>
#include <memory>
#include <string>
#include <thread>
#include <vector>

#include "ddskey/v1/authentication.grpc.pb.h"
#include "test/support/pki.h"
#include "test/support/process.h"
#include "test/support/status_matchers.h"
#include "test/support/temp_dir.h"
#include "test/support/test_daemon.h"
#include "test/support/test_participant.h"

namespace ddskey {
namespace {

using ::ddskey::test::TestCa;
using ::ddskey::test::TestDaemon;
using ::ddskey::test::TestParticipant;
using ::ddskey::test::WaitFor;
using std::chrono::seconds;
using ::testing::HasSubstr;
using ::testing::StartsWith;
using Clock = std::chrono::steady_clock;

// As many as the daemon lets a process wait with.
constexpr int kWatches = 16;

constexpr char kRecord[] = "operation=\"CheckPeers\"";
constexpr char kAllowed[] = R"(
rule { name: "admin" effect: ALLOW caller { uid: 0 } key: "*"
       operation: [KEY_CREATE, KEY_LIST, KEY_DELETE, CSR_CREATE, CERTIFICATE_INSTALL, TRUST_CHANGE, STATUS] }
)";
constexpr char kUsed[] = R"(rule { name: "use" effect: ALLOW caller { uid: 0 } key: "*" operation: HANDSHAKE } )";
constexpr char kDeniedPeer[] =
    R"(rule { name: "not-bob" effect: DENY caller { uid: 0 } key: "*" operation: HANDSHAKE peer { subject: "CN=bob*" } } )";

test::CertificateOptions Named(const std::string& name, absl::Time not_after = absl::Now() + absl::Hours(100)) {
  test::CertificateOptions options = test::Named(name);
  options.not_after = not_after;
  return options;
}

size_t Count(const std::string& text, const std::string& what) {
  size_t count = 0;
  for (size_t at = text.find(what); at != std::string::npos; at = text.find(what, at + 1)) ++count;
  return count;
}

class WatchTest : public ::testing::Test {
 protected:
  void Meet() {
    ASSERT_TRUE(alice_.Validate().ok());
    ASSERT_TRUE(bob_.Validate().ok());
    const auto request = alice_.Request(bob_);
    const auto reply = bob_.Finish(bob_.Reply(alice_, request.value.message()));
    const auto final_step = alice_.Finish(alice_.Process(request.value.handshake_ticket(), reply.value.message()));
    ASSERT_TRUE(final_step.status.ok()) << final_step.status.message;
    bob_of_alice_ = final_step.value.result();
    const auto end = bob_.Process(reply.value.handshake_ticket(), final_step.value.message());
    ASSERT_TRUE(end.status.ok()) << end.status.message;
    ASSERT_NE(end.value.result().peer_ticket(), "");
  }

  static CallClock::time_point Soon() { return CallClock::now() + seconds(30); }

  CallResult<v1::CheckPeersResponse> Check(TestParticipant& asker, const std::string& identity_ticket,
                                           const std::vector<std::string>& peer_tickets) {
    v1::CheckPeersRequest request;
    request.set_identity_ticket(identity_ticket);
    for (const std::string& ticket : peer_tickets) request.add_peer_ticket(ticket);
    return asker.client().CheckPeers(request, Soon(), nullptr);
  }
  // CheckBob is what Alice reads of Bob.
  v1::CheckPeersResponse CheckBob() {
    const auto answer = Check(alice_, alice_.identity_ticket(), {bob_of_alice_.peer_ticket()});
    EXPECT_TRUE(answer.status.ok()) << answer.status.message;
    return answer.value;
  }

  static CallResult<v1::WatchResponse> Watch(AuthenticationClient& client, uint64_t revision, uint32_t wait_ms,
                                             const Waker* waker = nullptr) {
    v1::WatchRequest request;
    request.set_revision(revision);
    request.set_wait_ms(wait_ms);
    return client.Watch(request, Soon(), waker);
  }
  uint64_t Revision() { return Watch(alice_.client(), 0, 0).value.revision(); }

  // HoldAll has as many calls wait as may, until `waker` is woken, and returns what they will come to.
  std::vector<std::future<CallCode>> HoldAll(uint64_t revision, const Waker* waker) {
    std::vector<std::future<CallCode>> held;
    for (int i = 0; i < kWatches; ++i) {
      held.push_back(std::async(std::launch::async, [this, revision, waker] {
        AuthenticationClient client(daemon_.socket());
        // The places of others are given back when the daemon has noticed that they went.
        CallCode code = CallCode::kResourceExhausted;
        WaitFor([&] {
          code = Watch(client, revision, 30'000, waker).status.code;
          return code != CallCode::kResourceExhausted;
        });
        return code;
      }));
    }
    EXPECT_TRUE(
        WaitFor([&] { return Watch(alice_.client(), revision, 1).status.code == CallCode::kResourceExhausted; }));
    return held;
  }

  void InstallFor(const std::string& key, const std::string& lists) {
    v1::InstallRevocationListsRequest request;
    request.set_key_name(key);
    request.set_revocation_lists(lists);
    ASSERT_OK(daemon_.admin().InstallRevocationLists(request).status());
  }
  // Change changes something that concerns nobody.
  void Change() { InstallFor("bystander", ca_.Crl({})); }

  TestCa ca_ = TestCa::Root("identity CA");
  TestDaemon daemon_{TestDaemon::Options{.backends = "", .policy = std::string(kAllowed) + kUsed, .more = ""}};
  std::string bystander_ = daemon_.Enroll("bystander", ca_, Named("bystander"));
  std::string alices_ = daemon_.Enroll("alice", ca_, Named("alice"));
  std::string bobs_ = daemon_.Enroll("bob", ca_, Named("bob", absl::Now() + absl::Seconds(8)));
  TestParticipant alice_{daemon_.socket(), "alice", alices_, 'a'};
  TestParticipant bob_{daemon_.socket(), "bob", bobs_, 'b'};
  // What the handshake came to on Alice's side.
  v1::HandshakeResult bob_of_alice_;
};

TEST_F(WatchTest, ARevocationIsToldAtOnceAndRefusesThePeerWithOneRecord) {
  Meet();
  const v1::CheckPeersResponse good = CheckBob();
  ASSERT_EQ(good.verdict_size(), 1);
  EXPECT_EQ(good.verdict(0).outcome(), v1::PeerVerdict::GOOD) << good.verdict(0).refusal();
  EXPECT_GT(good.verdict(0).good_for_ms(), 0U);
  EXPECT_LE(good.verdict(0).good_for_ms(), 8'000U) << "the peer's certificate ends then";
  EXPECT_LE(bob_of_alice_.good_for_ms(), 8'000U);
  EXPECT_GT(good.good_for_ms(), 8'000U);
  EXPECT_GT(good.not_after(), absl::ToUnixSeconds(absl::Now()));
  EXPECT_EQ(good.revision(), bob_of_alice_.revision());
  EXPECT_EQ(good.revision(), Revision());

  AuthenticationClient watcher(daemon_.socket());
  auto held = std::async(std::launch::async, [&] { return Watch(watcher, good.revision(), 30'000); });
  InstallFor("alice", ca_.Crl({bobs_}));
  const auto told = held.get();
  ASSERT_TRUE(told.status.ok()) << told.status.message;
  EXPECT_NE(told.value.revision(), good.revision());
  for (int i = 0; i < 3; ++i) {
    const v1::CheckPeersResponse bad = CheckBob();
    ASSERT_EQ(bad.verdict_size(), 1) << bad.identity_refused();
    EXPECT_EQ(bad.verdict(0).outcome(), v1::PeerVerdict::REFUSED);
    EXPECT_THAT(bad.verdict(0).refusal(), StartsWith("[revoked]"));
  }
  EXPECT_TRUE(WaitFor([&] { return Count(daemon_.Log(), kRecord) > 0; })) << daemon_.Log();
  EXPECT_EQ(Count(daemon_.Log(), kRecord), 1U) << daemon_.Log();
}

TEST_F(WatchTest, S5AnExpiryADenyRuleAWithdrawnRightAndADeletedKeyAreJudgedAnew) {
  Meet();
  const auto refusal = [this] { return CheckBob().verdict(0).refusal(); };
  const uint64_t before = Revision();
  daemon_.SetPolicy(std::string(kAllowed) + kUsed + kDeniedPeer);
  EXPECT_NE(Revision(), before);
  EXPECT_THAT(refusal(), StartsWith("[peer]"));
  daemon_.SetPolicy(kAllowed);
  const std::string withdrawn = CheckBob().identity_refused();
  EXPECT_THAT(withdrawn, HasSubstr("policy does not let this process use it"));
  daemon_.SetPolicy(std::string(kAllowed) + kUsed);
  EXPECT_EQ(CheckBob().identity_refused(), "");
  EXPECT_TRUE(WaitFor([&] { return CheckBob().verdict(0).outcome() == v1::PeerVerdict::REFUSED; }));
  EXPECT_THAT(refusal(), StartsWith("[expired]"));
  InstallFor("alice", ca_.Crl({alices_}));
  EXPECT_THAT(CheckBob().identity_refused(), HasSubstr("[revoked]"));
  v1::DeleteKeyRequest request;
  request.set_name("alice");
  const uint64_t with_key = Revision();
  ASSERT_OK(daemon_.admin().DeleteKey(request).status());
  EXPECT_NE(Revision(), with_key);
  EXPECT_EQ(CheckBob().identity_refused(), withdrawn) << "the same words";
}

TEST_F(WatchTest, S5TicketsThatAreForgedOrAnotherProcesssOpenNothing) {
  Meet();
  const std::string& good = bob_of_alice_.peer_ticket();
  std::string altered = good;
  altered[altered.size() / 2] = static_cast<char>(altered[altered.size() / 2] ^ 1);
  const auto answer =
      Check(alice_, alice_.identity_ticket(), {altered, alice_.identity_ticket(), good.substr(1), "", "junk", good});
  ASSERT_TRUE(answer.status.ok()) << answer.status.message;
  ASSERT_EQ(answer.value.verdict_size(), 6);
  for (int i = 0; i < 5; ++i) EXPECT_EQ(answer.value.verdict(i).outcome(), v1::PeerVerdict::UNKNOWN_TICKET) << i;
  EXPECT_EQ(answer.value.verdict(5).outcome(), v1::PeerVerdict::GOOD);
  EXPECT_EQ(Check(alice_, good, {}).status.code, CallCode::kFailedPrecondition);

  const pid_t child = fork();
  ASSERT_GE(child, 0);
  if (child == 0) {
    // The same user, the same key, another process.
    const bool stolen = Check(alice_, alice_.identity_ticket(), {}).status.code != CallCode::kFailedPrecondition;
    const bool validated = alice_.Validate().ok();
    const auto other = Check(alice_, alice_.identity_ticket(), {good});
    const bool unknown = other.status.ok() && other.value.verdict_size() == 1 &&
                         other.value.verdict(0).outcome() == v1::PeerVerdict::UNKNOWN_TICKET;
    _exit(!stolen && validated && unknown ? 0 : 1);
  }
  int status = 0;
  ASSERT_EQ(waitpid(child, &status, 0), child);
  EXPECT_TRUE(WIFEXITED(status) && WEXITSTATUS(status) == 0) << status;
}

TEST_F(WatchTest, S17QuestionsAreBounded) {
  Meet();
  const auto ask = [this](const std::vector<std::string>& tickets) {
    return Check(alice_, alice_.identity_ticket(), tickets).status.code;
  };
  EXPECT_EQ(ask(std::vector<std::string>(64, bob_of_alice_.peer_ticket())), CallCode::kOk);
  EXPECT_EQ(ask(std::vector<std::string>(65, "t")), CallCode::kInvalidArgument);
  EXPECT_EQ(ask({std::string(256 * 1024 + 1, 't')}), CallCode::kInvalidArgument);
}

TEST_F(WatchTest, ARestartIsAChangeAndTicketsOutliveIt) {
  Meet();
  const uint64_t before = Revision();
  AuthenticationClient watcher(daemon_.socket());
  auto held = std::async(std::launch::async, [&] { return Watch(watcher, before, 30'000).status.code; });
  daemon_.Kill();
  EXPECT_EQ(held.get(), CallCode::kUnavailable);
  daemon_.Start();
  EXPECT_NE(Revision(), before);
  EXPECT_EQ(CheckBob().verdict(0).outcome(), v1::PeerVerdict::GOOD);
}

TEST_F(WatchTest, S17TenThousandWatchesOfAProcessTakeNothingFromItsHandshakes) {
  ASSERT_TRUE(alice_.Validate().ok());
  ASSERT_TRUE(bob_.Validate().ok());
  constexpr int kCalls = 10'000;
  constexpr int kChannels = 8;
  struct Call {
    grpc::ClientContext context;
    v1::WatchRequest request;
    v1::WatchResponse response;
  };
  std::vector<std::unique_ptr<v1::AuthenticationService::Stub>> stubs;
  for (int i = 0; i < kChannels; ++i) {
    grpc::ChannelArguments arguments;
    arguments.SetInt(GRPC_ARG_USE_LOCAL_SUBCHANNEL_POOL, 1);
    stubs.push_back(v1::AuthenticationService::NewStub(
        grpc::CreateCustomChannel("unix:" + daemon_.socket(), grpc::InsecureChannelCredentials(), arguments)));
  }
  const uint64_t revision = Revision();
  std::atomic<int> told = 0;
  std::atomic<int> refused = 0;
  std::atomic<int> others = 0;
  std::vector<std::unique_ptr<Call>> calls;
  for (int i = 0; i < kCalls; ++i) {
    Call& call = *calls.emplace_back(std::make_unique<Call>());
    call.request.set_revision(revision);
    call.request.set_wait_ms(60'000);
    stubs[static_cast<size_t>(i % kChannels)]->async()->Watch(
        &call.context, &call.request, &call.response, [&](const grpc::Status& status) {
          ++(status.ok() ? told : status.error_code() == grpc::RESOURCE_EXHAUSTED ? refused : others);
        });
  }
  EXPECT_TRUE(WaitFor([&] { return refused + others == kCalls - kWatches; })) << refused << " " << others;
  EXPECT_TRUE(test::Shake(alice_, bob_).ok());
  EXPECT_EQ(told, 0);
  Change();
  EXPECT_TRUE(WaitFor([&] { return told + refused + others == kCalls; })) << told << " " << refused << " " << others;
  EXPECT_EQ(told, kWatches);
  EXPECT_EQ(others, 0);
}

TEST_F(WatchTest, S17WhoGoesGivesItsPlacesBack) {
  const uint64_t revision = Revision();
  for (int round = 0; round < 3; ++round) {
    Waker waker;
    auto held = HoldAll(revision, &waker);
    EXPECT_EQ(Watch(alice_.client(), revision, 0).status.code, CallCode::kOk) << "who does not wait needs no place";
    waker.Wake();
    for (auto& each : held) EXPECT_EQ(each.get(), CallCode::kCancelled);
  }
}

TEST_F(WatchTest, S17AWatcherThatNeverReadsHoldsUpNobody) {
  const uint64_t revision = Revision();
  std::vector<pid_t> frozen;
  for (int i = 0; i < 4; ++i) {
    const pid_t child = fork();
    ASSERT_GE(child, 0);
    if (child == 0) {
      alarm(60);
      Watch(alice_.client(), revision, 60'000);
      _exit(0);
    }
    frozen.push_back(child);
    // Its request is on its way when it waits for the answer: in poll(2), the seventh system call.
    const std::string syscall = "/proc/" + std::to_string(child) + "/syscall";
    EXPECT_TRUE(WaitFor([&] { return test::ReadFile(syscall).starts_with("7 "); })) << test::ReadFile(syscall);
    kill(child, SIGSTOP);
  }
  AuthenticationClient watcher(daemon_.socket());
  auto held = std::async(std::launch::async, [&] { return Watch(watcher, revision, 30'000).status.code; });
  const auto begin = Clock::now();
  Change();
  EXPECT_EQ(held.get(), CallCode::kOk);
  EXPECT_LT(Clock::now() - begin, seconds(5));
  for (const pid_t child : frozen) {
    kill(child, SIGKILL);
    waitpid(child, nullptr, 0);
  }
}

TEST_F(WatchTest, S17HeldCallsDoNotHoldUpTheEndOfTheDaemon) {
  const uint64_t revision = Revision();
  auto held = HoldAll(revision, nullptr);
  const auto begin = Clock::now();
  auto stopped = std::async(std::launch::async, [&] { return daemon_.Stop(); });
  for (auto& each : held) EXPECT_EQ(each.get(), CallCode::kUnavailable);
  EXPECT_LT(Clock::now() - begin, seconds(2)) << "calls under way are given three seconds";
  EXPECT_EQ(stopped.get(), 0);
}

}  // namespace
}  // namespace ddskey
