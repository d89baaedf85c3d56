// Programs that nobody changed, with keys in the daemon through our PKCS#11 module. The lines are those of
// docs/clients.md.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <filesystem>
#include <memory>
#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include "test/support/pkcs11_token.h"
#include "test/support/pki.h"
#include "test/support/process.h"
#include "test/support/status_matchers.h"
#include "test/support/temp_dir.h"
#include "test/support/test_daemon.h"

namespace ddskey::test {
namespace {

using ::testing::AllOf;
using ::testing::HasSubstr;
using ::testing::Not;

class Pkcs11ProgramsTest : public ::testing::Test {
 protected:
  static void SetUpTestSuite() {
    daemon_ = std::make_unique<TestDaemon>();
    folder_ = std::make_unique<TempDir>();
    const TestCa ca = TestCa::Root("identity CA");
    folder_->Write("ca.pem", ca.certificate());
    for (const char* algorithm : {"ec-p256", "rsa-2048"}) {
      v1::CreateKeyRequest create;
      create.set_name(std::string(algorithm).substr(0, algorithm[0] == 'e' ? 2 : 3));
      create.set_algorithm(algorithm);
      create.set_purpose("digest");
      folder_->Write(create.name() + ".pem", daemon_->Enroll(create, ca, Named(create.name())));
    }
    const TestKey server = TestKey::Generate();
    folder_->Write("server.key", server.pem());
    folder_->Write("server.pem", ca.Issue(server.public_key(), Named("server")));
    folder_->Write("data", "what is signed");
  }
  static void TearDownTestSuite() {
    folder_.reset();
    daemon_.reset();
  }

  static std::string File(const std::string& name) { return folder_->File(name); }
  static std::string Module() { return std::filesystem::absolute(kPkcs11Module); }

  static Process::Options Environment() {
    Process::Options options;
    options.environment = {{"DDSKEY_SOCKET", daemon_->socket()},
                           {"PKCS11_MODULE_PATH", Module()},
                           {"OPENSSL_CONF", "/dev/null"},
                           {"HOME", folder_->path().string()}};
    return options;
  }

  // RunLine runs a line of a shell in the folder and returns what it printed; the test fails if the line does.
  static std::string RunLine(const std::string& line) {
    std::string output;
    const int status =
        test::Run({"sh", "-ec", absl::StrCat("cd ", folder_->path().string(), "; ", line)}, &output, Environment());
    EXPECT_EQ(status, 0) << line << "\n" << output;
    return output;
  }

  static std::unique_ptr<TestDaemon> daemon_;
  static std::unique_ptr<TempDir> folder_;
};

std::unique_ptr<TestDaemon> Pkcs11ProgramsTest::daemon_;
std::unique_ptr<TempDir> Pkcs11ProgramsTest::folder_;

TEST_F(Pkcs11ProgramsTest, OpensslMakesRequestsAndSignatures) {
  for (const char* key : {"ec", "rsa"}) {
    const std::string engine = "-engine pkcs11 -keyform engine";
    RunLine(absl::StrCat("openssl req -new -sha256 ", engine, " -key 'pkcs11:object=", key, "' -subj /CN=", key,
                         " -out ", key, ".csr"));
    EXPECT_THAT(RunLine(absl::StrCat("openssl req -verify -noout -in ", key, ".csr 2>&1")), HasSubstr("OK"));
    RunLine(absl::StrCat("openssl dgst -sha256 ", engine, " -sign 'pkcs11:object=", key, "' -out ", key, ".sig data"));
    EXPECT_THAT(
        RunLine(absl::StrCat("openssl x509 -in ", key, ".pem -noout -pubkey >", key,
                             ".pub && openssl dgst -sha256 -verify ", key, ".pub -signature ", key, ".sig data")),
        HasSubstr("Verified OK"));
    EXPECT_EQ(RunLine(absl::StrCat("openssl pkey -engine pkcs11 -inform engine -in 'pkcs11:object=", key,
                                   ";type=private' -pubout 2>/dev/null")),
              RunLine(absl::StrCat("cat ", key, ".pub")));
  }
}

TEST_F(Pkcs11ProgramsTest, OpensslAuthenticatesAsATlsClient) {
  Process::Options server = Environment();
  server.output = File("server.log");
  const auto serving =
      Process::Start({"openssl", "s_server", "-unix", File("tls"), "-cert", File("server.pem"), "-key",
                      File("server.key"), "-CAfile", File("ca.pem"), "-Verify", "1", "-verify_return_error", "-quiet"},
                     server);
  ASSERT_TRUE(WaitFor([] { return std::filesystem::exists(File("tls")); })) << ReadFile(File("server.log"));
  for (const char* key : {"ec", "rsa"}) {
    const std::string output =
        RunLine(absl::StrCat("echo hello from ", key, " | openssl s_client -unix tls -CAfile ca.pem -cert ", key,
                             ".pem -engine pkcs11 -keyform engine -key 'pkcs11:object=", key, "' -brief 2>&1"));
    EXPECT_THAT(output, HasSubstr("Verification: OK"));
    // With -verify_return_error nobody else comes this far.
    const std::string accepted = absl::StrCat("CN = ", key, "\nverify return:1");
    EXPECT_TRUE(WaitFor([&] { return ReadFile(File("server.log")).find(accepted) != std::string::npos; }))
        << ReadFile(File("server.log"));
  }
}

TEST_F(Pkcs11ProgramsTest, Pkcs11ToolListsSignsAndTests) {
  const std::string tool = absl::StrCat("pkcs11-tool --module ", Module());
  EXPECT_THAT(RunLine(absl::StrCat(tool, " --list-objects 2>&1")),
              AllOf(HasSubstr("Private Key Object; EC"), HasSubstr("Private Key Object; RSA"),
                    HasSubstr("Certificate Object"), HasSubstr("ec"), Not(HasSubstr("error"))));
  RunLine(absl::StrCat("openssl dgst -sha256 -binary -out digest data; ", tool,
                       " --sign --mechanism ECDSA --signature-format openssl --label ec --input-file digest "
                       "--output-file tool.sig"));
  EXPECT_THAT(RunLine("openssl x509 -in ec.pem -noout -pubkey >tool.pub; openssl pkeyutl -verify -pubin -inkey "
                      "tool.pub -sigfile tool.sig -in digest"),
              HasSubstr("Success"));
  EXPECT_THAT(RunLine(absl::StrCat(tool, " --test 2>&1")), HasSubstr("No errors"));
}

TEST_F(Pkcs11ProgramsTest, SshUsesKeysOnACurve) {
  const std::string listed = RunLine(absl::StrCat("ssh-keygen -D ", Module(), " 2>/dev/null"));
  EXPECT_THAT(listed, AllOf(HasSubstr("ecdsa-sha2-nistp256"), HasSubstr("ssh-rsa")));
  // What ssh -I does to authenticate: a signature by the token, here under a user certificate.
  RunLine(absl::StrCat("ssh-keygen -D ", Module(),
                       " 2>/dev/null | grep ecdsa >ca.pub; ssh-keygen -q -t ed25519 -N '' -f user; ssh-keygen -q -s "
                       "ca.pub -D ",
                       Module(), " -I somebody user.pub"));
  EXPECT_THAT(RunLine("ssh-keygen -L -f user-cert.pub"), AllOf(HasSubstr("somebody"), HasSubstr("ECDSA")));
}

}  // namespace
}  // namespace ddskey::test
