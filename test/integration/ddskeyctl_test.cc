// ddskeyctl with the real daemon, and openssl as the certificate authority.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>
#include <vector>

#include "test/support/pki.h"
#include "test/support/process.h"
#include "test/support/swtpm.h"
#include "test/support/temp_dir.h"
#include "test/support/test_daemon.h"

namespace ddskey {
namespace {

using ::ddskey::test::TestDaemon;
using ::testing::HasSubstr;
using ::testing::Not;

class DdskeyctlTest : public ::testing::Test {
 protected:
  // Ctl runs ddskeyctl and returns its exit status; what it printed is in output_.
  int Ctl(const TestDaemon& daemon, std::vector<std::string> arguments) {
    arguments.insert(arguments.begin(), {"client/cli/ddskeyctl", "--socket", daemon.admin_socket()});
    return test::Run(arguments, &output_);
  }

  // Certify has openssl sign the request of `name` with `ca`, into a file whose path it returns.
  std::string Certify(TestDaemon& daemon, const test::TestCa& ca, const std::string& name) {
    const std::string request = folder_.File(name + ".csr");
    const std::string certificate = folder_.File(name + ".pem");
    EXPECT_EQ(Ctl(daemon, {"csr", name, "--subject", "CN=" + name + ",O=Lab", "--out", request}), 0) << output_;
    EXPECT_EQ(test::Run({"openssl", "req", "-in", request, "-verify", "-noout"}, &output_), 0) << output_;
    folder_.Write("ca.pem", ca.certificate());
    folder_.Write("ca.key", ca.key().pem());
    EXPECT_EQ(test::Run({"openssl", "x509", "-req", "-in", request, "-CA", folder_.File("ca.pem"), "-CAkey",
                         folder_.File("ca.key"), "-set_serial", "7", "-days", "30", "-out", certificate},
                        &output_),
              0)
        << output_;
    return certificate;
  }

  const test::TempDir folder_;
  std::string output_;
};

TEST_F(DdskeyctlTest, MakesCertifiesShowsAndDeletesKeysOfEveryKind) {
  const test::Swtpm tpm;
  const test::TestCa ca = test::TestCa::Root("identity CA");
  TestDaemon::Options options = TestDaemon::WithTpm(tpm.tcti());
  options.backends += R"( backend { name: "software" software {} })";
  TestDaemon daemon(options);
  for (const std::string backend : {"tpm", "software"}) {
    for (const std::string algorithm : {"ec-p256", "rsa-2048"}) {
      const std::string name = backend + "-" + algorithm;
      ASSERT_EQ(Ctl(daemon, {"key", "create", name, "--algorithm", algorithm, "--backend", backend}), 0) << output_;
      const std::string certificate = Certify(daemon, ca, name);
      ASSERT_EQ(Ctl(daemon, {"cert", "install", name, "--certificate", certificate, "--ca", folder_.File("ca.pem")}), 0)
          << output_;
      EXPECT_EQ(Ctl(daemon, {"cert", "show", name}), 0);
      EXPECT_THAT(output_, HasSubstr("CN=" + name + ",O=Lab"));
      EXPECT_EQ(Ctl(daemon, {"cert", "show", name, "--pem"}), 0);
      EXPECT_THAT(test::ReadFile(certificate), HasSubstr(output_.substr(28, 60)));
    }
  }
  EXPECT_EQ(Ctl(daemon, {"--json", "key", "list"}), 0);
  EXPECT_THAT(output_, HasSubstr("\"software-rsa-2048\""));
  EXPECT_EQ(Ctl(daemon, {"status"}), 0);
  EXPECT_THAT(output_, HasSubstr("tpm2"));
  EXPECT_EQ(Ctl(daemon, {"key", "delete", "tpm-ec-p256", "--yes"}), 0) << output_;
  EXPECT_EQ(Ctl(daemon, {"key", "create", "tpm-ec-p256"}), 1) << "a deleted name is taken until it is purged";
  EXPECT_THAT(output_, HasSubstr("--purge"));
  EXPECT_EQ(Ctl(daemon, {"key", "delete", "tpm-ec-p256", "--purge", "--yes"}), 0) << output_;
  EXPECT_EQ(Ctl(daemon, {"key", "create", "tpm-ec-p256"}), 0) << output_;
}

TEST_F(DdskeyctlTest, AWrongCertificateIsRefusedWithTheReason) {
  TestDaemon daemon;
  const test::TestCa ca = test::TestCa::Root("identity CA");
  ASSERT_EQ(Ctl(daemon, {"key", "create", "alice"}), 0) << output_;
  ASSERT_EQ(Ctl(daemon, {"key", "create", "bob"}), 0) << output_;
  const std::string bobs = Certify(daemon, ca, "bob");
  EXPECT_EQ(Ctl(daemon, {"cert", "install", "alice", "--certificate", bobs, "--ca", folder_.File("ca.pem")}), 1);
  EXPECT_THAT(output_, HasSubstr("another key"));
  folder_.Write("foreign.pem", test::TestCa::Root("foreign CA").certificate());
  EXPECT_EQ(Ctl(daemon, {"cert", "install", "bob", "--certificate", bobs, "--ca", folder_.File("foreign.pem")}), 1);
  EXPECT_THAT(output_, HasSubstr("[issuer]"));
  EXPECT_EQ(Ctl(daemon, {"cert", "show", "bob"}), 1);
  EXPECT_EQ(Ctl(daemon, {"key", "show", "carol"}), 1);
  EXPECT_THAT(output_, HasSubstr("carol"));
}

TEST_F(DdskeyctlTest, ADaemonThatIsAwayHasAnExitStatusOfItsOwn) {
  TestDaemon daemon;
  EXPECT_EQ(daemon.Stop(), 0);
  EXPECT_EQ(Ctl(daemon, {"status"}), 3);
  EXPECT_THAT(output_, HasSubstr(daemon.admin_socket()));
  daemon.Start();
  EXPECT_EQ(Ctl(daemon, {"status"}), 0);
}

TEST_F(DdskeyctlTest, KeysSurviveAKilledDaemon) {
  TestDaemon daemon;
  ASSERT_EQ(Ctl(daemon, {"key", "create", "alice"}), 0) << output_;
  daemon.Kill();
  daemon.Start();
  EXPECT_EQ(Ctl(daemon, {"csr", "alice", "--subject", "CN=alice"}), 0) << output_;
  EXPECT_THAT(output_, HasSubstr("BEGIN CERTIFICATE REQUEST"));
  EXPECT_THAT(output_, Not(HasSubstr("PRIVATE")));
}

}  // namespace
}  // namespace ddskey
