#include "client/doctor/machine_check.h"

#include <gtest/gtest.h>

#include "client/doctor/fake_host.h"
#include "client/doctor/finding_matchers.h"

namespace ddskey::doctor {
namespace {

constexpr char kSocket[] = "/run/ddskeyd/ddskeyd.sock";
constexpr char kAdmin[] = "/run/ddskeyd/admin.sock";
constexpr char kState[] = "/var/lib/ddskeyd";
constexpr char kStore[] = "/var/lib/ddskeyd/keystore.db";

v1::Config Configured() {
  v1::Config config;
  config.set_socket(kSocket);
  config.set_admin_socket(kAdmin);
  config.set_state_directory(kState);
  return config;
}

FakeHost Good() {
  FakeHost host;
  host.AddUser("ddskeyd", 990);
  host.Add(kSocket, FileKind::kSocket, 0666);
  host.Add(kAdmin, FileKind::kSocket, 0600);
  host.Add(kState, FileKind::kFolder, 0700);
  host.Add(kStore, FileKind::kRegular, 0600);
  host.files[kState].facts.owner = host.files[kStore].facts.owner = 990;
  return host;
}

Findings Of(const FakeHost& host) {
  Findings findings;
  CheckSockets(host, Configured(), findings);
  CheckState(host, Configured(), findings);
  CheckMachine(host, findings);
  return findings;
}

TEST(MachineCheckTest, FindsNothingWrongWithAGoodMachine) { EXPECT_THAT(Of(Good()), AllAreOk()); }

TEST(MachineCheckTest, FindsSocketsThatAreNotThere) {
  FakeHost host = Good();
  host.files.erase(kSocket);
  host.Add(kAdmin, FileKind::kRegular, 0600);
  EXPECT_THAT(Of(host), Has(Level::kProblem, "socket.exists", "systemctl enable --now ddskeyd.socket"));
  EXPECT_THAT(Of(host), Has(Level::kProblem, "admin-socket.exists", "rm /run/ddskeyd/admin.sock"));
}

TEST(MachineCheckTest, S10FindsASocketOfSomebodyElse) {
  FakeHost host = Good();
  host.files[kSocket].facts.owner = 1000;
  EXPECT_THAT(Of(host), Has(Level::kProblem, "socket.owner", "rm /run/ddskeyd/ddskeyd.sock"));
}

TEST(MachineCheckTest, FindsSocketsWithTheWrongMode) {
  FakeHost host = Good();
  host.files[kSocket].facts.mode = 0600;
  host.files[kAdmin].facts.mode = 0666;
  EXPECT_THAT(Of(host), Has(Level::kWarning, "socket.mode", "ddskeyd.socket"));
  EXPECT_THAT(Of(host), Has(Level::kProblem, "admin-socket.mode", "chmod 0600 /run/ddskeyd/admin.sock"));
}

TEST(MachineCheckTest, FindsStateThatOthersCanReadOrOwn) {
  FakeHost host = Good();
  host.files[kStore].facts.mode = 0640;
  host.files[kState].facts.owner = 1000;
  EXPECT_THAT(Of(host), Has(Level::kProblem, "state.mode", "chmod go-rwx /var/lib/ddskeyd/keystore.db"));
  EXPECT_THAT(Of(host), Has(Level::kProblem, "state.owner", "chown ddskeyd:ddskeyd /var/lib/ddskeyd"));
  host.files.erase(kState);
  EXPECT_THAT(Of(host), Has(Level::kProblem, "state.exists", "systemctl restart ddskeyd"));
}

TEST(MachineCheckTest, TellsLittleSpaceFromTooLittle) {
  FakeHost host = Good();
  host.free_space = uint64_t{32} << 20;
  EXPECT_THAT(Of(host), Has(Level::kWarning, "state.space", "journalctl --vacuum-size"));
  host.free_space = uint64_t{1} << 20;
  EXPECT_THAT(Of(host), Has(Level::kProblem, "state.space", "journalctl --vacuum-size"));
}

TEST(MachineCheckTest, WarnsOfAClockThatNothingKeepsRight) {
  FakeHost host = Good();
  host.clock.synchronised = false;
  EXPECT_THAT(Of(host), Has(Level::kWarning, "clock.synchronised", "timedatectl set-ntp true"));
  // A kernel that does not say is no reason to worry.
  host.clock.synchronised = std::nullopt;
  EXPECT_THAT(Of(host), AllAreOk());
}

TEST(MachineCheckTest, FindsAMachineWithoutEntropy) {
  FakeHost host = Good();
  host.entropy = false;
  EXPECT_THAT(Of(host), Has(Level::kProblem, "entropy", "rng-tools"));
}

}  // namespace
}  // namespace ddskey::doctor
