#include "daemon/rpc/listener.h"

#include <fcntl.h>
#include <gtest/gtest.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include <atomic>
#include <chrono>
#include <ctime>
#include <filesystem>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <vector>

#include "daemon/rpc/connected_child.h"
#include "test/support/process.h"
#include "test/support/status_matchers.h"
#include "test/support/temp_dir.h"

namespace ddskey {
namespace {

using test::ConnectedChild;
using test::WaitFor;

class ListenerTest : public ::testing::Test {
 protected:
  void Listen(const UsageLimiter::Bounds& bounds = {}) {
    limiter_.emplace("connections", bounds);
    auto socket = ListeningSocket::Bind(path_, 0600);
    ASSERT_OK(socket);
    auto listener = Listener::Start(*std::move(socket), *limiter_, [this](Connection connection) {
      const std::lock_guard lock(mutex_);
      accepted_.push_back(std::move(connection));
      ++count_;
    });
    ASSERT_OK(listener);
    listener_ = *std::move(listener);
  }

  std::unique_ptr<ConnectedChild> Connect() const {
    return std::make_unique<ConnectedChild>(path_, ConnectedChild::Options());
  }

  const test::TempDir dir_;
  const std::string path_ = dir_.File("socket");
  std::optional<UsageLimiter> limiter_;
  std::mutex mutex_;
  std::vector<Connection> accepted_;
  std::atomic<int> count_{0};
  std::unique_ptr<Listener> listener_;
};

TEST_F(ListenerTest, S10HandsOnEachClientWithItsProcess) {
  ASSERT_NO_FATAL_FAILURE(Listen());
  const auto first = Connect();
  const auto second = Connect();
  ASSERT_TRUE(WaitFor([&] { return count_ == 2; }));
  EXPECT_EQ(accepted_[0].subject.pid, first->pid());
  EXPECT_EQ(accepted_[1].subject.pid, second->pid());
  EXPECT_EQ(limiter_->in_use(), 2u);
}

TEST_F(ListenerTest, S17ClosesWhatIsOverTheLimit) {
  ASSERT_NO_FATAL_FAILURE(Listen({.total = 1}));
  const auto first = Connect();
  ASSERT_TRUE(WaitFor([&] { return count_ == 1; }));
  const auto second = Connect();
  const UniqueFd refused(second->TakeSocket());
  char octet;
  EXPECT_EQ(read(refused.get(), &octet, 1), 0);
  EXPECT_EQ(count_, 1);
}

TEST_F(ListenerTest, StopsAcceptingAndRemovesItsSocket) {
  ASSERT_NO_FATAL_FAILURE(Listen());
  listener_->Stop();
  EXPECT_EQ(Connect()->TakeSocket(), -1);
  EXPECT_FALSE(std::filesystem::exists(path_));
}

TEST_F(ListenerTest, WaitsWhileThereAreNoDescriptorsAndThenGoesOn) {
  ASSERT_NO_FATAL_FAILURE(Listen());
  const auto child = std::make_unique<ConnectedChild>(path_, ConnectedChild::Options());
  ASSERT_TRUE(WaitFor([&] { return count_ == 1; }));

  // Another client, whose connection is pending before the descriptors are gone; it is made by a child of its own.
  rlimit before = {};
  ASSERT_EQ(getrlimit(RLIMIT_NOFILE, &before), 0);
  std::vector<UniqueFd> taken;
  const rlimit few = {.rlim_cur = 64, .rlim_max = before.rlim_max};
  const int client = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
  ASSERT_EQ(setrlimit(RLIMIT_NOFILE, &few), 0);
  for (int fd = dup(0); fd >= 0; fd = dup(0)) taken.emplace_back(fd);
  sockaddr_un address = {};
  address.sun_family = AF_UNIX;
  path_.copy(address.sun_path, sizeof(address.sun_path) - 1);
  ASSERT_EQ(connect(client, reinterpret_cast<const sockaddr*>(&address), sizeof(address)), 0);

  const std::clock_t cpu = std::clock();
  const auto begun = std::chrono::steady_clock::now();
  WaitFor([&] { return std::chrono::steady_clock::now() - begun > std::chrono::milliseconds(400); });
  EXPECT_EQ(count_, 1);
  // A loop without a pause would take all of it.
  EXPECT_LT(std::clock() - cpu, CLOCKS_PER_SEC / 5);

  taken.clear();
  ASSERT_EQ(setrlimit(RLIMIT_NOFILE, &before), 0);
  EXPECT_TRUE(WaitFor([&] { return count_ == 2; }));
  close(client);
}

}  // namespace
}  // namespace ddskey
