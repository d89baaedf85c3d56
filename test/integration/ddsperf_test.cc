// Unmodified DDS applications with their keys in the daemon.
#include "test/support/ddsperf.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <chrono>
#include <filesystem>
#include <memory>
#include <string>

#include "daemon/handshake/participant_data.h"
#include "daemon/trust/certificate.h"
#include "test/support/pki.h"
#include "test/support/pki_cyclone.h"
#include "test/support/process.h"
#include "test/support/sanitizer.h"
#include "test/support/swtpm.h"
#include "test/support/test_daemon.h"

namespace ddskey {
namespace {

using ::ddskey::test::CycloneConfig;
using ::ddskey::test::CycloneOptions;
using ::ddskey::test::Ddsperf;
using ::ddskey::test::Named;
using ::ddskey::test::TestDaemon;
using ::ddskey::test::WaitFor;
using ::testing::HasSubstr;

class DdsperfTest : public ::testing::Test {
 protected:
  // Enroll gives `name` a key in the daemon and the documents of a participant.
  void Enroll(TestDaemon& daemon, const std::string& name, const std::string& algorithm = "ec-p256") {
    pki_.AddCertified(name, daemon.Enroll(name, pki_.identity_ca(), Named(name), algorithm));
  }

  // InCustody is the configuration of a participant whose key is in the daemon.
  std::string InCustody(const std::string& name) const {
    CycloneOptions options = CycloneOptions::For(pki_, name, kDomain);
    options.private_key = "ddskey:" + name;
    options.library = std::filesystem::absolute("plugin_shim/cyclonedds/libddskey_cyclonedds.so");
    return CycloneConfig(options);
  }
  // WithKeyFile is the configuration of a participant with the builtin plugin.
  std::string WithKeyFile(const std::string& name) const {
    return CycloneConfig(CycloneOptions::For(pki_, name, kDomain));
  }
  static test::Process::Options Reaching(const TestDaemon& daemon) { return ReachingSocket(daemon.socket()); }
  static test::Process::Options ReachingSocket(const std::string& socket) {
    test::Process::Options options;
    options.environment = test::SanitizerEnvironment();
    options.environment["DDSKEY_SOCKET"] = socket;
    return options;
  }

  // HashOf is what orders participants: their GUIDs begin with it.
  static Guid HashOf(const std::string& certificate) {
    return AdjustedGuid(Certificate::ParsePem(certificate)->front().subject_der(), Guid());
  }

