// What separates callers of one daemon: users of this host, and processes of one user.
#include <gmock/gmock.h>
#include <grp.h>
#include <gtest/gtest.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "test/support/pki.h"
#include "test/support/process.h"
#include "test/support/test_daemon.h"
#include "test/support/test_participant.h"

namespace ddskey {
namespace {

using ::ddskey::test::Named;
using ::ddskey::test::TestCa;
using ::ddskey::test::TestDaemon;
using ::ddskey::test::TestParticipant;
using ::testing::HasSubstr;
using ::testing::Not;

constexpr uid_t kAlice = 60101;
constexpr uid_t kBob = 60102;
constexpr uid_t kNobody = 65534;

constexpr char kPolicy[] = R"(
rule { name: "root" effect: ALLOW caller { uid: 0 } key: "*"
       operation: [KEY_CREATE, KEY_LIST, KEY_DELETE, CSR_CREATE, CERTIFICATE_INSTALL, STATUS] }
rule { name: "alice" effect: ALLOW caller { uid: 60101 } key: "alice" operation: HANDSHAKE }
rule { name: "bob" effect: ALLOW caller { uid: 60102 } key: "bob" operation: HANDSHAKE }
rule { name: "everyone" effect: ALLOW caller { uid: 65534 } key: "*" operation: HANDSHAKE }
)";

// As runs `body` in a child process of user and group `uid` and returns what it returned.
int As(uid_t uid, const std::function<int()>& body) {
  const pid_t child = fork();
  if (child == 0) {
    if (setgroups(0, nullptr) != 0 || setresgid(uid, uid, uid) != 0 || setresuid(uid, uid, uid) != 0) _exit(99);
    _exit(body());
  }
  int status = 0;
  waitpid(child, &status, 0);
  return WIFEXITED(status) ? WEXITSTATUS(status) : -1;
}

class CallersTest : public ::testing::Test {
 protected:
  // Validate is the code with which `uid` may validate `key`.
  CallCode Validate(uid_t uid, const std::string& key) {
    return static_cast<CallCode>(As(uid, [&] {
      TestParticipant participant(daemon_.socket(), key, alice_certificate_, 'p');
      return static_cast<int>(participant.Validate().code);
    }));
  }

