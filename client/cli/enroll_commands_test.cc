// The commands about attestations, with a daemon that answers from a script and attestations that are forged well.

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>
#include <vector>

#include "absl/strings/escaping.h"
#include "client/cli/fake_admin_client.h"
#include "test/support/forged_tpm.h"
#include "test/support/pki.h"
#include "test/support/temp_dir.h"

namespace ddskey::cli {
namespace {

using ::testing::AllOf;
using ::testing::ElementsAre;
using ::testing::HasSubstr;

class EnrollCommandsTest : public ::testing::Test {
 protected:
  EnrollCommandsTest() {
    script_.attested.mutable_bundle()->CopyFrom(tpm_.Sign(tpm_.Good()));
    roots_ = dir_.Write("roots", tpm_.roots());
  }

  static std::string Nonce() { return absl::BytesToHexString(std::string(32, 'n')); }

  // Run runs a command with the options that every one of them needs, and `more`.
  Outcome Run(std::vector<std::string> words, const std::vector<std::string>& more = {}) {
    words.insert(words.end(), {"--nonce", Nonce()});
    words.insert(words.end(), more.begin(), more.end());
    return RunWith(script_, words);
  }
  std::string Bundle() { return dir_.Write("bundle", tpm_.Sign(tpm_.Good()).SerializeAsString()); }

  const test::ForgedTpm tpm_;
  test::TempDir dir_;
  std::string roots_;
  Script script_;
};

TEST_F(EnrollCommandsTest, S11EnrollMakesAKeyOnceAndAnAttestationEachTime) {
  script_.missing = true;
  const std::vector<std::string> more = {"--subject", "/O=Lab/CN=talker", "--pcr", "7", "--out", dir_.File("bundle")};
  const Outcome outcome = Run({"enroll", "talker"}, more);
  EXPECT_EQ(outcome.code, 0) << outcome.err;
  EXPECT_EQ(script_.create.name(), "talker");
  EXPECT_EQ(script_.attest.nonce(), std::string(32, 'n'));
  EXPECT_EQ(script_.attest.subject(1).value(), "talker");
  EXPECT_THAT(script_.attest.pcrs(), ElementsAre(7));
  EXPECT_EQ(test::ReadFile(dir_.File("bundle")), script_.attested.bundle().SerializeAsString());
  EXPECT_THAT(outcome.out, HasSubstr("enroll finish talker"));
  script_.missing = false;
  script_.create.Clear();
  EXPECT_EQ(Run({"enroll", "talker"}, more).code, 1) << "the file is there";
  EXPECT_EQ(script_.create.name(), "");
}

TEST_F(EnrollCommandsTest, S11EnrollOfACertifiedIdentityIsARenewal) {
  script_.key.set_name("talker");
  script_.key.mutable_certificate()->set_subject("CN=talker,O=Lab");
  EXPECT_EQ(Run({"enroll", "talker"}, {"--subject", "/CN=x", "--out", dir_.File("bundle")}).code, 2);
  const Outcome outcome = Run({"enroll", "talker"}, {"--algorithm", "rsa-2048", "--out", dir_.File("bundle")});
  EXPECT_EQ(outcome.code, 0) << outcome.err;
  EXPECT_EQ(script_.renew.algorithm(), "rsa-2048");
  EXPECT_EQ(script_.attest.subject_size(), 0);
}

TEST_F(EnrollCommandsTest, RefusesWhatIsNoNonceRegisterOrCertificate) {
  EXPECT_EQ(RunWith(script_, {"enroll", "talker", "--nonce", "12", "--subject", "/CN=x", "--out", "x"}).code, 2);
  for (const char* pcr : {"24", "-1", "x", ""}) {
    EXPECT_EQ(Run({"attest", "talker"}, {"--pcr", pcr, "--out", dir_.File("x")}).code, 2) << pcr;
  }
  const std::string file = dir_.Write("ek", "no certificate");
  EXPECT_EQ(Run({"attest", "talker"}, {"--ek-certificate", file, "--out", dir_.File("x")}).code, 1);
  EXPECT_EQ(Run({"attest", "talker"}, {"--out", ""}).code, 2);
  EXPECT_EQ(script_.calls, 0);
}

TEST_F(EnrollCommandsTest, TheFirstOfTwoWordsMayBeACommandItself) {
  EXPECT_EQ(Run({"attest", "talker"}, {"--out", dir_.File("a")}).code, 0);
  EXPECT_EQ(script_.attest.name(), "talker");
  EXPECT_EQ(Run({"attest"}, {"--out", dir_.File("b"), "--", "verify"}).code, 0);
  EXPECT_EQ(script_.attest.name(), "verify");
  EXPECT_THAT(RunWith(script_, {"attest", "verify", "--help"}).out, HasSubstr("UNBOUND"));
  EXPECT_THAT(RunWith(script_, {"attest", "--help"}).out, HasSubstr("ddskeyctl attest KEY"));
}

TEST_F(EnrollCommandsTest, S11VerifyHasAnExitStatusForUnbound) {
  // Forged, as anybody can.
  const Outcome outcome = Run({"attest", "verify", Bundle()}, {"--ek-roots", roots_, "--csr", dir_.File("csr")});
  EXPECT_EQ(outcome.code, 4) << outcome.err;
  EXPECT_THAT(outcome.out, AllOf(HasSubstr("UNBOUND\n"), HasSubstr("CN=talker,O=Lab"), HasSubstr("no list")));
  EXPECT_THAT(test::ReadFile(dir_.File("csr")), HasSubstr("-----BEGIN CERTIFICATE REQUEST-----"));
  EXPECT_EQ(script_.calls, 0) << "no daemon is asked";
  const std::string foreign = dir_.Write("foreign", test::TestCa::Root("other").certificate());
  EXPECT_EQ(Run({"attest", "verify", Bundle()}, {"--ek-roots", foreign}).code, 1);
  EXPECT_EQ(Run({"attest", "verify", roots_}, {"--ek-roots", roots_}).code, 1);
  EXPECT_EQ(Run({"attest", "verify", Bundle()}).code, 2) << "without roots";
}

}  // namespace
}  // namespace ddskey::cli
