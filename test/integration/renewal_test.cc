// The life of an identity while unmodified DDS applications use it, and its move to another machine.

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/stat.h>

#include <cstdio>
#include <filesystem>
#include <memory>
#include <string>

#include "test/support/ddsperf.h"
#include "test/support/pki.h"
#include "test/support/pki_cyclone.h"
#include "test/support/process.h"
#include "test/support/sanitizer.h"
#include "test/support/status_matchers.h"
#include "test/support/swtpm.h"
#include "test/support/temp_dir.h"
#include "test/support/test_daemon.h"

namespace ddskey {
namespace {

using ::ddskey::test::CycloneOptions;
using ::ddskey::test::Ddsperf;
using ::ddskey::test::Named;
using ::ddskey::test::TestDaemon;
using ::testing::HasSubstr;
using ::testing::Not;

constexpr int kDomain = 6;

// NextKeyOf is the DER SubjectPublicKeyInfo of the next generation.
std::string NextKeyOf(const v1::Key& key) {
  v1::Key next;
  for (const v1::KeyGeneration& generation : key.generations()) {
    if (generation.state() == "next") next.set_public_key_pem(generation.public_key_pem());
  }
  return TestDaemon::PublicKeyOf(next);
}

// Renew renews an identity in two calls.
absl::StatusOr<v1::Key> Renew(TestDaemon& daemon, const test::TestCa& ca, const std::string& name,
                              const std::string& algorithm, const std::string& backend = "") {
  v1::RenewIdentityRequest renew;
  renew.set_backend(backend);
  renew.set_name(name);
  renew.set_algorithm(algorithm);
  const auto renewal = daemon.admin().RenewIdentity(renew);
  if (!renewal.ok()) return renewal.status();
  v1::CompleteRenewalRequest complete;
  complete.set_name(name);
  complete.set_certificate_chain(ca.Issue(NextKeyOf(renewal->key()), Named(name)));
  const auto completed = daemon.admin().CompleteRenewal(complete);
  if (!completed.ok()) return completed.status();
  return completed->key();
}

v1::Key KeyOf(TestDaemon& daemon, const std::string& name) {
  v1::GetKeyRequest request;
  request.set_name(name);
  return daemon.admin().GetKey(request)->key();
}

class RenewalTest : public ::testing::Test {
 protected:
  void Enroll(TestDaemon& daemon, const std::string& name) {
    pki_.AddCertified(name, daemon.Enroll(name, pki_.identity_ca(), Named(name)));
  }

  // Start runs ddsperf with a key in the daemon, and the certificate that was installed first in its QoS.
  std::unique_ptr<Ddsperf> Start(const TestDaemon& daemon, const std::string& name,
                                 const std::vector<std::string>& arguments) const {
    CycloneOptions options = CycloneOptions::For(pki_, name, kDomain);
    options.private_key = "ddskey:" + name;
    options.library = std::filesystem::absolute("plugin_shim/cyclonedds/libddskey_cyclonedds.so");
    test::Process::Options reaching;
    reaching.environment = test::SanitizerEnvironment();
    reaching.environment["DDSKEY_SOCKET"] = daemon.socket();
    return Ddsperf::Start(arguments, CycloneConfig(options), reaching);
  }

  // Lost is how many samples a "sub" says that it has lost.
  static uint64_t Lost(const Ddsperf& listener) {
    const std::string output = listener.Output();
    uint64_t lost = 0;
    for (size_t at = output.find(" lost "); at != std::string::npos; at = output.find(" lost ", at + 1)) {
      lost += std::stoull(output.substr(at + 6));
    }
    return lost;
  }

  int Ctl(TestDaemon& daemon, std::vector<std::string> arguments) {
    arguments.insert(arguments.begin(), {"client/cli/ddskeyctl", "--socket", daemon.admin_socket()});
    return test::Run(arguments, &output_);
  }

