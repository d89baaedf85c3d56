// What the process of a module can do, seen from outside and tried from inside.
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <seccomp.h>
#include <unistd.h>

#include <cerrno>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <memory>
#include <string>
#include <thread>

#include "daemon/backend/pkcs11/helper_token_fixture.h"
#include "daemon/backend/pkcs11/misbehaving_fixture.h"
#include "test/support/process.h"
#include "test/support/status_matchers.h"

namespace ddskey::pkcs11 {
namespace {

using ::ddskey::test::ReadFile;
using ::ddskey::test::StatusIs;
using ::testing::AllOf;
using ::testing::ContainsRegex;
using ::testing::HasSubstr;

std::string Proc(pid_t pid, const std::string& name) { return "/proc/" + std::to_string(pid) + "/" + name; }

// The tests with other users need root with all users, which a sandbox of Bazel has not.
bool HasOtherUsers() {
  std::ifstream map("/proc/self/uid_map");
  const std::string text((std::istreambuf_iterator<char>(map)), std::istreambuf_iterator<char>());
  return geteuid() == 0 && text.find(" 4294967295") != std::string::npos;
}

class SandboxTest : public ::testing::Test {
 protected:
  void Start(const HelperOptions& options) {
    token_ = std::make_unique<Patient>(options);
    ASSERT_OK((*token_).Open());
    ASSERT_OK(token_->Create(KeyAlgorithm::kEcP256, "a", "arm"));
    pid_ = (*token_)->process();
  }

  // What the module found out.
  std::string Probe() {
    hsm_.Tell("sign:probe!");
    EXPECT_OK(token_->Sign("a", SignatureScheme::kEcdsaSha256, std::string(32, 'd')));
    return hsm_.Log();
  }

