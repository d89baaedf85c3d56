// Keys that are bound to registers of a TPM, through an update of the firmware, as an operator lives with them.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>
#include <vector>

#include "test/support/pki.h"
#include "test/support/process.h"
#include "test/support/status_matchers.h"
#include "test/support/swtpm.h"
#include "test/support/temp_dir.h"
#include "test/support/test_daemon.h"
#include "test/support/test_participant.h"

namespace ddskey {
namespace {

using ::ddskey::test::Named;
using ::ddskey::test::TestDaemon;
using ::ddskey::test::TestParticipant;
using ::testing::AllOf;
using ::testing::HasSubstr;
using ::testing::Not;

class TpmRegistersTest : public ::testing::Test {
 protected:
  TpmRegistersTest() {
    EXPECT_EQ(test::Run({"openssl", "genpkey", "-algorithm", "EC", "-pkeyopt", "ec_paramgen_curve:P-256", "-out",
                         folder_.File("authority.key")},
                        &output_),
              0);
    EXPECT_EQ(test::Run({"openssl", "pkey", "-in", folder_.File("authority.key"), "-pubout", "-out",
                         folder_.File("authority.pem")},
                        &output_),
              0);
  }

  int Ctl(TestDaemon& daemon, std::vector<std::string> arguments) {
    arguments.insert(arguments.begin(), {"client/cli/ddskeyctl", "--socket", daemon.admin_socket()});
    return test::Run(arguments, &output_);
  }

  // Meet is a handshake of two participants, in which both keys sign.
  static CallStatus Meet(const TestDaemon& daemon, const std::string& lidar, const std::string& peer, char tag) {
    TestParticipant a(daemon.socket(), "lidar", lidar, tag);
    TestParticipant b(daemon.socket(), "free", peer, static_cast<char>(tag + 10));
    for (TestParticipant* one : {&a, &b}) {
      if (CallStatus status = one->Validate(); !status.ok()) return status;
    }
    return test::Shake(b, a);
  }

  // Update is what a boot with other firmware leaves in the registers.
  void Update(int index) const {
    ASSERT_EQ(
        test::Run({"tpm2_pcrextend", "-T", tpm_.tcti(), std::to_string(index) + ":sha256=" + std::string(64, '2')}), 0);
  }

  // Approve does what the authority does with the values of a machine that is updated: the file it is to be given.
  std::string Approve(TestDaemon& daemon, const std::string& label, const std::string& name) {
    std::string values;
    EXPECT_EQ(test::Run({"tpm2_pcrread", "-T", tpm_.tcti(), "sha256:0,7"}, &values), 0);
    EXPECT_EQ(Ctl(daemon, {"pcr", "approve", "--label", label, "--pcr", "sha256:0,7", "--pcr-values",
                           folder_.Write(name + ".values", values), "--authority-key", folder_.File("authority.key"),
                           "--out", folder_.File(name)}),
              0)
        << output_;
    return folder_.File(name);
  }

  // Certify gives `name` a certificate for the key of `request`, a file with a certification request.
  std::string Certify(const std::string& request, const std::string& file) {
    folder_.Write("ca.pem", ca_.certificate());
    folder_.Write("ca.key", ca_.key().pem());
    EXPECT_EQ(test::Run({"openssl", "x509", "-req", "-in", request, "-CA", folder_.File("ca.pem"), "-CAkey",
                         folder_.File("ca.key"), "-set_serial", "7", "-days", "30", "-out", folder_.File(file)},
                        &output_),
              0)
        << output_;
    return folder_.File(file);
  }

