#include "client/doctor/configuration.h"

#include <gtest/gtest.h>

#include "client/doctor/fake_host.h"
#include "client/doctor/finding_matchers.h"

namespace ddskey::doctor {
namespace {

constexpr char kPath[] = "/etc/ddskeyd/ddskeyd.textproto";
constexpr char kDaemon[] = "/usr/sbin/ddskeyd";

FakeHost With(const std::string& text) {
  FakeHost host;
  host.Add(kPath, FileKind::kRegular, 0644, text);
  return host;
}

TEST(ConfigurationTest, FillsInWhatTheFileDoesNotSay) {
  Findings findings;
  const v1::Config config = ReadConfiguration(With("socket: \"/run/other.sock\""), kPath, kDaemon, findings);
  EXPECT_EQ(config.socket(), "/run/other.sock");
  EXPECT_EQ(config.policy_file(), "/etc/ddskeyd/policy.textproto");
  EXPECT_EQ(config.state_directory(), "/var/lib/ddskeyd");
  ASSERT_EQ(config.backend_size(), 1);
  EXPECT_TRUE(config.backend(0).has_software());
  EXPECT_THAT(findings, AllAreOk());
}

TEST(ConfigurationTest, NeedsNoFile) {
  Findings findings;
  EXPECT_EQ(ReadConfiguration(FakeHost(), kPath, kDaemon, findings).admin_socket(), "/run/ddskeyd/admin.sock");
  EXPECT_THAT(findings, AllAreOk());
}

TEST(ConfigurationTest, SaysThatItMayNotRead) {
  FakeHost host = With("");
  host.files[kPath].facts.mode = 0600;
  host.self = 1000;
  Findings findings;
  ReadConfiguration(host, kPath, kDaemon, findings);
  EXPECT_THAT(findings, Has(Level::kWarning, "config.file", "sudo ddskeyctl doctor"));
}

TEST(ConfigurationTest, ReportsWhatTheDaemonSaysOfIt) {
  FakeHost host = With("socket: 7");
  host.programs[kDaemon] = {.exit_status = 2, .output = "ddskeyd: f:1:9: expected a string\nf:2:1: and more\n"};
  Findings findings;
  ReadConfiguration(host, kPath, kDaemon, findings);
  EXPECT_THAT(findings, Has(Level::kProblem, "config.check", "/usr/sbin/ddskeyd --check"));
  ASSERT_EQ(findings.all().size(), 2);
  EXPECT_EQ(findings.all()[0].text, "f:1:9: expected a string");
  EXPECT_EQ(host.ran.front(), (std::vector<std::string>{kDaemon, "--check", "--config", kPath}));
}

TEST(ConfigurationTest, FindsMistakesOfSyntaxWithoutTheDaemon) {
  Findings findings;
  ReadConfiguration(With("\nsocket: 7"), kPath, kDaemon, findings);
  ASSERT_THAT(findings, Has(Level::kProblem, "config.parse", "systemctl restart ddskeyd"));
  EXPECT_THAT(findings.all()[0].text, ::testing::StartsWith("/etc/ddskeyd/ddskeyd.textproto:2:9: "));
}

TEST(ConfigurationTest, S14FindsAFileThatOthersMayWrite) {
  FakeHost host = With("");
  host.files[kPath].facts.mode = 0666;
  Findings findings;
  ReadConfiguration(host, kPath, kDaemon, findings);
  EXPECT_THAT(findings, Has(Level::kProblem, "config.mode", "chmod go-w"));
  EXPECT_TRUE(host.ran.empty());
}

TEST(ConfigurationTest, S14TakesNothingFromAFileThatIsNotRootsAlone) {
  FakeHost host = With(R"(socket: "/tmp/s" backend { name: "b" tpm2 { tcti: "device:/tmp/victim" } })");
  host.programs[kDaemon] = {.exit_status = 0, .output = ""};
  host.AddUser("ddskeyd", 990);
  for (const uid_t owner : {1000, 990}) {
    host.files[kPath].facts.owner = owner;
    Findings findings;
    const v1::Config config = ReadConfiguration(host, kPath, kDaemon, findings);
    EXPECT_THAT(findings, Has(Level::kProblem, "config.owner", "chown root:root"));
    EXPECT_THAT(findings, Has(Level::kWarning, "config.file", "repeat"));
    EXPECT_EQ(config.socket(), "/run/ddskeyd/ddskeyd.sock");
    ASSERT_EQ(config.backend_size(), 1);
    EXPECT_TRUE(config.backend(0).has_software());
    EXPECT_TRUE(host.ran.empty());
  }
}

}  // namespace
}  // namespace ddskey::doctor
