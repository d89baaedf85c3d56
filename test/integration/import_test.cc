// Private keys in PEM files, and the daemon.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <filesystem>
#include <string>
#include <utility>
#include <vector>

#include "test/support/pki.h"
#include "test/support/process.h"
#include "test/support/swtpm.h"
#include "test/support/temp_dir.h"
#include "test/support/test_daemon.h"
#include "test/support/test_participant.h"

namespace ddskey {
namespace {

using ::ddskey::test::Named;
using ::ddskey::test::Shake;
using ::ddskey::test::TestCa;
using ::ddskey::test::TestDaemon;
using ::ddskey::test::TestParticipant;
using ::testing::HasSubstr;
using ::testing::Not;

class ImportTest : public ::testing::Test {
 protected:
  int Ctl(const TestDaemon& daemon, std::vector<std::string> arguments) {
    arguments.insert(arguments.begin(), {"client/cli/ddskeyctl", "--socket", daemon.admin_socket()});
    return test::Run(arguments, &output_);
  }
  int Openssl(std::vector<std::string> arguments) {
    arguments.insert(arguments.begin(), "openssl");
    return test::Run(arguments, &output_);
  }
  std::string Private(const std::string& name, const std::string& content) {
    const std::string path = dir_.Write(name, content);
    std::filesystem::permissions(path, std::filesystem::perms(0600));
    return path;
  }

  // ExpectSigns has the daemon sign a request with the key `name`, and openssl check it against `key`.
  void ExpectSigns(const TestDaemon& daemon, const std::string& name, const test::TestKey& key) {
    const std::string request = dir_.File(name + ".csr");
    std::filesystem::remove(request);
    ASSERT_EQ(Ctl(daemon, {"csr", name, "--subject", "CN=" + name, "--out", request}), 0) << output_;
    ASSERT_EQ(Openssl({"req", "-in", request, "-verify", "-noout", "-pubkey"}), 0) << output_;
    const std::string of_request = output_.substr(output_.find("-----BEGIN"));
    ASSERT_EQ(Openssl({"pkey", "-in", Private(name + ".key", key.pem()), "-pubout"}), 0) << output_;
    EXPECT_THAT(of_request, HasSubstr(output_));
  }

