#include "client/doctor/trusted_path.h"

#include <gtest/gtest.h>

#include "client/doctor/fake_host.h"
#include "client/doctor/finding_matchers.h"

namespace ddskey::doctor {
namespace {

constexpr char kPath[] = "/etc/ddskeyd/policy.textproto";

FakeHost Good() {
  FakeHost host;
  host.Add("/etc", FileKind::kFolder, 0755);
  host.Add("/etc/ddskeyd", FileKind::kFolder, 0755);
  host.Add(kPath, FileKind::kRegular, 0644);
  host.AddUser("ddskeyd", 990);
  return host;
}

TEST(TrustedPathTest, S14TakesAFileThatIsRootsAlone) {
  Findings findings;
  EXPECT_TRUE(CheckTrustedPath(Good(), kPath, 990, "policy", findings));
  EXPECT_TRUE(findings.all().empty());
}

TEST(TrustedPathTest, S14TakesAFileOfTheDaemon) {
  FakeHost host = Good();
  host.files[kPath].facts.owner = 990;
  Findings findings;
  EXPECT_TRUE(CheckTrustedPath(host, kPath, DaemonUser(host), "policy", findings));
}

TEST(TrustedPathTest, S14FindsAFileThatOthersMayWriteOrOwn) {
  FakeHost host = Good();
  host.files[kPath].facts.mode = 0664;
  host.files[kPath].facts.owner = 1000;
  Findings findings;
  EXPECT_FALSE(CheckTrustedPath(host, kPath, 990, "policy", findings));
  EXPECT_THAT(findings, Has(Level::kProblem, "policy.mode", "chmod go-w /etc/ddskeyd/policy.textproto"));
  EXPECT_THAT(findings, Has(Level::kProblem, "policy.owner", "chown root:root /etc/ddskeyd/policy.textproto"));
}

TEST(TrustedPathTest, S14FindsAFolderInWhichOthersCouldReplaceIt) {
  FakeHost host = Good();
  host.files["/etc/ddskeyd"].facts.mode = 0777;
  Findings findings;
  EXPECT_FALSE(CheckTrustedPath(host, kPath, 990, "policy", findings));
  EXPECT_THAT(findings, Has(Level::kProblem, "policy.mode", "chmod go-w /etc/ddskeyd"));
  // In a sticky folder others can only add.
  host.files["/etc/ddskeyd"].facts.mode = 01777;
  Findings sticky;
  EXPECT_TRUE(CheckTrustedPath(host, kPath, 990, "policy", sticky));
}

TEST(TrustedPathTest, S14LooksAlsoAtWhatALinkLeadsTo) {
  FakeHost host = Good();
  host.Add(kPath, FileKind::kLink, 0777);
  host.links[kPath] = "/home/robot/policy.textproto";
  host.Add("/home/robot", FileKind::kFolder, 0755);
  host.files["/home/robot"].facts.owner = 1000;
  Findings findings;
  EXPECT_FALSE(CheckTrustedPath(host, kPath, 990, "policy", findings));
  EXPECT_THAT(findings, Has(Level::kProblem, "policy.owner", "chown root:root /home/robot"));
}

}  // namespace
}  // namespace ddskey::doctor