  MisbehavingHsm hsm_;
  std::unique_ptr<Patient> token_;
  pid_t pid_ = 0;
};

TEST_F(SandboxTest, S15LetsAModuleReachNothingButItsDevice) {
  HelperOptions options = hsm_.options();
  options.environment.push_back("DAEMON_PID=" + std::to_string(getpid()));
  Start(options);
  EXPECT_THAT(ReadFile(Proc(pid_, "status")), AllOf(ContainsRegex("CapPrm:\t0+\n"), ContainsRegex("CapEff:\t0+\n"),
                                                    HasSubstr("NoNewPrivs:\t1\n"), HasSubstr("Seccomp:\t2\n")));
  EXPECT_THAT(ReadFile(Proc(pid_, "limits")),
              AllOf(ContainsRegex("Max core file size +0 +0"), ContainsRegex("Max file size +268435456 +268435456")));
  EXPECT_EQ(ReadFile(Proc(pid_, "oom_score_adj")), "1000\n");
  EXPECT_THAT(Probe(), AllOf(HasSubstr("fork EPERM"), HasSubstr("exec EPERM"), HasSubstr("internet EAFNOSUPPORT"),
                             HasSubstr("netlink EAFNOSUPPORT"), HasSubstr("unix possible"), HasSubstr("ptrace EPERM"),
                             HasSubstr("kill EPERM"), HasSubstr("unshare EPERM"), HasSubstr("keyctl EPERM"),
                             HasSubstr("bpf EPERM"), HasSubstr("typing EPERM"), HasSubstr("typing wide EPERM"),
                             HasSubstr("pasting EPERM")));
  // Standard streams, the connection, the log itself is open while it is written; nothing of ours.
  EXPECT_THAT(hsm_.Log(), ContainsRegex("descriptors 0 1 2 3( [45678])*\n"));
  EXPECT_THAT(hsm_.Log(), HasSubstr("environment SOFTHSM2_CONF MISBEHAVIOUR DAEMON_PID\n"));
}

TEST_F(SandboxTest, S15HasAUserAndANetworkOfItsOwnAndReadsNoFileOfTheDaemon) {
  if (!HasOtherUsers()) GTEST_SKIP() << "needs root and other users";
  const test::TempDir state;
  std::filesystem::permissions(state.path(), std::filesystem::perms::owner_all);
  HelperOptions options = hsm_.options();
  options.environment.push_back("SECRET_FILE=" + state.Write("key", "secret"));
  Start(options);
  EXPECT_THAT(ReadFile(Proc(pid_, "status")),
              AllOf(HasSubstr("Uid:\t65534\t65534\t65534\t65534\n"),
                    ContainsRegex("Gid:\t65534\t65534\t65534\t65534\n"), ContainsRegex("Groups:\t(65534 )?\n")));
  EXPECT_NE(std::filesystem::read_symlink(Proc(pid_, "ns/net")), std::filesystem::read_symlink("/proc/self/ns/net"));
  EXPECT_THAT(Probe(), HasSubstr("secret EACCES"));
  EXPECT_EQ((*token_).Open()->warning, "");
}

TEST_F(SandboxTest, KeepsTheNetworkForModulesThatNeedIt) {
  HelperOptions options = hsm_.options();
  options.needs_network = true;
  Start(options);
  EXPECT_EQ(std::filesystem::read_symlink(Proc(pid_, "ns/net")), std::filesystem::read_symlink("/proc/self/ns/net"));
  EXPECT_THAT(Probe(), AllOf(HasSubstr("internet possible"), HasSubstr("fork EPERM")));
}

TEST_F(SandboxTest, SaysHowToMakeTheUserThatIsMissing) {
  if (!HasOtherUsers()) GTEST_SKIP() << "needs root and other users";
  HelperOptions options = hsm_.options();
  options.user = "ddskey-nobody-has-this-name";
  EXPECT_THAT(Patient(options).Open(), StatusIs(absl::StatusCode::kFailedPrecondition, HasSubstr("useradd --system")));
  options.user = "root";
  EXPECT_THAT(Patient(options).Open(),
              StatusIs(absl::StatusCode::kFailedPrecondition, HasSubstr("must not run as root")));
}

TEST_F(SandboxTest, StartsInsideTheSandboxOfTheDaemonsUnit) {
  // A filter is its thread's, and of those that it starts.
  std::thread([this] {
    const scmp_filter_ctx filter = seccomp_init(SCMP_ACT_ALLOW);
    for (const int call : {SCMP_SYS(seccomp), SCMP_SYS(capset), SCMP_SYS(unshare)}) {
      ASSERT_EQ(seccomp_rule_add(filter, SCMP_ACT_ERRNO(EPERM), call, 0), 0);
    }
    ASSERT_EQ(seccomp_load(filter), 0);
    seccomp_release(filter);
    Patient token(hsm_.options());
    ASSERT_OK(token.Open());
    EXPECT_THAT(ReadFile(Proc(token->process(), "status")), HasSubstr("Seccomp_filters:\t2\n"));
  }).join();
}

TEST_F(SandboxTest, S15StartsNoModuleAsTheUserOfTheDaemonUnlessThatIsAllowed) {
  if (HasOtherUsers()) GTEST_SKIP() << "root gives it another user";
  HelperOptions options = hsm_.options();
  options.same_user = false;
  Patient token(options);
  EXPECT_THAT(token.Open(), StatusIs(absl::StatusCode::kFailedPrecondition,
                                     AllOf(HasSubstr("helper_socket"), HasSubstr("same_user: true"))));
  EXPECT_EQ(token->process(), 0);
  EXPECT_EQ(hsm_.Logged("initialize"), 0);
}

TEST_F(SandboxTest, WarnsWhereTheModuleHasTheUserOfTheDaemon) {
  if (HasOtherUsers()) GTEST_SKIP() << "root gives it another user";
  Start(hsm_.options());
  EXPECT_THAT((*token_).Open()->warning, HasSubstr("ddskeyd's own user"));
}

TEST(HelperProgramTest, SaysWhatItIsAndRefusesToRunAlone) {
  std::string output;
  EXPECT_EQ(test::Run({HelperPath(), "--help"}, &output), 0);
  EXPECT_THAT(output, HasSubstr("Usage: ddskeyd-pkcs11"));
  EXPECT_EQ(test::Run({HelperPath(), "--version"}, &output), 0);
  EXPECT_THAT(output, HasSubstr("ddskeyd-pkcs11 "));
  EXPECT_EQ(test::Run({HelperPath(), "--module", "x"}, &output), 1);
  EXPECT_THAT(output, HasSubstr("no connection to serve"));
  EXPECT_EQ(test::Run({HelperPath(), "--module"}, &output), 2);
  EXPECT_EQ(test::Run({HelperPath(), "--sessions", "9", "--module", "x"}, &output), 2);
  EXPECT_EQ(test::Run({HelperPath(), "--pin", "1234"}, &output), 2);
}

}  // namespace
}  // namespace ddskey::pkcs11
