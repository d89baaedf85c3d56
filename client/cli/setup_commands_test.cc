#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/stat.h>

#include <filesystem>
#include <string>
#include <vector>

#include "client/cli/fake_admin_client.h"
#include "test/support/temp_dir.h"

namespace ddskey::cli {
namespace {

using ::testing::AllOf;
using ::testing::HasSubstr;

// A daemon that is not there, and a folder for settings.
class SetupCommandTest : public ::testing::Test {
 protected:
  SetupCommandTest() {
    script_.status = absl::UnavailableError("no daemon");
    std::filesystem::create_directory(settings_);
    std::filesystem::permissions(settings_, std::filesystem::perms(0755));
  }

  Outcome RunSetup(std::vector<std::string> options, const std::optional<std::string>& answer = std::nullopt) {
    options.insert(options.begin(),
                   {"setup", "--etc", settings_, "--socket", dir_.File("admin.sock"), "--backend", "software"});
    return RunWith(script_, options, answer);
  }
  bool SettingsAreEmpty() const { return std::filesystem::is_empty(settings_); }

  const test::TempDir dir_;
  const std::string settings_ = dir_.File("settings");
  Script script_;
};

TEST_F(SetupCommandTest, RefusesWordsThatAreWrong) {
  const std::vector<std::vector<std::string>> wrong = {{"--identity", "talker"},
                                                       {"--identity", "../talker=root"},
                                                       {"--identity", "=root"},
                                                       {"--identity", "a=root", "--identity", "a=0"},
                                                       {"--identity-ca", "/dev/null"},
                                                       {"--domains", "5-4"},
                                                       {"--domains", "233"},
                                                       {"--days", "0"},
                                                       {"--for", "connext"},
                                                       {"--algorithm", "rsa-1024"},
                                                       {"--json"}};
  for (std::vector<std::string> options : wrong) {
    options.push_back("--yes");
    const Outcome outcome = RunSetup(options);
    EXPECT_EQ(outcome.code, 2) << options[0] << " " << outcome.err;
  }
  EXPECT_EQ(RunWith(script_, {"setup", "--yes", "--etc", "etc"}).code, 2);
  EXPECT_EQ(RunWith(script_, {"setup", "--yes", "--replace-backends"}).code, 2);
  EXPECT_TRUE(SettingsAreEmpty());
}

TEST_F(SetupCommandTest, RefusesAUserWhoIsNotThere) {
  const Outcome outcome = RunSetup({"--yes", "--identity", "talker=no-such-user"});
  EXPECT_EQ(outcome.code, 1);
  EXPECT_THAT(outcome.err, HasSubstr("there is no user \"no-such-user\" for the identity talker"));
  EXPECT_TRUE(SettingsAreEmpty());
}

TEST_F(SetupCommandTest, DoesNothingUnaskedWhereNobodyCanAnswer) {
  const Outcome outcome = RunSetup({"--identity", "talker=root"});
  EXPECT_EQ(outcome.code, 2);
  EXPECT_THAT(outcome.err, HasSubstr("--yes"));
  EXPECT_TRUE(SettingsAreEmpty());
}

TEST_F(SetupCommandTest, SaysWhatItWouldDoAndDoesNothing) {
  const Outcome outcome = RunSetup({"--dry-run", "--identity", "talker=root"});
  EXPECT_EQ(outcome.code, 0) << outcome.err;
  EXPECT_THAT(outcome.out, AllOf(HasSubstr("1. let keys be held by software"), HasSubstr("+   key: \"talker\""),
                                 HasSubstr("start the daemon"), HasSubstr("make the key talker"),
                                 HasSubstr("certify talker"), HasSubstr("applications/talker")));
  EXPECT_TRUE(SettingsAreEmpty());
}

TEST_F(SetupCommandTest, AsksWhoGetsAnIdentityAndWhetherToGoOn) {
  const Outcome outcome = RunSetup({}, "nonsense=no-such-user\ntalker=root\n\nn\n");
  EXPECT_EQ(outcome.code, 1);
  EXPECT_THAT(outcome.err, AllOf(HasSubstr("there is no user"), HasSubstr("Go on?"), HasSubstr("nothing was changed")));
  EXPECT_THAT(outcome.out, HasSubstr("make the key talker"));
  EXPECT_TRUE(SettingsAreEmpty());
}

TEST_F(SetupCommandTest, S14RefusesSettingsThatOthersCanChange) {
  std::filesystem::permissions(settings_, std::filesystem::perms(0775));
  const Outcome writable = RunSetup({"--yes"});
  EXPECT_EQ(writable.code, 1);
  EXPECT_THAT(writable.err, HasSubstr("can be written to by others"));
  std::filesystem::permissions(settings_, std::filesystem::perms(0755));
  std::filesystem::create_symlink("/etc/hostname", settings_ + "/ddskeyd.textproto");
  const Outcome link = RunSetup({"--yes"});
  EXPECT_EQ(link.code, 1);
  EXPECT_THAT(link.err, HasSubstr("ddskeyd.textproto is a symbolic link"));
}

TEST_F(SetupCommandTest, LeavesWhatASecondRunGoesOnFromWhenTheDaemonCannotBeStarted) {
  const Outcome outcome = RunSetup({"--yes", "--identity", "talker=root"});
  EXPECT_EQ(outcome.code, 1);
  EXPECT_THAT(outcome.err, HasSubstr("start ddskeyd"));
  EXPECT_THAT(test::ReadFile(settings_ + "/ddskeyd.textproto"), HasSubstr("software {}"));
  EXPECT_THAT(test::ReadFile(settings_ + "/policy.textproto"), HasSubstr("talker"));
  const Outcome again = RunSetup({"--dry-run", "--identity", "talker=root"});
  EXPECT_THAT(again.out, HasSubstr("1. start the daemon"));
}

// A folder with the plugin, and one with an identity.
class RunCommandTest : public ::testing::Test {
 protected:
  RunCommandTest() {
    unsetenv("LD_LIBRARY_PATH");
    unsetenv("CYCLONEDDS_URI");
    dir_.Write("libdds_security_auth.so", "");
    std::filesystem::create_directories(dir_.File("applications/talker"));
    for (const char* file : {"cyclonedds.xml", "identity_ca.pem", "certificate.pem", "permissions_ca.pem",
                             "governance.p7s", "permissions.p7s"}) {
      dir_.Write(std::string("applications/talker/") + file, "");
    }
  }

