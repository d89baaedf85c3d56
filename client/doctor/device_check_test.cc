#include "client/doctor/device_check.h"

#include <gtest/gtest.h>

#include "client/doctor/fake_host.h"
#include "client/doctor/finding_matchers.h"

namespace ddskey::doctor {
namespace {

constexpr char kDevice[] = "/dev/tpmrm0";
constexpr gid_t kTss = 114;

FakeHost Good() {
  FakeHost host;
  host.AddUser("ddskeyd", 990, {kTss});
  host.Add(kDevice, FileKind::kDevice, 0660);
  host.files[kDevice].facts.group = kTss;
  host.programs["tpm2_getcap"] = {
      .exit_status = 0,
      .output = "  inLockout:                 0\nTPM2_PT_LOCKOUT_COUNTER: 0x0\nTPM2_PT_MAX_AUTH_FAIL: 0x20\n"};
  return host;
}

v1::Config WithTpm() {
  v1::Config config;
  v1::Backend& backend = *config.add_backend();
  backend.set_name("tpm");
  backend.mutable_tpm2()->set_storage_root_name("000b");
  return config;
}

Findings Of(const FakeHost& host, const v1::Config& config) {
  Findings findings;
  CheckDevices(host, config, findings);
  return findings;
}

TEST(DeviceCheckTest, FindsNothingWrongWithAGoodTpm) { EXPECT_THAT(Of(Good(), WithTpm()), AllAreOk()); }

TEST(DeviceCheckTest, FindsATpmThatIsNotThere) {
  FakeHost host = Good();
  host.files.erase(kDevice);
  EXPECT_THAT(Of(host, WithTpm()), Has(Level::kProblem, "tpm.device", "firmware"));
}

TEST(DeviceCheckTest, RunsNothingOnWhatIsNoTpm) {
  FakeHost host = Good();
  v1::Config config = WithTpm();
  std::string& tcti = *config.mutable_backend(0)->mutable_tpm2()->mutable_tcti();
  host.Add("/etc/shadow", FileKind::kRegular, 0640);
  host.Add("/dev/sda", FileKind::kDevice, 0660);
  host.Add("/dev/tpm7", FileKind::kRegular, 0660);
  host.links["/dev/tpmrm1"] = "/etc/shadow";
  host.links["/dev/tpm"] = "/dev/sda";
  for (const char* path : {"/etc/shadow", "/dev/sda", "/dev/tpm7", "/dev/tpmrm1", "/dev/tpm"}) {
    tcti = std::string("device:") + path;
    EXPECT_THAT(Of(host, config), Has(Level::kProblem, "tpm.device", "tcti: \"device:/dev/tpmrm0\"")) << path;
  }
  tcti = "device:/dev/tpm8";
  EXPECT_THAT(Of(host, config), Has(Level::kProblem, "tpm.device", "firmware"));
  EXPECT_TRUE(host.ran.empty());
}

TEST(DeviceCheckTest, AsksTheTpmThatALinkLeadsTo) {
  FakeHost host = Good();
  host.links["/dev/my-tpm"] = kDevice;
  v1::Config config = WithTpm();
  config.mutable_backend(0)->mutable_tpm2()->set_tcti("device:/dev/my-tpm");
  EXPECT_THAT(Of(host, config), AllAreOk());
  ASSERT_EQ(host.ran.size(), 1);
  EXPECT_EQ(host.ran.front(),
            (std::vector<std::string>{"tpm2_getcap", "--tcti", "device:/dev/tpmrm0", "properties-variable"}));
}

TEST(DeviceCheckTest, FindsADaemonThatMayNotUseTheTpm) {
  FakeHost host = Good();
  host.AddUser("ddskeyd", 990);
  EXPECT_THAT(Of(host, WithTpm()), Has(Level::kProblem, "tpm.permission", "usermod -aG tss ddskeyd"));
  host.files[kDevice].facts = {.kind = FileKind::kDevice, .owner = 0, .group = 0, .mode = 0600};
  EXPECT_THAT(Of(host, WithTpm()), Has(Level::kProblem, "tpm.permission", "apt install tpm-udev"));
}

TEST(DeviceCheckTest, WarnsOfATpmThatIsEverybodys) {
  FakeHost host = Good();
  host.files[kDevice].facts.mode = 0666;
  EXPECT_THAT(Of(host, WithTpm()), Has(Level::kWarning, "tpm.permission", "chmod 0660 /dev/tpmrm0"));
}

TEST(DeviceCheckTest, TellsATpmThatHasCountedFromOneThatIsLocked) {
  FakeHost host = Good();
  std::string& output = host.programs["tpm2_getcap"].output;
  output = "  inLockout:  0\nTPM2_PT_LOCKOUT_COUNTER: 0x3\n";
  EXPECT_THAT(Of(host, WithTpm()), Has(Level::kWarning, "tpm.lockout", "tpm2_dictionarylockout"));
  output = "  inLockout:  1\nTPM2_PT_LOCKOUT_COUNTER: 0x20\nTPM2_PT_MAX_AUTH_FAIL: 0x20\n";
  EXPECT_THAT(Of(host, WithTpm()), Has(Level::kProblem, "tpm.lockout", "--clear-lockout"));
  host.programs.clear();
  EXPECT_THAT(Of(host, WithTpm()), AllAreOk()) << "without tpm2-tools";
}

TEST(DeviceCheckTest, WarnsOfAStorageRootThatIsTrustedOnFirstUse) {
  v1::Config config = WithTpm();
  config.mutable_backend(0)->mutable_tpm2()->clear_storage_root_name();
  EXPECT_THAT(Of(Good(), config), Has(Level::kWarning, "tpm.storage-root", "storage_root_name"));
}

TEST(DeviceCheckTest, LooksForNoDeviceBehindABroker) {
  v1::Config config = WithTpm();
  config.mutable_backend(0)->mutable_tpm2()->set_tcti("tabrmd:");
  EXPECT_THAT(Of(FakeHost(), config), AllAreOk());
}

TEST(DeviceCheckTest, FindsTokensWithoutHelperOrModule) {
  v1::Config config;
  v1::Pkcs11Backend& token = *config.add_backend()->mutable_pkcs11();
  token.set_helper_socket("/run/ddskeyd-pkcs11/hsm.sock");
  FakeHost host;
  EXPECT_THAT(Of(host, config), Has(Level::kProblem, "token.helper", "systemctl enable --now ddskeyd-pkcs11@"));
  host.Add("/run/ddskeyd-pkcs11/hsm.sock", FileKind::kSocket, 0600);
  EXPECT_THAT(Of(host, config), AllAreOk());
  token.clear_helper_socket();
  token.set_module("/usr/lib/hsm.so");
  EXPECT_THAT(Of(host, config), Has(Level::kProblem, "token.module"));
  host.Add("/usr/lib/hsm.so", FileKind::kRegular, 0646);
  EXPECT_THAT(Of(host, config), Has(Level::kProblem, "token.module.mode", "chmod go-w /usr/lib/hsm.so"));
  token.set_same_user(true);
  EXPECT_THAT(Of(host, config), Has(Level::kWarning, "token.user", "docs/keys.md"));
}

}  // namespace
}  // namespace ddskey::doctor
