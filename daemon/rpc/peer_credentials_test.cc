#include "daemon/rpc/peer_credentials.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/socket.h>
#include <unistd.h>

#include <csignal>
#include <fstream>
#include <memory>
#include <numeric>
#include <string>
#include <vector>

#include "daemon/rpc/connected_child.h"
#include "daemon/rpc/listening_socket.h"
#include "daemon/rpc/unique_fd.h"
#include "test/support/process.h"
#include "test/support/status_matchers.h"
#include "test/support/temp_dir.h"

namespace ddskey {
namespace {

using test::ConnectedChild;
using test::StatusIs;
using ::testing::HasSubstr;
using ::testing::UnorderedElementsAreArray;

// By the way in which the process is found; what comes of it must be the same.
class PeerCredentialsTest : public ::testing::TestWithParam<ProcessLookup> {
 protected:
  void SetUp() override {
    auto bound = ListeningSocket::Bind(path_, 0666);
    ASSERT_OK(bound);
    listening_.emplace(*std::move(bound));
    // The children of these tests are other users.
    ASSERT_EQ(chmod(dir_.path().c_str(), 0755), 0);
  }

  // Accept returns the socket of the next client.
  UniqueFd Accept() {
    UniqueFd accepted;
    test::WaitFor([&] {
      accepted.Reset(accept4(listening_->fd(), nullptr, nullptr, SOCK_CLOEXEC));
      return accepted.valid();
    });
    return accepted;
  }

