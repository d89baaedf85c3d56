#include <fcntl.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <atomic>
#include <filesystem>
#include <functional>
#include <thread>
#include <vector>

#include "client/channel.h"
#include "client/fork_generation.h"
#include "test/fakes/echo_fixture.h"

namespace ddskey::test {
namespace {

// Runs `child` in a forked process and returns its exit status, or nothing if it was killed.
std::optional<int> InChild(const std::function<int()>& child, const std::function<void()>& meanwhile) {
  const pid_t pid = fork();
  if (pid == 0) _exit(child());
  meanwhile();
  int status = 0;
  if (waitpid(pid, &status, 0) != pid || !WIFEXITED(status)) return std::nullopt;
  return WEXITSTATUS(status);
}

std::vector<int> OpenSockets() {
  std::vector<int> sockets;
  for (const auto& entry : std::filesystem::directory_iterator("/proc/self/fd")) {
    const int descriptor = std::stoi(entry.path().filename());
    struct stat status;
    if (fstat(descriptor, &status) == 0 && S_ISSOCK(status.st_mode)) sockets.push_back(descriptor);
  }
  return sockets;
}

class ChannelInAStrangersProcessTest : public EchoFixture {
 protected:
  void SetUp() override { StartServer(); }

  int CountFailures(int calls, const std::string& who) {
    int failures = 0;
    for (int i = 0; i < calls; ++i) {
      const std::string payload = who + std::to_string(i);
      const auto reply = Echo(Payload(payload));
      if (!reply.status.ok() || reply.value.payload() != payload) ++failures;
    }
    return failures;
  }
};

TEST(ForkGenerationTest, StaysInAProcessAndChangesInItsChildren) {
  const uint64_t parent = ForkGeneration();
  EXPECT_EQ(ForkGeneration(), parent);
  const auto differs = [parent] {
    const uint64_t child = ForkGeneration();
    return child != parent && child == ForkGeneration() ? 0 : 1;
  };
  EXPECT_EQ(InChild(differs, [] {}), 0);
  EXPECT_EQ(ForkGeneration(), parent);
}

TEST_F(ChannelInAStrangersProcessTest, ParentAndChildBothGoOnAfterAFork) {
  for (int round = 0; round < 50; ++round) {
    int failures = 0;
    const auto status = InChild([this] { return CountFailures(5, "child"); },
                                [this, &failures] { failures = CountFailures(5, "parent"); });
    ASSERT_EQ(status, 0);
    ASSERT_EQ(failures, 0);
  }
}

TEST_F(ChannelInAStrangersProcessTest, AForkInTheMiddleOfCallsOfOtherThreadsBreaksNeitherSide) {
  std::atomic<bool> stop{false};
  std::atomic<int> failed{0};
  std::vector<std::thread> threads;
  threads.reserve(4);
  for (int i = 0; i < 4; ++i) {
    threads.emplace_back([&] {
      while (!stop) failed += CountFailures(1, "thread");
    });
  }
  for (int round = 0; round < 50; ++round) EXPECT_EQ(InChild([this] { return CountFailures(3, "child"); }, [] {}), 0);
  stop = true;
  for (std::thread& thread : threads) thread.join();
  EXPECT_EQ(failed, 0);
}

TEST_F(ChannelInAStrangersProcessTest, AChildThatEndsTheChannelLeavesTheParentItsConnection) {
  const std::vector<int> before = OpenSockets();
  const auto end = [this] {
    channel_.~Channel();
    return OpenSockets().empty() ? 0 : 1;
  };
  EXPECT_EQ(InChild(end, [] {}), 0);
  EXPECT_EQ(CountFailures(3, "parent"), 0);
  EXPECT_EQ(OpenSockets(), before);
}

TEST_F(ChannelInAStrangersProcessTest, GoesOnWhenTheHostClosedItsDescriptors) {
  close_range(3, 1023, 0);
  EXPECT_EQ(CountFailures(3, "after"), 0);
}

TEST_F(ChannelInAStrangersProcessTest, NeverTouchesADescriptorThatIsNoLongerItsOwn) {
  const std::vector<int> sockets = OpenSockets();
  ASSERT_FALSE(sockets.empty());
  std::vector<int> far_ends;
  for (const int stolen : sockets) {
    int pair[2];
    ASSERT_EQ(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0, pair), 0);
    ASSERT_EQ(dup2(pair[0], stolen), stolen);
    close(pair[0]);
    far_ends.push_back(pair[1]);
  }
  EXPECT_EQ(CountFailures(3, "after"), 0);
  for (const int end : far_ends) {
    char octet;
    EXPECT_EQ(read(end, &octet, 1), -1) << "something was sent, or the descriptor closed";
    EXPECT_EQ(errno, EAGAIN);
    close(end);
  }
  for (const int stolen : sockets) EXPECT_EQ(close(stolen), 0);
}

TEST_F(ChannelInAStrangersProcessTest, NeverBecomesAStandardDescriptor) {
  const auto without_standard_descriptors = [this] {
    for (int descriptor = 0; descriptor < 3; ++descriptor) close(descriptor);
    Channel channel(socket_);
    if (!EchoOn(channel, Payload("x"), Within(kAmple)).status.ok()) return 1;
    for (int descriptor = 0; descriptor < 3; ++descriptor) {
      if (fcntl(descriptor, F_GETFD) >= 0) return 2;
    }
    return 0;
  };
  EXPECT_EQ(InChild(without_standard_descriptors, [] {}), 0);
}

TEST_F(ChannelInAStrangersProcessTest, LeavesNoDescriptorToAProgramThatTheHostStarts) {
  for (const int descriptor : OpenSockets()) EXPECT_EQ(fcntl(descriptor, F_GETFD) & FD_CLOEXEC, FD_CLOEXEC);
}

TEST_F(ChannelInAStrangersProcessTest, ConnectsAnewWhenTheHostChangesItsUser) {
  if (geteuid() != 0) GTEST_SKIP() << "only root can change its group";
  const auto with_another_group = [this] {
    const std::vector<int> before = OpenSockets();
    if (CountFailures(1, "before") != 0) return 1;
    if (setegid(getegid() + 1) != 0) return 77;
    return CountFailures(1, "after") == 0 ? 0 : 2;
  };
  const auto status = InChild(with_another_group, [] {});
  if (status == 77) GTEST_SKIP() << "this sandbox has one group only";
  EXPECT_EQ(status, 0);
}

}  // namespace
}  // namespace ddskey::test
