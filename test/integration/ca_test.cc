// ddskeyctl ca, and openssl as a second opinion. None of it needs the daemon.
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/stat.h>

#include <filesystem>
#include <set>
#include <string>
#include <vector>

#include "test/support/ddsperf.h"
#include "test/support/document.h"
#include "test/support/pki.h"
#include "test/support/pki_cyclone.h"
#include "test/support/process.h"
#include "test/support/temp_dir.h"

namespace ddskey {
namespace {

using ::testing::AllOf;
using ::testing::HasSubstr;
using ::testing::Not;

class CaTest : public ::testing::Test {
 protected:
  CaTest() { std::filesystem::permissions(dir_.Write("passphrase", "correct horse\n"), std::filesystem::perms(0600)); }

  // Ca runs a command of the CA and returns its exit status; what it printed is in output_.
  int Ca(const std::string& command, std::vector<std::string> options = {}, bool with_passphrase = true) {
    options.insert(options.begin(), {"client/cli/ddskeyctl", "ca", command, dir_.File("ca")});
    if (with_passphrase) options.insert(options.end(), {"--passphrase-file", dir_.File("passphrase")});
    return test::Run(options, &output_);
  }
  int Openssl(std::vector<std::string> arguments) {
    arguments.insert(arguments.begin(), "openssl");
    return test::Run(arguments, &output_);
  }

  // Request has openssl make a key and a request, with extensions that nobody should copy.
  std::string Request(const std::string& name) {
    EXPECT_EQ(Openssl({"req", "-new", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-keyout",
                       dir_.File(name + ".key"), "-out", dir_.File(name + ".csr"), "-subj", "/O=Lab/CN=" + name,
                       "-addext", "basicConstraints=critical,CA:TRUE", "-addext", "subjectAltName=DNS:evil", "-addext",
                       "keyUsage=keyCertSign"}),
              0)
        << output_;
    return dir_.File(name + ".csr");
  }
  std::string Certify(const std::string& name) {
    const std::string request = Request(name);
    const std::string certificate = dir_.File(name + ".pem");
    EXPECT_EQ(Ca("sign", {"--request", request, "--subject", "CN=" + name + ",O=Lab", "--out", certificate}), 0)
        << output_;
    return certificate;
  }
  std::string Shown(const std::string& file) {
    EXPECT_EQ(Openssl({"x509", "-in", file, "-noout", "-text"}), 0) << output_;
    return output_;
  }
  // Verify is what openssl says of a certificate, strictly, with the revocation list `list` if it is given.
  int Verify(const std::string& certificate, const std::string& list = "") {
    std::vector<std::string> arguments = {"verify", "-x509_strict", "-CAfile", dir_.File("ca/identity_ca.pem")};
    if (!list.empty()) arguments.insert(arguments.end(), {"-crl_check", "-CRLfile", list});
    arguments.push_back(certificate);
    return Openssl(arguments);
  }

