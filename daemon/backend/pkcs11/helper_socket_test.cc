// A helper behind a socket, as systemd starts it.
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include <filesystem>
#include <memory>
#include <string>
#include <vector>

#include "daemon/backend/pkcs11/helper_token_fixture.h"
#include "daemon/backend/pkcs11/misbehaving_fixture.h"
#include "test/support/process.h"
#include "test/support/status_matchers.h"

namespace ddskey::pkcs11 {
namespace {

using ::ddskey::test::Process;
using ::ddskey::test::StatusIs;
using ::testing::HasSubstr;

// A socket of notifications, as the service manager has one.
class Notifications {
 public:
  explicit Notifications(const std::string& path) : fd_(socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0)) {
    sockaddr_un address = {};
    address.sun_family = AF_UNIX;
    path.copy(address.sun_path, sizeof(address.sun_path) - 1);
    EXPECT_EQ(bind(fd_, reinterpret_cast<const sockaddr*>(&address), sizeof(address)), 0);
    std::filesystem::permissions(path, std::filesystem::perms(0777));
  }
  ~Notifications() { close(fd_); }

  std::string Next() const {
    char text[128];
    const ssize_t size = recv(fd_, text, sizeof(text), 0);
    return {text, static_cast<size_t>(size < 0 ? 0 : size)};
  }

 private:
  int fd_;
};

class HelperSocketTest : public ::testing::Test {
 protected:
  HelperSocketTest() {
    std::filesystem::permissions(folder_.path(), std::filesystem::perms(0755));
    Activate();
  }

  // It listens, and becomes the helper with the first connection.
  void Activate() {
    std::filesystem::remove(socket());
    Process::Options options;
    options.output = folder_.File("output");
    std::vector<std::string> command = {"systemd-socket-activate", "--listen=" + socket()};
    for (const std::string& variable : hsm_.options().environment) command.push_back("--setenv=" + variable);
    command.insert(command.end(), {"--setenv=NOTIFY_SOCKET=" + folder_.File("notify"), "--setenv=WATCHDOG_USEC=300000",
                                   HelperPath(), "--module", hsm_.module(), "--peer-user", std::to_string(geteuid())});
    helper_ = Process::Start(command, options);
    ASSERT_TRUE(test::WaitFor([this] { return std::filesystem::exists(socket()); }));
    std::filesystem::permissions(socket(), std::filesystem::perms(0777));
  }

  std::string socket() const { return folder_.File("socket"); }

  HelperOptions options() const {
    HelperOptions options;
    options.socket = socket();
    options.call_deadline = std::chrono::milliseconds(800);
    return options;
  }

  MisbehavingHsm hsm_;
  test::TempDir folder_;
  Notifications notifications_{folder_.File("notify")};
  std::unique_ptr<Process> helper_;
};

TEST_F(HelperSocketTest, ServesOneConnectionTellsTheWatchdogAndEndsWithIt) {
  Patient token(options());
  ASSERT_OK_AND_ASSIGN(const TokenState state, token.Open());
  EXPECT_EQ(state.warning, "");
  EXPECT_EQ(token->process(), 0);
  ASSERT_OK(token.Create(KeyAlgorithm::kEcP256, "a", "arm"));
  EXPECT_OK(token.Sign("a", SignatureScheme::kEcdsaSha256, std::string(32, 'd')));
  EXPECT_EQ(notifications_.Next(), "READY=1");
  EXPECT_EQ(notifications_.Next(), "WATCHDOG=1");
  EXPECT_EQ(notifications_.Next(), "WATCHDOG=1");
  token.Close();
  EXPECT_EQ(helper_->Wait(), 0);
}

TEST_F(HelperSocketTest, S15EndsAModuleThatHangsAndIsConnectedToAgain) {
  Patient token(options());
  ASSERT_OK(token.Open());
  ASSERT_OK(token.Create(KeyAlgorithm::kEcP256, "a", "arm"));
  hsm_.Tell("sign:deaf!");
  EXPECT_THAT(token.Sign("a", SignatureScheme::kEcdsaSha256, std::string(32, 'd')),
              StatusIs(absl::StatusCode::kDeadlineExceeded));
  EXPECT_EQ(helper_->Wait(), 3);
  EXPECT_THAT(token.Open(), StatusIs(absl::StatusCode::kUnavailable, HasSubstr("connecting")));
  Activate();
  EXPECT_OK(token.Open());
  EXPECT_OK(token.Sign("a", SignatureScheme::kEcdsaSha256, std::string(32, 'd')));
}

TEST_F(HelperSocketTest, AHungModuleDoesNotOutliveItsDaemon) {
  Patient token(options());
  ASSERT_OK(token.Open());
  ASSERT_OK(token.Create(KeyAlgorithm::kEcP256, "a", "arm"));
  hsm_.Tell("sign:deaf!");
  token->Sign("a", SignatureScheme::kEcdsaSha256, std::string(32, 'd'), token.Deadline(), [](const auto&) {});
  ASSERT_TRUE(test::WaitFor([this] { return test::ReadFile(hsm_.folder().File("commands")).empty(); }));
  token.Close();
  EXPECT_EQ(helper_->Wait(), 0);
}

TEST_F(HelperSocketTest, TurnsAwayOtherUsers) {
  const test::TempDir outside;
  Process::Options stranger;
  stranger.user = 1;
  std::string output;
  const int status = test::Run({"python3", "-c",
                                "import socket, sys\ns = socket.socket(socket.AF_UNIX)\ns.connect(sys.argv[1])\n"
                                "print('turned away' if s.recv(1) == b'' else 'served')",
                                socket()},
                               &output, stranger);
  if (status != 0) GTEST_SKIP() << "there is no other user here";
  EXPECT_THAT(output, HasSubstr("turned away"));
  EXPECT_OK(Patient(options()).Open());
}

TEST_F(HelperSocketTest, RefusesASocketThatOthersCouldHavePutThere) {
  std::filesystem::permissions(folder_.path(), std::filesystem::perms::all);
  EXPECT_THAT(Patient(options()).Open(), StatusIs(absl::StatusCode::kFailedPrecondition, HasSubstr("writable")));
}

}  // namespace
}  // namespace ddskey::pkcs11
