// ddskeyctl setup and run with the real daemon: from an empty folder to two applications that meet.
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <signal.h>
#include <sys/stat.h>

#include <filesystem>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "client/socket_admin_client.h"
#include "test/support/ddsperf.h"
#include "test/support/process.h"
#include "test/support/sanitizer.h"
#include "test/support/swtpm.h"
#include "test/support/temp_dir.h"

namespace ddskey {
namespace {

using ::ddskey::test::Ddsperf;
using ::ddskey::test::Process;
using ::ddskey::test::ReadFile;
using ::ddskey::test::WaitFor;
using ::testing::HasSubstr;
using ::testing::Not;

// Participants find each other on loopback, which has no multicast.
constexpr char kLoopback[] =
    R"(<CycloneDDS><Domain id="7"><General><Interfaces><NetworkInterface name="lo" multicast="false"/></Interfaces><AllowMulticast>false</AllowMulticast></General><Discovery><ParticipantIndex>auto</ParticipantIndex><MaxAutoParticipantIndex>9</MaxAutoParticipantIndex><Peers><Peer address="127.0.0.1"/></Peers></Discovery></Domain></CycloneDDS>)";

// A host of which there is nothing but a configuration that says where the sockets are.
class SetupTest : public ::testing::Test {
 protected:
  SetupTest() {
    std::filesystem::permissions(dir_.path(), std::filesystem::perms(0755));
    std::filesystem::create_directory(settings_);
    std::filesystem::permissions(settings_, std::filesystem::perms(0755));
    WriteSetting("ddskeyd.textproto", "# Ours.\nsocket: \"" + dir_.File("service.sock") + "\"\nadmin_socket: \"" +
                                          dir_.File("admin.sock") + "\"\nstate_directory: \"" + dir_.File("state") +
                                          "\"\nruntime_directory: \"" + dir_.File("run") + "\"\npolicy_file: \"" +
                                          settings_ + "/policy.textproto\"\nlog { target: \"stderr\" }\n");
  }

  void WriteSetting(const std::string& name, const std::string& content) const {
    std::filesystem::permissions(dir_.Write("settings/" + name, content), std::filesystem::perms(0644));
  }
  std::string Setting(const std::string& name) const { return ReadFile(settings_ + "/" + name); }

  void StartDaemon() {
    Process::Options options;
    options.output = dir_.File("log");
    daemon_ = Process::Start({"daemon/ddskeyd", "--config", settings_ + "/ddskeyd.textproto"}, options);
    SocketAdminClient admin(dir_.File("admin.sock"));
    ASSERT_TRUE(WaitFor([&] { return admin.GetStatus({}).ok() || !daemon_->Running(); })) << ReadFile(dir_.File("log"));
  }

  // Tool runs ddskeyctl and returns its exit status; what it printed is in output_.
  int Tool(std::vector<std::string> words) {
    words.insert(words.begin(), "client/cli/ddskeyctl");
    return test::Run(words, &output_);
  }
  // RunSetup runs the command without questions.
  int RunSetup(std::vector<std::string> options) {
    options.insert(options.begin(), {"setup", "--yes", "--etc", settings_, "--socket", dir_.File("admin.sock")});
    return Tool(options);
  }

  // Tree is all files of the settings with their content, and when they were changed.
  std::map<std::string, std::string> Tree() const {
    std::map<std::string, std::string> tree;
    for (const auto& entry : std::filesystem::recursive_directory_iterator(settings_)) {
      if (!entry.is_regular_file()) continue;
      struct stat about = {};
      stat(entry.path().c_str(), &about);
      tree[entry.path()] = std::to_string(about.st_mtim.tv_sec) + "." + std::to_string(about.st_mtim.tv_nsec) + " " +
                           ReadFile(entry.path());
    }
    return tree;
  }

  // Application starts ddsperf as an identity.
  std::unique_ptr<Ddsperf> Application(const std::string& identity, const std::vector<std::string>& arguments) const {
    Process::Options options;
    options.environment = test::SanitizerEnvironment();
    options.environment["DDSKEY_SOCKET"] = dir_.File("service.sock");
    return Ddsperf::StartBy(
        {"client/cli/ddskeyctl", "run", "--etc", settings_, "--identity", identity, "--cyclonedds", kLoopback, "--"},
        arguments, options);
  }