  const test::TempDir dir_;
  std::string output_;
};

TEST_F(CaTest, MakesTwoCasThatCanDoTheirOwnWorkOnly) {
  ASSERT_EQ(Ca("init", {"--organization", "Lab"}), 0) << output_;
  EXPECT_THAT(Shown(dir_.File("ca/identity_ca.pem")),
              AllOf(HasSubstr("CA:TRUE, pathlen:0"), HasSubstr("Certificate Sign, CRL Sign\n"),
                    Not(HasSubstr("Digital Signature")), HasSubstr("O = Lab, CN = identity CA")));
  EXPECT_THAT(Shown(dir_.File("ca/permissions_ca.pem")),
              AllOf(HasSubstr("Digital Signature\n"), Not(HasSubstr("Certificate Sign")), HasSubstr("permissions CA")));
  for (const std::string kind : {"identity", "permissions"}) {
    const std::string key = dir_.File("ca/" + kind + "_ca.key");
    struct stat about = {};
    ASSERT_EQ(stat(key.c_str(), &about), 0);
    EXPECT_EQ(about.st_mode & 0777, 0600U);
    EXPECT_THAT(test::ReadFile(key), HasSubstr("BEGIN ENCRYPTED PRIVATE KEY"));
    ASSERT_EQ(Openssl({"pkey", "-in", key, "-passin", "file:" + dir_.File("passphrase"), "-pubout"}), 0) << output_;
    const std::string own = output_;
    ASSERT_EQ(Openssl({"x509", "-in", dir_.File("ca/" + kind + "_ca.pem"), "-noout", "-pubkey"}), 0);
    EXPECT_EQ(output_, own);
  }
  EXPECT_NE(test::ReadFile(dir_.File("ca/identity_ca.pem")), test::ReadFile(dir_.File("ca/permissions_ca.pem")));
  EXPECT_EQ(Ca("init"), 1) << "a CA is never overwritten";
  EXPECT_THAT(output_, HasSubstr("another folder"));
}

TEST_F(CaTest, S11CopiesNothingFromARequestButSubjectAndKey) {
  ASSERT_EQ(Ca("init"), 0) << output_;
  const std::string certificate = Certify("alice");
  EXPECT_THAT(Shown(certificate),
              AllOf(HasSubstr("CA:FALSE"), HasSubstr("Digital Signature\n"), HasSubstr("Subject: O = Lab, CN = alice"),
                    Not(HasSubstr("evil")), Not(HasSubstr("Certificate Sign"))));
  EXPECT_EQ(Verify(certificate), 0) << output_;
  ASSERT_EQ(Openssl({"x509", "-in", certificate, "-noout", "-serial"}), 0);
  const std::string serial = output_.substr(7, output_.find('\n') - 7);
  EXPECT_EQ(serial.size(), 32U);
  EXPECT_THAT(test::ReadFile(dir_.File("ca/index.txt")), HasSubstr("\t\t" + serial + "\tunknown\t/O=Lab/CN=alice\n"));
  EXPECT_EQ(test::ReadFile(dir_.File("ca/issued/" + serial + ".pem")), test::ReadFile(certificate));
}

TEST_F(CaTest, CertifiesOnlyWhatWasMeant) {
  ASSERT_EQ(Ca("init", {"--years", "1"}), 0) << output_;
  const std::string request = Request("alice");
  EXPECT_EQ(Ca("sign", {"--request", request, "--subject", "/O=Lab/CN=bob"}), 1);
  EXPECT_THAT(output_, HasSubstr("CN=alice,O=Lab"));
  EXPECT_EQ(Ca("sign", {"--request", request}), 2) << "there is nobody to ask";
  EXPECT_EQ(Ca("sign", {"--request", request, "--yes", "--days", "400"}), 1);
  EXPECT_THAT(output_, HasSubstr("outlive"));
  EXPECT_EQ(Ca("sign", {"--request", request, "--yes", "--not-after", "2020-01-01"}), 1);
  EXPECT_EQ(Ca("sign", {"--request", request, "--yes", "--not-after", "soon"}), 2);
  EXPECT_EQ(Ca("sign", {"--request", request, "--document", request}), 2);
  EXPECT_EQ(Ca("sign", {"--request", dir_.File("alice.key"), "--yes"}), 1);
  EXPECT_EQ(test::ReadFile(dir_.File("ca/index.txt")), "") << "nothing was issued";
  EXPECT_EQ(Ca("sign", {"--request", request, "--yes", "--days", "3"}), 0) << output_;
  std::filesystem::permissions(dir_.Write("passphrase", "wrong battery\n"), std::filesystem::perms(0600));
  EXPECT_EQ(Ca("sign", {"--request", request, "--yes"}), 1);
  EXPECT_THAT(output_, HasSubstr("passphrase is wrong"));
}

TEST_F(CaTest, IssuesEachNumberOnceAlsoToSeveralAtATime) {
  ASSERT_EQ(Ca("init"), 0) << output_;
  const std::string request = Request("alice");
  std::vector<std::unique_ptr<test::Process>> signers;
  for (int i = 0; i < 4; ++i) {
    signers.push_back(test::Process::Start({"client/cli/ddskeyctl", "ca", "sign", dir_.File("ca"), "--request", request,
                                            "--yes", "--passphrase-file", dir_.File("passphrase")},
                                           {}));
  }
  for (const auto& signer : signers) EXPECT_EQ(signer->Wait(), 0);
  std::set<std::string> serials;
  for (const auto& entry : std::filesystem::directory_iterator(dir_.File("ca/issued"))) {
    serials.insert(entry.path().stem());
    EXPECT_THAT(test::ReadFile(dir_.File("ca/index.txt")), HasSubstr(entry.path().stem().string()));
  }
  EXPECT_EQ(serials.size(), 4U);
}

TEST_F(CaTest, RevokesByAListThatGrows) {
  ASSERT_EQ(Ca("init"), 0) << output_;
  const std::string alice = Certify("alice");
  const std::string bob = Certify("bob");
  const std::string first = dir_.File("first.crl");
  ASSERT_EQ(Ca("crl", {"--out", first}), 0) << output_;
  EXPECT_EQ(Verify(alice, first), 0) << output_;
  ASSERT_EQ(Ca("revoke", {"--certificate", alice, "--reason", "keyCompromise"}, false), 0) << output_;
  EXPECT_EQ(Ca("revoke", {"--certificate", alice}, false), 1);
  EXPECT_EQ(Ca("revoke", {"--serial", "1234"}, false), 1);
  const std::string foreign = dir_.Write("foreign.pem", test::TestCa::Root("foreign CA").certificate());
  EXPECT_EQ(Ca("revoke", {"--certificate", foreign}, false), 1);
  EXPECT_THAT(output_, HasSubstr("did not sign"));
  const std::string second = dir_.File("second.crl");
  ASSERT_EQ(Ca("crl", {"--out", second, "--days", "7"}), 0) << output_;
  EXPECT_NE(Verify(alice, second), 0);
  EXPECT_THAT(output_, HasSubstr("revoked"));
  EXPECT_EQ(Verify(bob, second), 0) << output_;
  ASSERT_EQ(Openssl({"crl", "-in", second, "-noout", "-text"}), 0);
  EXPECT_THAT(output_, AllOf(HasSubstr("CRL Number: \n                2\n"), HasSubstr("Key Compromise"),
                             HasSubstr("Next Update"), HasSubstr("Authority Key Identifier")));
}

TEST_F(CaTest, RefusesDocumentsThatAreNone) {
  ASSERT_EQ(Ca("init", {"--only", "permissions"}), 0) << output_;
  EXPECT_FALSE(std::filesystem::exists(dir_.File("ca/identity_ca.pem")));
  for (const std::string content : {"", "<dds></dds>", "<dds><permissions/><domain_access_rules/></dds>"}) {
    EXPECT_EQ(Ca("sign", {"--document", dir_.Write("document.xml", content)}), 1) << content;
  }
  EXPECT_EQ(Ca("sign", {"--document", dir_.Write("document.xml", test::GovernanceDocument()), "--days", "3"}), 2);
  EXPECT_EQ(Ca("sign", {"--document", dir_.File("document.xml")}), 0) << output_;
  EXPECT_THAT(test::ReadFile(dir_.File("ca/documents.txt")), HasSubstr("\tgovernance\n"));
}

// Participants of the builtin plugins of Cyclone DDS, with nothing but what the CA made.
class ParticipantsTest : public CaTest {
 protected:
  test::CycloneOptions Options(const std::string& name, const std::string& ca_folder) {
    const auto uri = [&](const std::string& file) { return "file:" + dir_.File(file); };
    test::CycloneOptions options;
    options.domain = 6;
    options.identity_certificate = uri(name + ".pem");
    options.identity_ca = uri(ca_folder + "identity_ca.pem");
    options.private_key = uri(name + ".key");
    options.permissions_ca = uri(ca_folder + "permissions_ca.pem");
    options.governance = uri("governance.p7s");
    options.permissions = uri(name + ".p7s");
    return options;
  }
  void ExpectData(const std::string& listener_name, const std::string& talker_name, const std::string& ca_folder) {
    const auto listener = test::Ddsperf::Start({"sub"}, test::CycloneConfig(Options(listener_name, ca_folder)));
    const auto talker = test::Ddsperf::Start({"pub", "100Hz"}, test::CycloneConfig(Options(talker_name, ca_folder)));
    EXPECT_TRUE(listener->WaitForData(10)) << listener->Output() << talker->Output();
  }
};

TEST_F(ParticipantsTest, BuiltinPluginsTakeWhatItSigned) {
  ASSERT_EQ(Ca("init", {"--organization", "Lab"}), 0) << output_;
  dir_.Write("governance.xml", test::GovernanceDocument());
  ASSERT_EQ(Ca("sign", {"--document", dir_.File("governance.xml"), "--out", dir_.File("governance.p7s")}), 0);
  for (const std::string name : {"talker", "listener"}) {
    Certify(name);
    dir_.Write(name + ".xml", test::PermissionsDocument("CN=" + name + ",O=Lab"));
    ASSERT_EQ(Ca("sign", {"--document", dir_.File(name + ".xml"), "--out", dir_.File(name + ".p7s")}), 0) << output_;
  }
  ExpectData("listener", "talker", "ca/");
}

TEST_F(ParticipantsTest, TheLinesForOpensslInTheDocumentationDoTheSame) {
  const std::string script =
      "set -e\n" + test::ShellLines("docs/certificate_authority.md", "//test/integration:ca_test");
  ASSERT_THAT(script, HasSubstr("openssl ca"));
  Request("talker");
  dir_.Write("governance.xml", test::GovernanceDocument());
  dir_.Write("talker.xml", test::PermissionsDocument("CN=talker,O=Lab"));
  ASSERT_EQ(test::Run({"sh", "-c", "cd " + dir_.path().string() + "\n" + script}, &output_), 0) << output_;
  EXPECT_THAT(Shown(dir_.File("talker.pem")),
              AllOf(HasSubstr("CA:FALSE"), Not(HasSubstr("evil")), HasSubstr("Subject: O = Lab, CN = talker")));
  ExpectData("talker", "talker", "");
  EXPECT_NE(Openssl({"verify", "-CAfile", dir_.File("identity_ca.pem"), "-crl_check", "-CRLfile",
                     dir_.File("identity_ca.crl"), dir_.File("talker.pem")}),
            0);
  EXPECT_THAT(output_, HasSubstr("revoked"));
}

}  // namespace
}  // namespace ddskey