  Outcome RunTool(std::vector<std::string> options) {
    options.insert(options.begin(), {"run", "--drop-in", dir_.path(), "--etc", dir_.path()});
    return RunWith(script_, options);
  }

  const test::TempDir dir_;
  Script script_;
};

TEST_F(RunCommandTest, PrintsTheEnvironment) {
  const std::string library_path = "LD_LIBRARY_PATH=" + dir_.path().string();
  EXPECT_EQ(RunTool({"--print"}).out, library_path + "\n");
  const std::string uri = "file://" + dir_.path().string() + "/applications/talker/cyclonedds.xml";
  EXPECT_EQ(RunTool({"--print", "--identity", "talker"}).out, library_path + " CYCLONEDDS_URI=" + uri + "\n");
  setenv("LD_LIBRARY_PATH", "/opt/lib", 1);
  EXPECT_EQ(RunTool({"--print", "--identity", "talker", "--cyclonedds", "file:///c"}).out,
            library_path + ":/opt/lib CYCLONEDDS_URI=file:///c," + uri + "\n");
}

TEST_F(RunCommandTest, RefusesToHideAConfiguration) {
  setenv("CYCLONEDDS_URI", "file:///mine.xml", 1);
  const Outcome outcome = RunTool({"--identity", "talker", "--", "true"});
  EXPECT_EQ(outcome.code, 1);
  EXPECT_THAT(outcome.err, AllOf(HasSubstr("set already"), HasSubstr("file:///mine.xml")));
}

TEST_F(RunCommandTest, NamesTheFileThatIsMissing) {
  std::filesystem::remove(dir_.File("applications/talker/permissions.p7s"));
  const Outcome outcome = RunTool({"--print", "--identity", "talker"});
  EXPECT_EQ(outcome.code, 1);
  EXPECT_THAT(outcome.err, AllOf(HasSubstr("talker/permissions.p7s"), HasSubstr("ddskeyctl setup --identity")));
  std::filesystem::remove(dir_.File("libdds_security_auth.so"));
  EXPECT_THAT(RunTool({"--print"}).err, HasSubstr("install the package libddskey-cyclonedds"));
}

TEST_F(RunCommandTest, EndsAsAShellWhereThereIsNoProgram) {
  EXPECT_EQ(RunTool({"--", "no-such-program"}).code, 127);
  EXPECT_EQ(RunTool({"--", dir_.Write("text", "")}).code, 126);
  EXPECT_EQ(RunTool({"--", dir_.path()}).code, 126);
}

TEST_F(RunCommandTest, RefusesWordsThatAreWrong) {
  EXPECT_EQ(RunTool({}).code, 2);
  EXPECT_EQ(RunTool({"--print", "--", "true"}).code, 2);
  EXPECT_EQ(RunTool({"--print", "--identity", "../talker"}).code, 2);
  EXPECT_EQ(RunTool({"--print", "--cyclonedds", "x"}).code, 2);
  EXPECT_EQ(RunWith(script_, {"run", "--print", "--drop-in", "here"}).code, 2);
  // What comes behind -- is the command's.
  EXPECT_EQ(RunTool({"--", "no-such-program", "--json", "--help", "-x"}).code, 127);
}

}  // namespace
}  // namespace ddskey::cli