  const test::TempDir folder_;
  test::CyclonePki pki_{folder_.path()};
  std::string output_;
};

TEST_F(RenewalTest, LosesNoSampleBetweenMatchedParticipantsAndNewcomersMeetTheNewKey) {
  TestDaemon daemon;
  for (const char* name : {"listener", "talker", "newcomer", "last"}) Enroll(daemon, name);
  const auto listener = Start(daemon, "listener", {"sub"});
  const auto talker = Start(daemon, "talker", {"pub", "200Hz", "size", "100"});
  ASSERT_TRUE(listener->WaitForData(10)) << listener->Output() << talker->Output();

  ASSERT_OK_AND_ASSIGN(const v1::Key renewed, Renew(daemon, pki_.identity_ca(), "talker", "rsa-2048"));
  EXPECT_EQ(renewed.generation(), 2U);
  EXPECT_EQ(renewed.generations(0).participants(), 1U) << "the talker began with it";
  ASSERT_OK(Renew(daemon, pki_.identity_ca(), "listener", "ec-p256"));
  // A newcomer, itself with a renewed key and the certificate of before in its QoS, meets both with their new keys.
  ASSERT_OK(Renew(daemon, pki_.identity_ca(), "newcomer", "rsa-2048"));
  const auto newcomer = Start(daemon, "newcomer", {"sub"});
  EXPECT_TRUE(newcomer->WaitForData(10)) << newcomer->Output() << daemon.Log();
  EXPECT_EQ(KeyOf(daemon, "newcomer").generations(1).participants(), 1U);
  EXPECT_EQ(KeyOf(daemon, "talker").generations(0).participants(), 1U);

  v1::RollBackIdentityRequest back;
  back.set_name("talker");
  ASSERT_OK(daemon.admin().RollBackIdentity(back));
  const auto last = Start(daemon, "last", {"sub"});
  EXPECT_TRUE(last->WaitForData(10)) << last->Output() << daemon.Log();
  EXPECT_TRUE(listener->WaitForData(listener->Samples() + 200)) << listener->Output();
  EXPECT_EQ(Lost(*listener), 0U) << listener->Output();
  std::printf("%llu samples, %llu lost, over 4 renewals and a rollback\n",
              static_cast<unsigned long long>(listener->Samples()), static_cast<unsigned long long>(Lost(*listener)));
  EXPECT_THAT(daemon.Log(), Not(HasSubstr("refused")));

  // In an emergency one command is enough.
  v1::SetIdentityStateRequest disable;
  disable.set_name("talker");
  disable.set_state(v1::IDENTITY_STATE_DISABLED);
  ASSERT_OK(daemon.admin().SetIdentityState(disable));
  EXPECT_TRUE(test::WaitFor([&] { return talker->Output().find("may not go on") != std::string::npos; }))
      << talker->Output();
  const auto refused = Start(daemon, "talker", {"pub", "1Hz"});
  EXPECT_TRUE(test::WaitFor([&] { return !refused->process().Running(); })) << refused->Output();
}

TEST_F(RenewalTest, ABackupRestoresOnAnotherMachineAndSaysWhichKeysNeedANewEnrolment) {
  const test::Swtpm tpm;
  const test::Swtpm other_tpm;
  const test::TestCa ca = test::TestCa::Root("identity CA");
  const std::string backup = folder_.File("backup");
  const std::string secret = folder_.File("software.secret");
  {
    TestDaemon::Options options = TestDaemon::WithTpm(tpm.tcti());
    options.backends += R"( backend { name: "software" software {} })";
    TestDaemon daemon(options);
    daemon.Enroll("in-tpm", ca, Named("in-tpm"));
    v1::CreateKeyRequest create;
    create.set_name("in-software");
    create.set_backend("software");
    ASSERT_OK_AND_ASSIGN(const auto created, daemon.admin().CreateKey(create));
    v1::InstallCertificateRequest install;
    install.set_key_name("in-software");
    install.set_certificate_chain(ca.Issue(TestDaemon::PublicKeyOf(created.key()), Named("in-software")));
    install.set_anchors(ca.certificate());
    ASSERT_OK(daemon.admin().InstallCertificate(install));
    ASSERT_EQ(Ctl(daemon, {"store", "check"}), 0) << output_;
    ASSERT_EQ(Ctl(daemon, {"backup", backup}), 0) << output_;
    std::filesystem::copy_file(daemon.dir().File("state/software.secret"), secret);
    ASSERT_EQ(chmod(secret.c_str(), 0600), 0);
  }
  TestDaemon::Options options = TestDaemon::WithTpm(other_tpm.tcti());
  options.backends += R"( backend { name: "software" software { secret_file: ")" + secret + R"(" } })";
  TestDaemon daemon(options);
  ASSERT_EQ(Ctl(daemon, {"restore", backup}), 0) << output_;
  EXPECT_THAT(output_, HasSubstr("in-software  restored; works"));
  EXPECT_THAT(output_, HasSubstr("in-tpm       restored; needs a new key  ddskeyctl identity renew in-tpm"));
  EXPECT_EQ(Ctl(daemon, {"store", "check"}), 1) << output_;
  // Under the root of another TPM new keys are made when the operator has named it; elsewhere at once.
  ASSERT_OK(Renew(daemon, ca, "in-tpm", "", "software"));
  ASSERT_EQ(Ctl(daemon, {"restore", backup}), 0) << output_;
  EXPECT_THAT(output_, HasSubstr("left as it is"));
  v1::CheckIdentityRequest check;
  check.set_name("in-tpm");
  ASSERT_OK_AND_ASSIGN(const auto checked, daemon.admin().CheckIdentity(check));
  ASSERT_EQ(checked.checks_size(), 2);
  EXPECT_FALSE(checked.checks(0).good());
  EXPECT_TRUE(checked.checks(1).good()) << checked.checks(1).problem();
}

}  // namespace
}  // namespace ddskey