  static constexpr int kDomain = 5;
  const test::TempDir folder_;
  test::CyclonePki pki_{folder_.path()};
};

TEST_F(DdsperfTest, TwoApplicationsExchangeEncryptedDataWithTpmKeys) {
  const test::Swtpm tpm;
  TestDaemon daemon(TestDaemon::WithTpm(tpm.tcti()));
  Enroll(daemon, "listener");
  Enroll(daemon, "talker", "rsa-2048");
  const auto listener = Ddsperf::Start({"sub"}, InCustody("listener"), Reaching(daemon));
  const auto talker = Ddsperf::Start({"pub", "100Hz", "size", "1k"}, InCustody("talker"), Reaching(daemon));
  EXPECT_TRUE(listener->WaitForData(100)) << listener->Output() << talker->Output();
  EXPECT_EQ(daemon.Status().backends(0).signatures(), 2U);
}

TEST_F(DdsperfTest, MeetsTheBuiltinPluginInBothDirections) {
  TestDaemon daemon;
  Enroll(daemon, "in-custody");
  pki_.AddParticipant("with-file");
  for (const bool custody_talks : {true, false}) {
    const auto listener =
        Ddsperf::Start({"sub"}, custody_talks ? WithKeyFile("with-file") : InCustody("in-custody"), Reaching(daemon));
    const auto talker = Ddsperf::Start(
        {"pub", "100Hz"}, custody_talks ? InCustody("in-custody") : WithKeyFile("with-file"), Reaching(daemon));
    EXPECT_TRUE(listener->WaitForData(10)) << listener->Output() << talker->Output();
  }
}

TEST_F(DdsperfTest, TrafficGoesOnWithoutTheDaemonAndNewcomersMatchWhenItIsBack) {
  TestDaemon daemon;
  for (const char* name : {"listener", "talker", "newcomer"}) Enroll(daemon, name);
  const auto listener = Ddsperf::Start({"sub"}, InCustody("listener"), Reaching(daemon));
  const auto talker = Ddsperf::Start({"pub", "100Hz"}, InCustody("talker"), Reaching(daemon));
  ASSERT_TRUE(listener->WaitForData(10)) << listener->Output() << talker->Output();
  daemon.Kill();
  // A newcomer waits a while for the daemon before it gives up.
  const auto newcomer = Ddsperf::Start({"sub"}, InCustody("newcomer"), Reaching(daemon));
  const uint64_t seen = listener->Samples();
  EXPECT_TRUE(listener->WaitForData(seen + 100)) << listener->Output();
  daemon.Start();
  EXPECT_TRUE(newcomer->WaitForData(10)) << newcomer->Output() << daemon.Log();
  EXPECT_TRUE(listener->WaitForData(listener->Samples() + 10)) << listener->Output();
}

TEST_F(DdsperfTest, WithoutADaemonOneSentenceSaysWhatToDo) {
  TestDaemon daemon;
  Enroll(daemon, "talker");
  const std::string nowhere = folder_.File("nowhere.sock");
  const auto talker = Ddsperf::Start({"pub"}, InCustody("talker"), ReachingSocket(nowhere));
  EXPECT_TRUE(WaitFor([&] { return !talker->process().Running(); })) << talker->Output();
  EXPECT_THAT(talker->Output(), HasSubstr("talker"));
  EXPECT_THAT(talker->Output(), HasSubstr(nowhere));
}

TEST_F(DdsperfTest, AForeignCertificateIsRefusedWithTheReasonInBothLogs) {
  TestDaemon daemon;
  Enroll(daemon, "listener");
  const std::string ours = test::ReadFile(pki_.File("listener.pem"));
  const test::TempDir elsewhere;
  test::CyclonePki foreign(elsewhere.path());
  // Of the two, the one with the lower GUID sends the Request; so that ours sees the certificate, it must be the other.
  std::string name;
  for (int i = 0; name.empty() || HashOf(test::ReadFile(foreign.File(name + ".pem"))) > HashOf(ours); ++i) {
    name = "intruder-" + std::to_string(i);
    foreign.AddParticipant(name);
  }
  CycloneOptions options = CycloneOptions::For(foreign, name, kDomain);
  // It even has documents of the right permissions CA.
  pki_.AddParticipant(name);
  options.permissions_ca = "file:" + pki_.File("permissions_ca.pem");
  options.governance = "file:" + pki_.File("governance.p7s");
  options.permissions = "file:" + pki_.File(name + ".permissions.p7s");
  const auto listener = Ddsperf::Start({"sub"}, InCustody("listener"), Reaching(daemon));
  const auto intruder = Ddsperf::Start({"pub", "100Hz"}, CycloneConfig(options), Reaching(daemon));
  EXPECT_TRUE(WaitFor([&] {
    return daemon.Log().find("[issuer]") != std::string::npos || !listener->process().Running();
  })) << daemon.Log();
  EXPECT_EQ(listener->Samples(), 0U);
  EXPECT_TRUE(WaitFor([&] { return listener->Output().find("[issuer]") != std::string::npos; })) << listener->Output();
  EXPECT_TRUE(listener->process().Running());
}

TEST_F(DdsperfTest, AKeyThePolicyDoesNotGrantFailsWithOneSentence) {
  TestDaemon daemon;
  Enroll(daemon, "talker");
  daemon.SetPolicy(R"(rule { name: "root" effect: ALLOW caller { uid: 0 } key: "*" operation: [STATUS, KEY_LIST] })");
  const auto talker = Ddsperf::Start({"pub"}, InCustody("talker"), Reaching(daemon));
  EXPECT_TRUE(WaitFor([&] { return !talker->process().Running(); })) << talker->Output();
  EXPECT_THAT(talker->Output(), HasSubstr("talker"));
  EXPECT_THAT(talker->Output(), HasSubstr("policy"));
}

}  // namespace
}  // namespace ddskey