  const test::TempDir folder_;
  const test::Swtpm tpm_;
  const test::TestCa ca_ = test::TestCa::Root("identity CA");
  std::string output_;
};

TEST_F(TpmRegistersTest, AnUpdateOfTheFirmwareStopsABoundKeyUntilItsAuthorityApproves) {
  TestDaemon::Options options = TestDaemon::WithTpm(tpm_.tcti());
  options.backends += R"( backend { name: "software" software {} })";
  TestDaemon daemon(options);
  folder_.Write("ca.pem", ca_.certificate());
  ASSERT_EQ(Ctl(daemon, {"identity", "create", "lidar", "--subject", "/CN=lidar", "--ca", folder_.File("ca.pem"),
                         "--pcr", "sha256:0,7", "--pcr-authority", folder_.File("authority.pem"), "--pcr-label",
                         "fleet", "--out", folder_.File("lidar.csr")}),
            0)
      << output_;
  ASSERT_EQ(Ctl(daemon, {"cert", "install", "lidar", "--certificate", Certify(folder_.File("lidar.csr"), "lidar.pem")}),
            0)
      << output_;
  const std::string certificate = test::ReadFile(folder_.File("lidar.pem"));
  const std::string peer = daemon.Enroll("free", ca_, Named("free"));
  EXPECT_TRUE(Meet(daemon, certificate, peer, 'a').ok());
  ASSERT_EQ(Ctl(daemon, {"status"}), 0) << output_;

  Update(7);
  // Said where it is asked: to the administrator, in the status, to the application, and in the record.
  EXPECT_EQ(Ctl(daemon, {"csr", "lidar", "--subject", "/CN=lidar"}), 1);
  EXPECT_THAT(output_, HasSubstr("PCR 7 (sha256) of the TPM is not as the key needs it"));
  EXPECT_EQ(Ctl(daemon, {"status"}), 1);
  EXPECT_THAT(output_, AllOf(HasSubstr("Backend tpm (tpm2): healthy"),
                             HasSubstr("the key lidar (generation 1) does not sign: PCR 7 (sha256)")));
  EXPECT_EQ(Ctl(daemon, {"key", "show", "lidar"}), 0) << output_;
  EXPECT_THAT(output_, AllOf(HasSubstr("sha256:0,7 of the TPM; 0 approvals for fleet by the authority"),
                             HasSubstr("PCR 7 (sha256)")));
  EXPECT_EQ(Ctl(daemon, {"store", "check"}), 1);
  EXPECT_THAT(output_, HasSubstr("PCR 7 (sha256)"));
  const auto refused = Meet(daemon, certificate, peer, 'b');
  EXPECT_FALSE(refused.ok());
  EXPECT_THAT(refused.message, HasSubstr("PCR 7 (sha256)"));
  EXPECT_TRUE(test::WaitFor([&] { return daemon.Log().find("PCR 7 (sha256)") != std::string::npos; })) << daemon.Log();
  EXPECT_EQ(Ctl(daemon, {"csr", "free", "--subject", "/CN=free"}), 0) << "other keys sign on: " << output_;

  // Approvals that are not for it are refused by name.
  EXPECT_EQ(Ctl(daemon, {"key", "approve-pcr", "lidar", "--approval", Approve(daemon, "other", "other.approval")}), 1);
  EXPECT_THAT(output_, HasSubstr("the label \"other\", not for those with \"fleet\""));
  const std::string approval = Approve(daemon, "fleet", "fleet.approval");
  EXPECT_EQ(Ctl(daemon, {"key", "approve-pcr", "free", "--approval", approval}), 1);
  EXPECT_THAT(output_, HasSubstr("is bound to registers"));
  const std::string text = test::ReadFile(approval);
  EXPECT_EQ(
      Ctl(daemon, {"key", "approve-pcr", "lidar", "--approval", folder_.Write("cut", text.substr(0, text.size() / 2))}),
      1);
  EXPECT_THAT(output_, HasSubstr("is no approval"));

  ASSERT_EQ(Ctl(daemon, {"key", "approve-pcr", "lidar", "--approval", approval}), 0) << output_;
  ASSERT_EQ(Ctl(daemon, {"key", "approve-pcr", "lidar", "--approval", approval}), 0) << "asked again: " << output_;
  EXPECT_EQ(Ctl(daemon, {"status"}), 0) << output_;
  EXPECT_EQ(Ctl(daemon, {"csr", "lidar", "--subject", "/CN=lidar"}), 0) << output_;
  const auto met = Meet(daemon, certificate, peer, 'c');
  EXPECT_TRUE(met.ok()) << met.message;
  EXPECT_EQ(Ctl(daemon, {"status"}), 0) << output_;

  // It is kept, and the next key is bound likewise and has what was approved.
  daemon.Kill();
  daemon.Start();
  EXPECT_EQ(Ctl(daemon, {"identity", "renew", "lidar", "--backend", "software"}), 1);
  EXPECT_THAT(output_, HasSubstr("no registers to bind keys to"));
  ASSERT_EQ(Ctl(daemon, {"identity", "renew", "lidar", "--out", folder_.File("next.csr")}), 0) << output_;
  ASSERT_EQ(Ctl(daemon, {"identity", "renew", "lidar", "--certificate", Certify(folder_.File("next.csr"), "next.pem")}),
            0)
      << output_;
  EXPECT_EQ(Ctl(daemon, {"identity", "show", "lidar"}), 0);
  EXPECT_THAT(output_, HasSubstr("sha256:0,7 of the TPM; 1 approval for fleet"));
  Update(0);
  EXPECT_EQ(Ctl(daemon, {"csr", "lidar", "--subject", "/CN=lidar"}), 1);
  EXPECT_THAT(output_, AllOf(HasSubstr("PCR 0 (sha256)"), Not(HasSubstr("PCR 7"))));
  ASSERT_EQ(Ctl(daemon, {"key", "approve-pcr", "lidar", "--approval", Approve(daemon, "fleet", "second.approval")}), 0)
      << output_;
  EXPECT_EQ(Ctl(daemon, {"csr", "lidar", "--subject", "/CN=lidar"}), 0) << output_;
  ASSERT_EQ(Ctl(daemon, {"identity", "rollback", "lidar"}), 0) << output_;
  EXPECT_EQ(Ctl(daemon, {"csr", "lidar", "--subject", "/CN=lidar"}), 0) << "both keys were approved: " << output_;
  EXPECT_THAT(daemon.Log(), HasSubstr("ApprovePcrs"));
}

TEST_F(TpmRegistersTest, WhatCannotBeBoundIsRefusedByName) {
  TestDaemon::Options options = TestDaemon::WithTpm(tpm_.tcti());
  options.backends += R"( backend { name: "software" software {} })";
  options.policy = R"(
rule { name: "maker" effect: ALLOW caller { uid: 0 } key: "*" operation: [KEY_CREATE, KEY_LIST, STATUS] })";
  TestDaemon daemon(options);
  EXPECT_EQ(Ctl(daemon, {"key", "create", "k", "--pcr", "sha256:0", "--backend", "software"}), 1);
  EXPECT_THAT(output_, HasSubstr("no registers to bind keys to: only a TPM has"));
  EXPECT_EQ(Ctl(daemon, {"key", "create", "k", "--pcr", "sha256:16"}), 2);
  EXPECT_THAT(output_, HasSubstr("protect nothing"));
  EXPECT_EQ(Ctl(daemon, {"key", "create", "k", "--pcr-authority", folder_.File("authority.pem")}), 2);
  EXPECT_EQ(Ctl(daemon, {"key", "create", "k", "--pcr", "sha256:0", "--pcr-authority", folder_.File("authority.key")}),
            1);
  EXPECT_THAT(output_, HasSubstr("private key, which must not leave its owner"));
  EXPECT_EQ(Ctl(daemon, {"key", "list"}), 0);
  EXPECT_THAT(output_, HasSubstr("No keys"));
  ASSERT_EQ(
      Ctl(daemon, {"key", "create", "k", "--pcr", "sha256:0,7", "--pcr-authority", folder_.File("authority.pem")}), 0)
      << output_;
  EXPECT_EQ(Ctl(daemon, {"key", "approve-pcr", "k", "--approval", Approve(daemon, "k", "k.approval")}), 1);
  EXPECT_THAT(output_, HasSubstr("PCR_APPROVE"));
}

}  // namespace
}  // namespace ddskey
