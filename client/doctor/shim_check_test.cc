#include "client/doctor/shim_check.h"

#include <gtest/gtest.h>

#include "absl/strings/str_cat.h"
#include "client/doctor/fake_host.h"
#include "client/doctor/finding_matchers.h"

namespace ddskey::doctor {
namespace {

constexpr char kFolder[] = "/usr/lib/triplet";
constexpr char kPlugin[] = "/usr/lib/triplet/ddskey/libdds_security_auth.so";
constexpr char kModule[] = "/usr/lib/triplet/pkcs11/libddskey_pkcs11.so";
constexpr char kRegistration[] = "/usr/share/p11-kit/modules/ddskey.module";
constexpr char kOptIn[] = "/etc/ld.so.conf.d/000-ddskey.conf";

FakeHost Good() {
  FakeHost host;
  host.Add(kPlugin, FileKind::kRegular, 0644);
  host.Add("/usr/lib/triplet/libddsc.so.0debian", FileKind::kLink, 0777);
  host.Add("/usr/lib/triplet/libddsc.so.0.10.2", FileKind::kRegular, 0644);
  host.Add(kModule, FileKind::kRegular, 0644);
  host.Add(kRegistration, FileKind::kRegular, 0644);
  return host;
}

Findings Of(const FakeHost& host) {
  Findings findings;
  CheckShim(host, kFolder, findings);
  return findings;
}

std::string TextOf(const Findings& findings, const std::string& check) {
  for (const Finding& finding : findings.all()) {
    if (finding.check == check) return finding.text;
  }
  return "";
}

TEST(ShimCheckTest, FindsNothingWrongWithAGoodInstallation) { EXPECT_THAT(Of(Good()), AllAreOk()); }

TEST(ShimCheckTest, FindsAPluginThatIsNotThereOrDoesNotLoad) {
  FakeHost host = Good();
  host.loads[kPlugin] = absl::FailedPreconditionError("libnghttp2.so.14: cannot open shared object file");
  EXPECT_THAT(Of(host), Has(Level::kProblem, "shim.loads", "apt install --reinstall libddskey-cyclonedds"));
  host.files.erase(kPlugin);
  EXPECT_THAT(Of(host), Has(Level::kWarning, "shim.installed", "apt install ./libddskey-cyclonedds_*.deb"));
}

TEST(ShimCheckTest, S14LoadsNothingThatOthersMayWrite) {
  FakeHost host = Good();
  host.files[kPlugin].facts.mode = 0666;
  host.loads[kPlugin] = absl::InternalError("it was loaded");
  EXPECT_THAT(Of(host), Has(Level::kProblem, "shim.mode", "chmod go-w"));
  EXPECT_EQ(TextOf(Of(host), "shim.loads"), "");
}

TEST(ShimCheckTest, TellsAnotherCycloneFromNone) {
  FakeHost host = Good();
  host.files.erase("/usr/lib/triplet/libddsc.so.0.10.2");
  EXPECT_THAT(Of(host), Has(Level::kWarning, "shim.cyclonedds", "apt install"));
  host.Add("/usr/lib/triplet/libddsc.so.11.0.1", FileKind::kRegular, 0644);
  EXPECT_THAT(Of(host), Has(Level::kProblem, "shim.cyclonedds", "apt install"));
}

TEST(ShimCheckTest, SaysWhetherEveryApplicationUsesThePlugin) {
  FakeHost host = Good();
  EXPECT_THAT(TextOf(Of(host), "shim.machine-wide"), ::testing::HasSubstr("ddskeyctl run"));
  host.Add(kOptIn, FileKind::kRegular, 0644, "# ddskey\n/usr/lib/triplet/ddskey\n");
  EXPECT_THAT(TextOf(Of(host), "shim.machine-wide"), ::testing::HasSubstr(kOptIn));
  host.programs["/sbin/ldconfig"] = {.exit_status = 0, .output = "libc.so.6 => /usr/lib/triplet/libc.so.6\n"};
  EXPECT_THAT(Of(host), Has(Level::kProblem, "shim.machine-wide", "ldconfig")) << "the loader's cache is older";
  host.programs["/sbin/ldconfig"].output += absl::StrCat("libdds_security_auth.so => ", kPlugin, "\n");
  EXPECT_THAT(Of(host), AllAreOk());
}

TEST(ShimCheckTest, FindsAPkcs11ModuleThatDoesNotLoadOrIsNotRegistered) {
  FakeHost host = Good();
  host.files.erase(kRegistration);
  EXPECT_THAT(Of(host), Has(Level::kWarning, "pkcs11.registered", "libddskey-pkcs11"));
  host.loads[kModule] = absl::FailedPreconditionError("no");
  EXPECT_THAT(Of(host), Has(Level::kProblem, "pkcs11.loads", "libddskey-pkcs11"));
  host.files.erase(kModule);
  EXPECT_THAT(Of(host), AllAreOk());
}

}  // namespace
}  // namespace ddskey::doctor