  const test::TempDir dir_;
  const std::string settings_ = dir_.File("settings");
  std::unique_ptr<Process> daemon_;
  std::string output_;
};

TEST_F(SetupTest, TakesAnEmptyHostToTwoApplicationsThatMeetWithKeysInATpm) {
  const test::Swtpm tpm;
  const std::vector<std::string> wishes = {"--backend",   tpm.tcti(),   "--identity",
                                           "talker=root", "--identity", "listener=root"};
  // There is no service manager: it says what to do, and goes on afterwards.
  EXPECT_EQ(RunSetup(wishes), 1) << output_;
  EXPECT_THAT(output_, HasSubstr("start ddskeyd"));
  EXPECT_THAT(Setting("ddskeyd.textproto"), HasSubstr("# Ours.\n"));
  EXPECT_THAT(Setting("ddskeyd.textproto.before-setup"), Not(HasSubstr("backend")));
  StartDaemon();
  ASSERT_EQ(RunSetup(wishes), 0) << output_;
  EXPECT_THAT(output_, HasSubstr("ddskeyctl run --identity talker"));
  const auto before = Tree();
  ASSERT_EQ(RunSetup(wishes), 0) << output_;
  EXPECT_THAT(output_, HasSubstr("Nothing is to be changed."));
  EXPECT_EQ(Tree(), before);
  const auto listener = Application("listener", {"sub"});
  const auto talker = Application("talker", {"pub", "100Hz"});
  EXPECT_TRUE(listener->WaitForData(10)) << listener->Output() << talker->Output() << ReadFile(dir_.File("log"));
  SocketAdminClient admin(dir_.File("admin.sock"));
  const auto keys = admin.ListKeys({});
  ASSERT_TRUE(keys.ok());
  ASSERT_EQ(keys->keys_size(), 2);
  EXPECT_EQ(keys->keys(0).backend(), "tpm");
}

TEST_F(SetupTest, WaitsForCasElsewhereAndGoesOnWithTheirAnswers) {
  std::filesystem::permissions(dir_.Write("passphrase", "correct horse\n"), std::filesystem::perms(0600));
  const std::vector<std::string> passphrase = {"--passphrase-file", dir_.File("passphrase")};
  const auto authority = [&](std::vector<std::string> words) {
    words.insert(words.begin(), "ca");
    words.insert(words.end(), passphrase.begin(), passphrase.end());
    return Tool(words);
  };
  ASSERT_EQ(authority({"init", dir_.File("ca")}), 0) << output_;
  const std::vector<std::string> wishes = {"--backend",        "software",
                                           "--identity",       "talker=root",
                                           "--identity-ca",    dir_.File("ca/identity_ca.pem"),
                                           "--permissions-ca", dir_.File("ca/permissions_ca.pem")};
  EXPECT_EQ(RunSetup(wishes), 1) << output_;
  StartDaemon();
  EXPECT_EQ(RunSetup(wishes), 0) << output_;
  EXPECT_THAT(output_, HasSubstr("have signed"));
  const std::string requests = settings_ + "/requests/";
  ASSERT_EQ(authority({"sign", dir_.File("ca"), "--yes", "--request", requests + "talker.csr", "--out",
                       requests + "talker.pem"}),
            0)
      << output_;
  for (const std::string document : {"governance", "talker.permissions"}) {
    ASSERT_EQ(authority({"sign", dir_.File("ca"), "--document", requests + document + ".xml", "--out",
                         requests + document + ".p7s"}),
              0)
        << output_;
  }
  ASSERT_EQ(RunSetup({"--identity", "talker=root"}), 0) << output_;
  EXPECT_THAT(output_, HasSubstr("ddskeyctl run --identity talker"));
  EXPECT_EQ(Setting("applications/talker/certificate.pem"), Setting("requests/talker.pem"));
  // No CA was made here.
  EXPECT_FALSE(std::filesystem::exists(settings_ + "/ca"));
}

TEST_F(SetupTest, GoesOnWhereverItWasKilled) {
  EXPECT_EQ(RunSetup({"--backend", "software", "--identity", "talker=root"}), 1) << output_;
  StartDaemon();
  const std::vector<std::string> command = {
      "client/cli/ddskeyctl",  "setup",      "--yes",      "--etc", settings_, "--socket",
      dir_.File("admin.sock"), "--identity", "talker=root"};
  int runs = 0;
  std::optional<int> status;
  while (status != 0 && runs < 30) {
    Process::Options options;
    options.output = dir_.File("output-" + std::to_string(++runs));
    const auto tool = Process::Start(command, options);
    // It dies in the second thing that it does.
    const auto second = [&] {
      const std::string output = tool->Output();
      const size_t first = output.find("\n- ");
      return first != std::string::npos && output.find("\n- ", first + 1) != std::string::npos;
    };
    WaitFor([&] { return second() || !tool->Running(); });
    tool->Signal(SIGKILL);
    status = tool->Wait();
  }
  EXPECT_GT(runs, 3);
  EXPECT_EQ(status, 0) << ReadFile(dir_.File("output-" + std::to_string(runs)));
  ASSERT_EQ(RunSetup({"--identity", "talker=root"}), 0) << output_;
  EXPECT_THAT(output_, HasSubstr("Nothing is to be changed."));
}

}  // namespace
}  // namespace ddskey
