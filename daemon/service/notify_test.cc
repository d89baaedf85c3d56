#include "daemon/service/notify.h"

#include <fcntl.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <poll.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include <atomic>
#include <cstdlib>
#include <cstring>
#include <string>

#include "daemon/service/passed_descriptors.h"
#include "test/support/process.h"
#include "test/support/status_matchers.h"
#include "test/support/temp_dir.h"

namespace ddskey {
namespace {

using test::StatusIs;
using ::testing::HasSubstr;
using ::testing::StartsWith;

// FakeServiceManager is the receiving end of $NOTIFY_SOCKET.
class FakeServiceManager {
 public:
  FakeServiceManager() : socket_(socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0)) {
    const std::string path = dir_.File("notify");
    sockaddr_un address = {};
    address.sun_family = AF_UNIX;
    std::strcpy(address.sun_path, path.c_str());
    EXPECT_EQ(bind(socket_, reinterpret_cast<sockaddr*>(&address), sizeof(address)), 0);
    setenv("NOTIFY_SOCKET", path.c_str(), 1);
  }
  ~FakeServiceManager() {
    unsetenv("NOTIFY_SOCKET");
    close(socket_);
  }

  // Receive returns the next message, with a descriptor that came along in `fd`, or an empty text when none comes.
  std::string Receive(int* fd = nullptr, int milliseconds = 20000) {
    pollfd entry = {.fd = socket_, .events = POLLIN, .revents = 0};
    if (poll(&entry, 1, milliseconds) != 1) return "";
    char text[1024];
    alignas(cmsghdr) char control[CMSG_SPACE(sizeof(int)) + CMSG_SPACE(sizeof(ucred))];
    iovec part = {.iov_base = text, .iov_len = sizeof(text)};
    msghdr message = {};
    message.msg_iov = &part;
    message.msg_iovlen = 1;
    message.msg_control = control;
    message.msg_controllen = sizeof(control);
    const ssize_t size = recvmsg(socket_, &message, MSG_CMSG_CLOEXEC);
    for (cmsghdr* part = CMSG_FIRSTHDR(&message); part != nullptr; part = CMSG_NXTHDR(&message, part)) {
      if (part->cmsg_type == SCM_RIGHTS && fd != nullptr) std::memcpy(fd, CMSG_DATA(part), sizeof(int));
    }
    return size < 0 ? "" : std::string(text, size);
  }

 private:
  const test::TempDir dir_;
  const int socket_;
};

TEST(NotifyTest, TellsTheServiceManagerWhatTheDaemonDoes) {
  FakeServiceManager manager;
  NotifyReady();
  EXPECT_EQ(manager.Receive(), "READY=1");
  NotifyReloading();
  EXPECT_THAT(manager.Receive(), StartsWith("RELOADING=1\nMONOTONIC_USEC="));
  NotifyStatus("two\nlines");
  EXPECT_EQ(manager.Receive(), "STATUS=two lines");
  NotifyStopping();
  EXPECT_EQ(manager.Receive(), "STOPPING=1");
}

TEST(NotifyTest, DoesNothingWithoutAServiceManager) {
  NotifyReady();
  EXPECT_EQ(Watchdog::Start([] { return true; }), nullptr);
  EXPECT_THAT(StoreDescriptor("name", 0), StatusIs(absl::StatusCode::kFailedPrecondition));
}

TEST(NotifyTest, FeedsTheWatchdogOnlyWhileHealthy) {
  FakeServiceManager manager;
  setenv("WATCHDOG_USEC", "20000", 1);
  std::atomic<bool> healthy{true};
  std::atomic<int> asked{0};
  {
    const auto watchdog = Watchdog::Start([&] {
      ++asked;
      return healthy.load();
    });
    ASSERT_NE(watchdog, nullptr);
    EXPECT_EQ(manager.Receive(), "WATCHDOG=1");
    EXPECT_EQ(manager.Receive(), "WATCHDOG=1");
    healthy = false;
    // One answer from before may still be on its way to the socket.
    const int seen = asked;
    EXPECT_TRUE(test::WaitFor([&] { return asked >= seen + 2; }));
    while (!manager.Receive(nullptr, 0).empty()) {
    }
    const int unhealthy = asked;
    EXPECT_TRUE(test::WaitFor([&] { return asked >= unhealthy + 3; }));
    EXPECT_EQ(manager.Receive(nullptr, 0), "");
  }
  unsetenv("WATCHDOG_USEC");
}

TEST(NotifyTest, StoresADescriptorUnderItsName) {
  FakeServiceManager manager;
  const test::TempDir dir;
  const int fd = open(dir.Write("root", "content").c_str(), O_RDONLY | O_CLOEXEC);
  ASSERT_OK(StoreDescriptor("ticket-root", fd));
  int received = -1;
  EXPECT_EQ(manager.Receive(), "FDSTOREREMOVE=1\nFDNAME=ticket-root");
  EXPECT_EQ(manager.Receive(&received), "FDSTORE=1\nFDNAME=ticket-root");
  struct stat sent = {};
  struct stat got = {};
  ASSERT_EQ(fstat(fd, &sent), 0);
  ASSERT_EQ(fstat(received, &got), 0);
  EXPECT_EQ(sent.st_ino, got.st_ino);
  close(received);
  close(fd);
}

TEST(NotifyTest, RefusesANameThatCouldAddAssignments) {
  FakeServiceManager manager;
  for (const char* name : {"", "a\nREADY=1", "a:b", "A"}) {
    EXPECT_THAT(StoreDescriptor(name, 0), StatusIs(absl::StatusCode::kInvalidArgument)) << name;
  }
}

TEST(PassedDescriptorsTest, GivesEachDescriptorAwayOnceByName) {
  // What is passed begins at descriptor 3, so the check runs in a process that has nothing there.
  EXPECT_EXIT(
      {
        const int null = open("/dev/null", O_RDONLY);
        for (const int fd : {3, 4, 5}) dup2(null, fd);
        setenv("LISTEN_PID", std::to_string(getpid()).c_str(), 1);
        setenv("LISTEN_FDS", "3", 1);
        setenv("LISTEN_FDNAMES", "ddskeyd:ddskeyd-admin:ticket-root", 1);
        bool good = true;
        {
          PassedDescriptors passed = PassedDescriptors::Receive();
          good = good && getenv("LISTEN_FDS") == nullptr;
          good = good && passed.Take("ddskeyd-admin") == 4 && passed.Take("ddskeyd-admin") == std::nullopt;
          good = good && passed.Take("ticket-root") == 5 && passed.Take("nobody") == std::nullopt;
          good = good && (fcntl(4, F_GETFD) & FD_CLOEXEC) != 0;
        }
        // What was not taken is closed, what was taken is not.
        good = good && fcntl(3, F_GETFD) < 0 && fcntl(4, F_GETFD) >= 0 && fcntl(5, F_GETFD) >= 0;
        std::_Exit(good ? 0 : 1);
      },
      ::testing::ExitedWithCode(0), "");
}

TEST(PassedDescriptorsTest, HasNothingWhenNothingWasPassed) {
  EXPECT_EQ(PassedDescriptors::Receive().Take("ddskeyd"), std::nullopt);
}

}  // namespace
}  // namespace ddskey