  const test::TempDir dir_;
  const std::string path_ = dir_.File("socket");
  std::optional<ListeningSocket> listening_;
};

INSTANTIATE_TEST_SUITE_P(Lookups, PeerCredentialsTest, ::testing::Values(ProcessLookup::kBest, ProcessLookup::kByPid),
                         [](const auto& info) { return info.param == ProcessLookup::kBest ? "Best" : "ByPid"; });

TEST_P(PeerCredentialsTest, S10TellsUserGroupsAndProcess) {
  const std::vector<gid_t> groups = {7, 100'000, 12};
  const ConnectedChild child(path_, {.user = 12345, .groups = groups, .user_afterwards = {}});
  ASSERT_OK_AND_ASSIGN(const Subject subject, AttestPeer(Accept().get(), GetParam()));
  EXPECT_EQ(subject.uid, 12345u);
  EXPECT_EQ(subject.gid, 12345u);
  EXPECT_THAT(subject.groups, UnorderedElementsAreArray(groups));
  EXPECT_EQ(subject.pid, child.pid());
  const std::string stat = test::ReadFile("/proc/" + std::to_string(child.pid()) + "/stat");
  EXPECT_EQ(subject.start_time, ParseStartTime(stat));
  EXPECT_GT(subject.start_time, 0u);
}

TEST(IsSameProcessTest, IsNotOfAnotherTimeOrPast) {
  test::Process::Options options;
  const auto child = test::Process::Start({"sleep", "60"}, options);
  const auto start = ParseStartTime(test::ReadFile("/proc/" + std::to_string(child->pid()) + "/stat"));
  ASSERT_TRUE(start.has_value());
  EXPECT_TRUE(IsSameProcess(child->pid(), *start));
  EXPECT_FALSE(IsSameProcess(child->pid(), *start + 1));
  // Nobody has waited for it yet.
  child->Signal(SIGKILL);
  EXPECT_TRUE(test::WaitFor([&] { return !IsSameProcess(child->pid(), *start); }));
  child->Kill();
  EXPECT_FALSE(IsSameProcess(child->pid(), *start));
}

TEST_P(PeerCredentialsTest, S10TellsAllOfManyGroups) {
  std::vector<gid_t> groups(1024);
  std::iota(groups.begin(), groups.end(), 5000);
  const ConnectedChild child(path_, {.user = 12345, .groups = groups, .user_afterwards = {}});
  ASSERT_OK_AND_ASSIGN(const Subject subject, AttestPeer(Accept().get(), GetParam()));
  EXPECT_EQ(subject.groups, groups);
}

TEST_P(PeerCredentialsTest, S10RefusesAPeerInMoreGroupsThanItCanRemember) {
  std::vector<gid_t> groups(1025);
  std::iota(groups.begin(), groups.end(), 5000);
  const ConnectedChild child(path_, {.user = 12345, .groups = groups, .user_afterwards = {}});
  EXPECT_THAT(AttestPeer(Accept().get(), GetParam()),
              StatusIs(absl::StatusCode::kPermissionDenied, HasSubstr("more than 1024 groups")));
}

TEST_P(PeerCredentialsTest, S10RefusesAPeerThatHasExited) {
  ConnectedChild child(path_, {});
  const UniqueFd accepted = Accept();
  child.Kill();
  EXPECT_THAT(AttestPeer(accepted.get(), GetParam()), StatusIs(absl::StatusCode::kPermissionDenied));
}

TEST_P(PeerCredentialsTest, S10RefusesAPeerThatHasBecomeAnotherUser) {
  const ConnectedChild child(path_, {.user = 12345, .groups = {}, .user_afterwards = 12346});
  EXPECT_THAT(AttestPeer(Accept().get(), GetParam()),
              StatusIs(absl::StatusCode::kPermissionDenied, HasSubstr("changed its user")));
}

TEST_P(PeerCredentialsTest, S10RefusesRootOfAContainer) {
  const ConnectedChild root(path_, {.user = {}, .groups = {}, .user_afterwards = {}, .in_pid_namespace = true});
  EXPECT_THAT(AttestPeer(Accept().get(), GetParam()),
              StatusIs(absl::StatusCode::kPermissionDenied, HasSubstr("as in a container")));
  const ConnectedChild user(path_, {.user = 12345, .groups = {}, .user_afterwards = {}});
  EXPECT_OK(AttestPeer(Accept().get(), GetParam()));
}

TEST(ParseNamespaceDepthTest, S10CountsTheNamespacesBelowOurs) {
  EXPECT_EQ(ParseNamespaceDepth("Name:\tx\nNSpid:\t42\nNSpgid:\t42\n"), 0u);
  EXPECT_EQ(ParseNamespaceDepth("Name:\tx\nNSpid:\t42\t7\t1\nNSpgid:\t42\n"), 2u);
  EXPECT_EQ(ParseNamespaceDepth("Name:\tx\nNSpid:\t42"), std::nullopt) << "cut off";
  EXPECT_EQ(ParseNamespaceDepth("Name:\tNSpid:\t42\n"), std::nullopt);
}

TEST(ParseStartTimeTest, S10IsNotFooledByTheNameOfAProgram) {
  const std::string rest = " S 1 2 3 4 5 6 7 8 9 10 11 12 13 14 15 16 17 18 987654 20 21";
  EXPECT_EQ(ParseStartTime("42 (name)" + rest), 987654u);
  EXPECT_EQ(ParseStartTime("42 (a) S 1 1 1 1 1 1 1 1 1 1 1 1 1 1 1 1 1 1 1 1 (b)" + rest), 987654u);
  EXPECT_EQ(ParseStartTime("42 (line\nend)" + rest), 987654u);
  EXPECT_EQ(ParseStartTime("42 (name) S 1 2"), std::nullopt);
  EXPECT_EQ(ParseStartTime("42 name"), std::nullopt);
  EXPECT_EQ(ParseStartTime(""), std::nullopt);
}

TEST(ParseEffectiveUidTest, TakesTheSecondOfTheFourUsers) {
  EXPECT_EQ(ParseEffectiveUid("Name:\tx\nUid:\t1\t2\t3\t4\nGid:\t5\t6\t7\t8\n"), 2u);
  EXPECT_EQ(ParseEffectiveUid("Name:\tx\nUid:\t4294967294\t4294967295\t3\t4\n"), 4294967295u);
  // The kernel escapes line ends in names, so this is the only line that begins like that.
  EXPECT_EQ(ParseEffectiveUid("Name:\tUid:\t1\t2\t3\t4\n"), std::nullopt);
  EXPECT_EQ(ParseEffectiveUid("Uid:\t1"), std::nullopt);
}

}  // namespace
}  // namespace ddskey
