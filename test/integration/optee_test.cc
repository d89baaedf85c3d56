// Handshakes with keys in the secure world of the emulated Arm machine that `./dev test-optee` starts.
#include <gtest/gtest.h>
#include <stdlib.h>
#include <unistd.h>

#include <chrono>
#include <cstdio>
#include <filesystem>
#include <string>
#include <vector>

#include "test/support/ddsperf.h"
#include "test/support/fault_bed.h"
#include "test/support/handshake_traffic.h"
#include "test/support/optee_machine.h"
#include "test/support/pki.h"
#include "test/support/pki_cyclone.h"
#include "test/support/process.h"
#include "test/support/temp_dir.h"
#include "test/support/test_daemon.h"

namespace ddskey {
namespace {

using std::chrono::milliseconds;
using std::chrono::seconds;
using std::chrono::steady_clock;
using test::CycloneOptions;
using test::Ddsperf;
using test::OpteeMachine;
using test::TestDaemon;
using test::WaitFor;

constexpr int kDomain = 7;

std::string Seconds(steady_clock::duration time) {
  char text[32];
  std::snprintf(text, sizeof text, "%.1f s",
                static_cast<double>(std::chrono::duration_cast<milliseconds>(time).count()) / 1000);
  return text;
}

class OpteeTest : public test::FaultBed {
 protected:
  OpteeTest() {
    machine_.EmptyToken(0);
    setenv("CREDENTIALS_DIRECTORY", credentials_.path().c_str(), 1);
    GivePin(machine_.pin());
  }
  ~OpteeTest() override { unsetenv("CREDENTIALS_DIRECTORY"); }

  void GivePin(const std::string& pin) const {
    std::filesystem::permissions(credentials_.Write("ddskeyd.pkcs11-pin", pin),
                                 std::filesystem::perms::owner_read | std::filesystem::perms::owner_write);
  }

  FaultyDevice SecureWorld() const {
    const std::string helper = std::filesystem::absolute("daemon/backend/pkcs11/helper/ddskeyd-pkcs11");
    return {"optee", "pkcs11",
            "backend { name: \"optee\" pkcs11 { module: \"" + machine_.module() + "\" token_label: \"" +
                OpteeMachine::Label(0) + "\" environment: \"" + machine_.environment() + "\" helper: \"" + helper +
                "\" same_user: true sessions: 2 call_timeout_ms: 10000" +
                (geteuid() == 0 ? " helper_user: \"nobody\"" : "") + " } }",
            seconds(20)};
  }