  const test::TempDir dir_;
  std::string output_;
};

TEST_F(ImportTest, SoftwareTakesPlainAndEncryptedKeysAndSignsWithThem) {
  TestDaemon daemon;
  for (const test::TestKeyType type : {test::TestKeyType::kEcP256, test::TestKeyType::kEcP384,
                                       test::TestKeyType::kRsa2048, test::TestKeyType::kRsa3072}) {
    const std::string name = "key-" + std::to_string(static_cast<int>(type));
    const test::TestKey key = test::TestKey::Generate(type);
    ASSERT_EQ(Ctl(daemon, {"key", "import", name, "--key", Private("key", key.pem())}), 0) << output_;
    EXPECT_THAT(output_, HasSubstr("still has the key"));
    ExpectSigns(daemon, name, key);
  }
  const test::TestKey key = test::TestKey::Generate();
  const std::string sealed = dir_.File("sealed");
  ASSERT_EQ(
      Openssl({"pkcs8", "-topk8", "-in", Private("key", key.pem()), "-out", sealed, "-passout", "pass:correct horse"}),
      0);
  const std::vector<std::string> import = {"key", "import", "sealed", "--key", sealed, "--passphrase-file"};
  std::vector<std::string> with = import;
  with.push_back(Private("passphrase", "wrong battery"));
  EXPECT_EQ(Ctl(daemon, with), 1);
  Private("passphrase", "correct horse");
  ASSERT_EQ(Ctl(daemon, with), 0) << output_;
  ExpectSigns(daemon, "sealed", key);
  daemon.Kill();
  daemon.Start();
  ExpectSigns(daemon, "sealed", key);
}

TEST_F(ImportTest, RefusesWithTheReason) {
  TestDaemon daemon;
  const std::string good = Private("good", test::TestKey::Generate().pem());
  const std::string weak = Private("weak", test::TestKey::Generate(test::TestKeyType::kRsa1024).pem());
  EXPECT_EQ(Ctl(daemon, {"key", "import", "a", "--key", weak}), 1);
  EXPECT_THAT(output_, HasSubstr("ec-p256"));
  EXPECT_EQ(Ctl(daemon, {"key", "import", "a", "--key", good, "--purpose", "derive"}), 2);
  EXPECT_EQ(Ctl(daemon, {"key", "import", "a", "--key", good, "--backend", "moon"}), 1);
  EXPECT_EQ(Ctl(daemon, {"key", "import", "../a", "--key", good}), 2);
  const std::string blob = "-----BEGIN TSS2 PRIVATE KEY-----\nAAEC\n-----END TSS2 PRIVATE KEY-----\n";
  EXPECT_EQ(Ctl(daemon, {"key", "import", "a", "--key", Private("blob", blob)}), 1);
  EXPECT_THAT(output_, HasSubstr("TPM"));
  ASSERT_EQ(Ctl(daemon, {"key", "import", "a", "--key", good}), 0) << output_;
  EXPECT_EQ(Ctl(daemon, {"key", "import", "a", "--key", good}), 1) << "the name is taken";
  EXPECT_THAT(output_, HasSubstr("taken"));
}

TEST_F(ImportTest, NeedsAGrantOfItsOwnAndLeavesNoKeyInTheLog) {
  TestDaemon daemon;
  const test::TestKey key = test::TestKey::Generate();
  const std::string file = Private("key", key.pem());
  ASSERT_EQ(Ctl(daemon, {"key", "import", "allowed", "--key", file}), 0) << output_;
  daemon.SetPolicy(
      R"(rule { name: "maker" effect: ALLOW caller { uid: 0 } key: "*" operation: [STATUS, KEY_CREATE, KEY_LIST] })");
  EXPECT_EQ(Ctl(daemon, {"key", "import", "refused", "--key", file}), 1);
  EXPECT_THAT(output_, HasSubstr("policy"));
  const std::string base64 = key.pem().substr(key.pem().find('\n') + 1, 40);
  EXPECT_TRUE(test::WaitFor([&] { return daemon.Log().find("key=\"refused\"") != std::string::npos; }));
  EXPECT_THAT(daemon.Log(), Not(HasSubstr(base64)));
}

TEST_F(ImportTest, ATpmTakesPrivateKeysAndSignsWithThem) {
  const test::Swtpm tpm;
  TestDaemon daemon(TestDaemon::WithTpm(tpm.tcti()));
  std::vector<std::pair<std::string, test::TestKey>> keys;
  for (const test::TestKeyType type : {test::TestKeyType::kEcP256, test::TestKeyType::kEcP384,
                                       test::TestKeyType::kRsa2048, test::TestKeyType::kRsa3072}) {
    const std::string name = "key-" + std::to_string(static_cast<int>(type));
    keys.emplace_back(name, test::TestKey::Generate(type));
    ASSERT_EQ(Ctl(daemon, {"key", "import", name, "--key", Private("key", keys.back().second.pem())}), 0) << output_;
    ExpectSigns(daemon, name, keys.back().second);
  }
  daemon.Kill();
  daemon.Start();
  for (const auto& [name, key] : keys) ExpectSigns(daemon, name, key);
}

// Who comes from plugins with key files has certificates of those keys, which peers know.
TEST_F(ImportTest, AnImportedKeyKeepsItsCertificateAndShakesHands) {
  const test::Swtpm tpm;
  TestDaemon::Options options = TestDaemon::WithTpm(tpm.tcti());
  options.backends += R"( backend { name: "software" software {} })";
  TestDaemon daemon(options);
  const TestCa ca = TestCa::Root("identity CA");
  const std::string anchor = dir_.Write("ca.pem", ca.certificate());
  TestParticipant newcomer(daemon.socket(), "newcomer", daemon.Enroll("newcomer", ca, Named("newcomer")), 'n');
  ASSERT_TRUE(newcomer.Validate().ok());
  for (const std::string backend : {"tpm", "software"}) {
    const test::TestKey key = test::TestKey::Generate(test::TestKeyType::kRsa2048);
    const std::string certificate = ca.Issue(key.public_key(), Named(backend));
    const std::string file = dir_.Write("certificate.pem", certificate);
    ASSERT_EQ(Ctl(daemon, {"key", "import", backend, "--backend", backend, "--key", Private("key", key.pem())}), 0)
        << output_;
    ASSERT_EQ(Ctl(daemon, {"cert", "install", backend, "--certificate", file, "--ca", anchor}), 0) << output_;
    TestParticipant imported(daemon.socket(), backend, certificate, backend.front());
    ASSERT_TRUE(imported.Validate().ok());
    EXPECT_TRUE(Shake(imported, newcomer).ok());
    EXPECT_TRUE(Shake(newcomer, imported).ok());
    ASSERT_EQ(Ctl(daemon, {"identity", "show", backend}), 0) << output_;
    EXPECT_THAT(output_, HasSubstr("current, imported"));
  }
  ASSERT_EQ(Ctl(daemon, {"store", "check"}), 0) << output_;
}

TEST_F(ImportTest, S12TakesNoKeyTwice) {
  const test::Swtpm tpm;
  TestDaemon::Options options = TestDaemon::WithTpm(tpm.tcti());
  options.backends += R"( backend { name: "software" software {} })";
  TestDaemon daemon(options);
  const std::string file = Private("key", test::TestKey::Generate().pem());
  ASSERT_EQ(Ctl(daemon, {"key", "import", "first", "--key", file}), 0) << output_;
  // S-1: it would have two purposes.
  const std::vector<std::string> again = {"key",       "import",   "second",    "--key", file,
                                          "--backend", "software", "--purpose", "digest"};
  EXPECT_EQ(Ctl(daemon, again), 1);
  EXPECT_THAT(output_, HasSubstr("under the name \"first\""));
  ASSERT_EQ(Ctl(daemon, {"key", "delete", "first", "--yes"}), 0) << output_;
  EXPECT_EQ(Ctl(daemon, again), 1);
  EXPECT_THAT(output_, HasSubstr("not purged"));
  ASSERT_EQ(Ctl(daemon, {"key", "delete", "first", "--purge", "--yes"}), 0) << output_;
  EXPECT_EQ(Ctl(daemon, again), 0) << output_;
}

}  // namespace
}  // namespace ddskey