  TestCa ca_ = TestCa::Root("identity CA");
  TestDaemon daemon_{{.backends = "", .policy = kPolicy, .more = ""}};
  const std::string alice_certificate_ = daemon_.Enroll("alice", ca_, Named("alice"));
  const std::string bob_certificate_ = daemon_.Enroll("bob", ca_, Named("bob"));
};

TEST_F(CallersTest, S10EachUserReachesItsOwnKeyAndNoOther) {
  EXPECT_EQ(Validate(kAlice, "alice"), CallCode::kOk);
  EXPECT_EQ(Validate(kAlice, "bob"), CallCode::kPermissionDenied);
  EXPECT_EQ(Validate(kBob, "alice"), CallCode::kPermissionDenied);
  EXPECT_EQ(Validate(60103, "alice"), CallCode::kPermissionDenied);
  EXPECT_EQ(Validate(0, "alice"), CallCode::kPermissionDenied) << "root administers, and uses no key";
  EXPECT_TRUE(test::WaitFor([&] { return daemon_.Log().find("60103") != std::string::npos; }));
}

TEST_F(CallersTest, S10TheOverflowUserMatchesNoRule) {
  EXPECT_EQ(Validate(kNobody, "alice"), CallCode::kPermissionDenied);
}

TEST_F(CallersTest, S5ATicketIsWorthNothingInAnotherProcessOrForAnotherUser) {
  int channel[2];
  ASSERT_EQ(pipe(channel), 0);
  ASSERT_EQ(As(kAlice,
               [&] {
                 TestParticipant participant(daemon_.socket(), "alice", alice_certificate_, 'a');
                 if (!participant.Validate().ok()) return 1;
                 const std::string out = participant.guid() + participant.identity_ticket();
                 return write(channel[1], out.data(), out.size()) == static_cast<ssize_t>(out.size()) ? 0 : 2;
               }),
            0);
  std::string stolen(65536, '\0');
  const ssize_t size = read(channel[0], stolen.data(), stolen.size());
  ASSERT_GT(size, 16);
  stolen.resize(static_cast<size_t>(size));
  for (const uid_t thief : {kAlice, kBob}) {
    EXPECT_EQ(As(thief,
                 [&] {
                   AuthenticationClient client(daemon_.socket());
                   v1::BeginHandshakeRequestRequest request;
                   request.set_identity_ticket(stolen.substr(16));
                   request.set_remote_guid(std::string(16, 'r'));
                   request.set_challenge(std::string(32, 'c'));
                   request.set_participant_data("p");
                   return static_cast<int>(
                       client.BeginHandshakeRequest(request, CallClock::now() + std::chrono::seconds(20)).status.code);
                 }),
              static_cast<int>(CallCode::kFailedPrecondition));
  }
  close(channel[0]);
  close(channel[1]);
}

TEST_F(CallersTest, OnlyRootReachesTheAdministrationSocketAndTheStore) {
  EXPECT_EQ(As(kAlice,
               [&] {
                 SocketAdminClient admin(daemon_.admin_socket());
                 return static_cast<int>(admin.GetStatus({}).status().code());
               }),
            static_cast<int>(absl::StatusCode::kUnavailable));
  for (const char* file : {"state/keystore.db", "state/software.secret", "run/ticket-roots", "policy.textproto"}) {
    EXPECT_EQ(As(kAlice, [&] { return access(daemon_.dir().File(file).c_str(), R_OK); }), 255) << file;
    EXPECT_EQ(access(daemon_.dir().File(file).c_str(), R_OK), 0) << file;
  }
}

TEST_F(CallersTest, AdministrationIsUnderPolicyEvenWhenTheSocketIsOpen) {
  ASSERT_EQ(chmod(daemon_.admin_socket().c_str(), 0666), 0);
  EXPECT_EQ(As(kAlice,
               [&] {
                 SocketAdminClient admin(daemon_.admin_socket());
                 v1::CreateKeyRequest create;
                 create.set_name("mine");
                 return static_cast<int>(admin.CreateKey(create).status().code());
               }),
            static_cast<int>(absl::StatusCode::kPermissionDenied));
}

TEST_F(CallersTest, NoPrivateKeyLiesInTheStoreInTheClear) {
  const std::string store = test::ReadFile(daemon_.dir().File("state/keystore.db"));
  ASSERT_FALSE(store.empty());
  EXPECT_THAT(store, Not(HasSubstr("PRIVATE KEY")));
  // The log has no secret either: the store's secret is 32 octets, and none of its runs appear.
  const std::string secret = test::ReadFile(daemon_.dir().File("state/software.secret"));
  ASSERT_GE(secret.size(), 32U);
  EXPECT_THAT(store, Not(HasSubstr(secret.substr(0, 16))));
  EXPECT_THAT(daemon_.Log(), Not(HasSubstr(secret.substr(0, 16))));
}

TEST_F(CallersTest, S17AProcessThatTakesAllItsConnectionsHarmsOnlyItself) {
  EXPECT_EQ(
      As(kAlice,
         [&] {
           std::vector<std::unique_ptr<TestParticipant>> mine;
           int served = 0;
           for (int i = 0; i < 40; ++i) {
             mine.push_back(std::make_unique<TestParticipant>(daemon_.socket(), "alice", alice_certificate_, 'a'));
             v1::SignHandshakeRequest junk;
             const auto status = mine.back()->client().SignHandshake(junk, CallClock::now() + std::chrono::seconds(2));
             if (status.status.code == CallCode::kInvalidArgument) ++served;
           }
           // Others of the user are served meanwhile.
           if (served != 32) return served;
           const pid_t other = fork();
           if (other == 0) {
             TestParticipant participant(daemon_.socket(), "alice", alice_certificate_, 'o');
             _exit(static_cast<int>(participant.Validate().code));
           }
           int status = -1;
           waitpid(other, &status, 0);
           return status == 0 ? 0 : 1;
         }),
      0);
}

}  // namespace
}  // namespace ddskey
