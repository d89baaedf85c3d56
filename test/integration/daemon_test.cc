// The daemon as the person who starts it sees it.
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <signal.h>
#include <sys/stat.h>

#include <atomic>
#include <string>
#include <thread>
#include <vector>

#include "client/socket_admin_client.h"
#include "test/support/process.h"
#include "test/support/temp_dir.h"
#include "test/support/test_daemon.h"

namespace ddskey {
namespace {

using ::ddskey::test::TestDaemon;
using ::testing::HasSubstr;

class DaemonTest : public ::testing::Test {
 protected:
  // Check runs `ddskeyd --check` on a configuration and returns its exit status; what it printed is in output_.
  int Check(const std::string& config, const std::string& policy = "") {
    folder_.Write("policy.textproto", policy);
    const std::string file =
        folder_.Write("config.textproto", config + "\npolicy_file: \"" + folder_.File("policy.textproto") + "\"\n");
    for (const char* name : {"config.textproto", "policy.textproto"}) chmod(folder_.File(name).c_str(), 0600);
    return test::Run({"daemon/ddskeyd", "--check", "--config", file}, &output_);
  }

  const test::TempDir folder_;
  std::string output_;
};

TEST_F(DaemonTest, ChecksConfigurationAndPolicyWithLineAndColumn) {
  EXPECT_EQ(Check("socket: \"/run/x.sock\""), 0) << output_;
  EXPECT_EQ(Check("socket: 7"), 2);
  EXPECT_THAT(output_, HasSubstr("config.textproto:1:"));
  EXPECT_EQ(Check("socket: \"/run/x.sock\"\nnonsense: 1"), 2);
  EXPECT_THAT(output_, HasSubstr("config.textproto:2:"));
  EXPECT_EQ(Check("", "rule { name: \"x\"\n  effect: MAYBE }"), 2);
  EXPECT_THAT(output_, HasSubstr("policy.textproto:2:"));
}

TEST_F(DaemonTest, S13RefusesTctisThatRunPrograms) {
  EXPECT_EQ(Check("backend { name: \"tpm\" tpm2 { tcti: \"cmd:sh -c id\" } }"), 2);
  EXPECT_THAT(output_, HasSubstr("tcti: must begin with"));
}

TEST_F(DaemonTest, S14RefusesFilesThatOthersMayWrite) {
  ASSERT_EQ(Check(""), 0) << output_;
  ASSERT_EQ(chmod(folder_.File("config.textproto").c_str(), 0666), 0);
  EXPECT_NE(test::Run({"daemon/ddskeyd", "--check", "--config", folder_.File("config.textproto")}, &output_), 0);
  EXPECT_THAT(output_, HasSubstr("chmod"));
  ASSERT_EQ(chmod(folder_.File("config.textproto").c_str(), 0600), 0);
  ASSERT_EQ(chmod(folder_.File("policy.textproto").c_str(), 0622), 0);
  EXPECT_NE(test::Run({"daemon/ddskeyd", "--check", "--config", folder_.File("config.textproto")}, &output_), 0);
}

TEST_F(DaemonTest, WrongArgumentsDoNothing) {
  EXPECT_EQ(test::Run({"daemon/ddskeyd", "--chekc"}, &output_), 2);
  EXPECT_EQ(test::Run({"daemon/ddskeyd", "--config", folder_.File("absent")}, &output_), 1);
  EXPECT_THAT(output_, HasSubstr("absent"));
  EXPECT_EQ(test::Run({"daemon/ddskeyd", "--help"}, &output_), 0);
  EXPECT_EQ(test::Run({"daemon/ddskeyd", "--version"}, &output_), 0);
}

TEST_F(DaemonTest, EndsInOrderOnSigtermAndSigint) {
  TestDaemon daemon;
  EXPECT_EQ(daemon.Stop(), 0);
  struct stat info = {};
  EXPECT_NE(stat(daemon.socket().c_str(), &info), 0) << "its socket is gone";
  daemon.Start();
  daemon.process().Signal(SIGINT);
  EXPECT_EQ(daemon.process().Wait(), 0);
}

TEST_F(DaemonTest, ASecondDaemonOnTheSameStoreIsRefused) {
  TestDaemon daemon;
  EXPECT_EQ(test::Run({"daemon/ddskeyd", "--config", daemon.dir().File("config.textproto")}, &output_), 1);
  EXPECT_THAT(output_, HasSubstr("keystore"));
  daemon.Status();
}

TEST_F(DaemonTest, AnswersCallsThatComeAsItStarts) {
  TestDaemon daemon;
  std::atomic<bool> done = false;
  std::vector<std::thread> impatient;
  for (int i = 0; i < 4; ++i) {
    impatient.emplace_back([&] {
      SocketAdminClient admin(daemon.admin_socket());
      while (!done) (void)admin.GetStatus({});
    });
  }
  for (int i = 0; i < 20; ++i) {
    daemon.Kill();
    // Ends the test if the daemon ends.
    daemon.Start();
  }
  done = true;
  for (std::thread& thread : impatient) thread.join();
  EXPECT_GT(daemon.Status().administration_server().connections(), 0u);
}

TEST_F(DaemonTest, IsNotDumpable) {
  TestDaemon daemon;
  // The kernel gives the files of a process that is not dumpable to root.
  const std::string limits = test::ReadFile("/proc/" + std::to_string(daemon.process().pid()) + "/limits");
  const size_t at = limits.find("Max core file size");
  ASSERT_NE(at, std::string::npos);
  EXPECT_THAT(limits.substr(at, 60), HasSubstr(" 0 "));
}

TEST_F(DaemonTest, ServesWhileItsTpmIsAbsentAndSaysSo) {
  TestDaemon daemon(TestDaemon::WithTpm("swtpm:path=" + folder_.File("no-tpm.sock")));
  EXPECT_TRUE(test::WaitFor([&] { return !daemon.Status().backends(0).healthy(); }));
  EXPECT_FALSE(daemon.Status().backends(0).problem().empty());
}

}  // namespace
}  // namespace ddskey