  const OpteeMachine machine_;
  const test::TempDir credentials_;
};

TEST_F(OpteeTest, ApplicationsExchangeEncryptedDataAndGoOnThroughAPowerCut) {
  const test::TempDir folder;
  test::CyclonePki pki(folder.path());
  TestDaemon::Options options;
  options.backends = SecureWorld().backend;
  TestDaemon daemon(options);
  const auto start = [&](const std::string& name, const std::vector<std::string>& arguments) {
    CycloneOptions cyclone = CycloneOptions::For(pki, name, kDomain);
    cyclone.private_key = "ddskey:" + name;
    cyclone.library = std::filesystem::absolute("plugin_shim/cyclonedds/libddskey_cyclonedds.so");
    test::Process::Options process;
    process.environment["DDSKEY_SOCKET"] = daemon.socket();
    return Ddsperf::Start(arguments, CycloneConfig(cyclone), process);
  };
  pki.AddCertified("listener", daemon.Enroll("listener", pki.identity_ca(), test::Named("listener")));
  pki.AddCertified("newcomer", daemon.Enroll("newcomer", pki.identity_ca(), test::Named("newcomer")));
  pki.AddCertified("talker", daemon.Enroll("talker", pki.identity_ca(), test::Named("talker"), "rsa-2048"));

  const auto began = steady_clock::now();
  const auto listener = start("listener", {"sub"});
  const auto talker = start("talker", {"pub", "100Hz", "size", "1k"});
  ASSERT_TRUE(listener->WaitForData()) << listener->Output() << talker->Output();
  machine_.Note("two Cyclone DDS applications, start to first data", Seconds(steady_clock::now() - began));
  EXPECT_GE(daemon.Status().backends(0).signatures(), 2U);

  machine_.CutPower();
  EXPECT_TRUE(listener->WaitForData(listener->Samples() + 200)) << "sessions do not need the token";
  const auto newcomer = start("newcomer", {"sub"});
  machine_.PowerOn();
  EXPECT_TRUE(newcomer->WaitForData(10, seconds(60))) << newcomer->Output() << daemon.Log();
  EXPECT_TRUE(listener->WaitForData(listener->Samples() + 10)) << listener->Output();
}

TEST_F(OpteeTest, AHandshakeTakesASignatureOfEachSide) {
  TestDaemon::Options options;
  options.backends = SecureWorld().backend;
  TestDaemon daemon(options);
  test::HandshakeTraffic traffic(daemon, ca_, "optee", 1);
  ASSERT_TRUE(traffic.Next().has_value()) << traffic.wrong();
  constexpr int kHandshakes = 10;
  const uint64_t before = daemon.Status().backends(0).signatures();
  const auto began = steady_clock::now();
  for (int i = 0; i < kHandshakes; ++i) ASSERT_TRUE(traffic.Next().has_value()) << traffic.wrong();
  machine_.Note("a handshake, EC P-256 in the token on both sides",
                Seconds((steady_clock::now() - began) / kHandshakes));
  EXPECT_NEAR(static_cast<double>(daemon.Status().backends(0).signatures() - before), 2 * kHandshakes, 2);
  EXPECT_EQ(traffic.wrong(), "");
}

TEST_F(OpteeTest, WithoutTheSupplicantSignaturesGoOnAndATokenThatHangsHoldsUpNobodyElse) {
  Begin(SecureWorld(), 1);
  machine_.KillSupplicant();
  // The secure world has the keys in its memory.
  ExpectGoesOn();
  // But it finds none anew, and says nothing: it is the deadline that ends the calls.
  daemon_->Kill();
  daemon_->Start();
  ExpectAway("");
  machine_.StartSupplicant();
  machine_.Note("first handshake after tee-supplicant's return", Seconds(ExpectBack()));
}

TEST_F(OpteeTest, KeysOutliveAPowerCutUnderTraffic) {
  Begin(SecureWorld(), 1);
  machine_.CutPower();
  ExpectAway("");
  const auto on = steady_clock::now();
  machine_.PowerOn();
  const auto up = steady_clock::now();
  machine_.Note("start of the machine after a power cut, under traffic", Seconds(up - on));
  machine_.Note("first handshake after that", Seconds(ExpectBack()));
}

TEST_F(OpteeTest, AWrongPinIsSentOnce) {
  GivePin("not the PIN");
  TestDaemon::Options options;
  options.backends = SecureWorld().backend;
  TestDaemon daemon(options);
  ASSERT_TRUE(WaitFor([&] { return daemon.Status().backends(0).problem().find("PIN") != std::string::npos; }))
      << daemon.Status().backends(0).problem();
  // Six wrong ones lock this token.
  for (int i = 0; i < 8; ++i) {
    v1::CreateKeyRequest create;
    create.set_name("key-" + std::to_string(i));
    EXPECT_FALSE(daemon.admin().CreateKey(create).ok());
  }
  machine_.CutPower();
  machine_.PowerOn();
  GivePin(machine_.pin());
  daemon.Kill();
  daemon.Start();
  EXPECT_TRUE(WaitFor([&] { return daemon.Status().backends(0).healthy(); }, seconds(60)))
      << daemon.Status().backends(0).problem();
}

}  // namespace
}  // namespace ddskey
