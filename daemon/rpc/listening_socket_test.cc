#include "daemon/rpc/listening_socket.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include <filesystem>
#include <optional>
#include <string>

#include "test/support/status_matchers.h"
#include "test/support/temp_dir.h"

namespace ddskey {
namespace {

using test::StatusIs;
using ::testing::HasSubstr;
using enum absl::StatusCode;

bool CanConnect(const std::string& path) {
  sockaddr_un address = {};
  address.sun_family = AF_UNIX;
  path.copy(address.sun_path, sizeof(address.sun_path) - 1);
  const UniqueFd client(socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0));
  return connect(client.get(), reinterpret_cast<const sockaddr*>(&address), sizeof(address)) == 0;
}

class ListeningSocketTest : public ::testing::Test {
 protected:
  const test::TempDir dir_;
  const std::string path_ = dir_.File("socket");
};

TEST_F(ListeningSocketTest, ListensWithTheModeAskedForWhateverTheUmask) {
  const mode_t before = umask(077);
  ASSERT_OK_AND_ASSIGN(const ListeningSocket bound, ListeningSocket::Bind(path_, 0666));
  umask(before);
  struct stat there = {};
  ASSERT_EQ(stat(path_.c_str(), &there), 0);
  EXPECT_EQ(there.st_mode & 07777, 0666u);
  EXPECT_TRUE(CanConnect(path_));
}

TEST_F(ListeningSocketTest, LeavesNothingBehind) {
  { ASSERT_OK(ListeningSocket::Bind(path_, 0600)); }
  EXPECT_TRUE(std::filesystem::is_empty(dir_.path()));
}

TEST_F(ListeningSocketTest, ReplacesWhatADaemonLeftBehind) {
  // A socket that was bound and closed without being removed, as a killed daemon leaves it.
  sockaddr_un address = {};
  address.sun_family = AF_UNIX;
  path_.copy(address.sun_path, sizeof(address.sun_path) - 1);
  {
    const UniqueFd stale(socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0));
    ASSERT_EQ(bind(stale.get(), reinterpret_cast<const sockaddr*>(&address), sizeof(address)), 0);
  }
  ASSERT_FALSE(CanConnect(path_));
  ASSERT_OK_AND_ASSIGN(const ListeningSocket bound, ListeningSocket::Bind(path_, 0600));
  EXPECT_TRUE(CanConnect(path_));
}

TEST_F(ListeningSocketTest, DoesNotTakeTheSocketOfALivingDaemon) {
  ASSERT_OK_AND_ASSIGN(const ListeningSocket bound, ListeningSocket::Bind(path_, 0600));
  EXPECT_THAT(ListeningSocket::Bind(path_, 0600), StatusIs(kFailedPrecondition, HasSubstr("already listens")));
  EXPECT_TRUE(CanConnect(path_));
}

TEST_F(ListeningSocketTest, DoesNotReplaceWhatIsNoSocket) {
  const std::string file = dir_.Write("file", "content");
  EXPECT_THAT(ListeningSocket::Bind(file, 0600), StatusIs(kFailedPrecondition, HasSubstr("is not a socket")));
  EXPECT_EQ(test::ReadFile(file), "content");
}

TEST_F(ListeningSocketTest, SaysWhyAPathCannotBeUsed) {
  EXPECT_THAT(ListeningSocket::Bind(dir_.File(std::string(100, 'x')), 0600),
              StatusIs(kInvalidArgument, HasSubstr("at most 103 characters")));
  EXPECT_THAT(ListeningSocket::Bind(dir_.File("no/folder"), 0600), StatusIs(kFailedPrecondition));
}

TEST_F(ListeningSocketTest, DoesNotRemoveTheSocketOfItsSuccessor) {
  std::optional<ListeningSocket> first;
  {
    ASSERT_OK_AND_ASSIGN(ListeningSocket bound, ListeningSocket::Bind(path_, 0600));
    first.emplace(std::move(bound));
  }
  // Removed by hand, then another daemon starts.
  ASSERT_EQ(unlink(path_.c_str()), 0);
  ASSERT_OK_AND_ASSIGN(const ListeningSocket second, ListeningSocket::Bind(path_, 0600));
  first.reset();
  EXPECT_TRUE(CanConnect(path_));
}

TEST_F(ListeningSocketTest, AdoptsOnlyAListeningUnixStreamSocket) {
  EXPECT_THAT(ListeningSocket::Adopt(UniqueFd(dup(STDERR_FILENO))), StatusIs(kInvalidArgument));
  EXPECT_THAT(ListeningSocket::Adopt(UniqueFd(socket(AF_UNIX, SOCK_STREAM, 0))), StatusIs(kInvalidArgument));
  EXPECT_THAT(ListeningSocket::Adopt(UniqueFd(socket(AF_UNIX, SOCK_DGRAM, 0))), StatusIs(kInvalidArgument));
  EXPECT_THAT(ListeningSocket::Adopt(UniqueFd()), StatusIs(kInvalidArgument));

  ASSERT_OK_AND_ASSIGN(const ListeningSocket bound, ListeningSocket::Bind(path_, 0600));
  {
    ASSERT_OK_AND_ASSIGN(const ListeningSocket adopted, ListeningSocket::Adopt(UniqueFd(dup(bound.fd()))));
    EXPECT_TRUE(CanConnect(path_));
  }
  // It belongs to who made it.
  EXPECT_TRUE(CanConnect(path_));
}

}  // namespace
}  // namespace ddskey
