// Key files of a TPM, which the daemon and other programs use in turn: Debian's tpm2-openssl and tpm2-tools.
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

constexpr char kHandle[] = "0x81000001";
// The attributes of a key that the daemon takes.
constexpr char kSigns[] = "sign|fixedtpm|fixedparent|sensitivedataorigin|userwithauth|noda";

// A TPM without a resource manager has three places for loaded keys, so the programs use it in turn.
class KeyFilesTest : public ::testing::Test {
 protected:
  int Ctl(const TestDaemon& daemon, std::vector<std::string> arguments) {
    arguments.insert(arguments.begin(), {"client/cli/ddskeyctl", "--socket", daemon.admin_socket()});
    return test::Run(arguments, &output_);
  }
  int Import(const TestDaemon& daemon, const std::string& name, const std::vector<std::string>& more = {}) {
    std::vector<std::string> arguments = {"key", "import", name, "--key", dir_.File(name)};
    arguments.insert(arguments.end(), more.begin(), more.end());
    return Ctl(daemon, arguments);
  }
  int GiveOut(const TestDaemon& daemon, const std::string& name, const std::string& file) {
    return Ctl(daemon, {"key", "export-blob", name, "--yes", "--passphrase-file", passphrase_, "--out", file});
  }

  // MakeStorageRoot makes the storage root key that programs with key files use, as the daemon's refusal says how.
  void MakeStorageRoot() {
    ASSERT_EQ(Tool({"tpm2_createprimary", "-C", "o", "-G", "ecc", "-a",
                    "restricted|decrypt|fixedtpm|fixedparent|sensitivedataorigin|userwithauth|noda", "-c",
                    dir_.File("srk.ctx")}),
              0)
        << output_;
    ASSERT_EQ(Tool({"tpm2_evictcontrol", "-C", "o", "-c", dir_.File("srk.ctx"), kHandle}), 0) << output_;
    MakeRoom();
  }
  int Tool(const std::vector<std::string>& command) { return test::Run(command, &output_, OnTpm()); }
  // WithProvider runs openssl with the provider of tpm2-openssl.
  int WithProvider(std::vector<std::string> arguments) {
    arguments.insert(arguments.begin(), "openssl");
    arguments.insert(arguments.begin() + 2, {"-provider", "tpm2", "-provider", "base"});
    return test::Run(arguments, &output_, OnTpm());
  }
  test::Process::Options OnTpm() const {
    test::Process::Options options;
    options.environment = {
        {"TPM2OPENSSL_TCTI", tpm_.tcti()}, {"TPM2TOOLS_TCTI", tpm_.tcti()}, {"TSS2_LOG", "all+NONE"}};
    return options;
  }
  // Generate has tpm2-openssl make a key in the TPM.
  std::string Generate(const std::string& name, std::vector<std::string> what) {
    const std::string file = dir_.File(name);
    what.insert(what.begin(), "genpkey");
    what.insert(what.end(), {"-out", file});
    EXPECT_EQ(WithProvider(what), 0) << output_;
    return file;
  }

  // Encode has tpm2-tools make a key with `attributes` in the TPM and write it into a key file. tpm2-tools 5.4 writes
  // the opposite of what draft-bottomley-tpm2-keys says into it about whether there is a passphrase.
  void Encode(const std::string& name, const std::string& attributes, const std::vector<std::string>& more,
              bool has_passphrase = false) {
    const std::string part = dir_.File("public");
    const std::string sealed = dir_.File("private");
    std::vector<std::string> create = {"tpm2_create", "-Q", "-C", kHandle, "-a", attributes, "-u", part, "-r", sealed};
    create.insert(create.end(), more.begin(), more.end());
    std::vector<std::string> encode = {"tpm2_encodeobject", "-C", kHandle, "-u", part, "-r", sealed, "-o",
                                       dir_.File(name)};
    if (has_passphrase) {
      create.insert(create.end(), {"-p", "correct horse"});
      encode.push_back("-p");
    }
    for (const auto& command : {create, encode}) {
      ASSERT_EQ(Tool(command), 0) << output_;
      MakeRoom();
    }
  }
  // MakeRoom removes what tpm2-tools, and a daemon that was killed, leave in a TPM without a resource manager.
  void MakeRoom() {
    for (const char* what : {"-t", "-l"}) ASSERT_EQ(Tool({"tpm2_flushcontext", what}), 0) << output_;
  }

  // DoAsTold runs the commands that stand in `advice` between `after` and `until`.
  void DoAsTold(const std::string& advice, const std::string& after, const std::string& until) {
    const size_t begin = advice.find(after);
    ASSERT_NE(begin, std::string::npos) << advice;
    const size_t end = advice.find(until, begin);
    const std::string commands = advice.substr(begin + after.size(), end - begin - after.size());
    ASSERT_EQ(Tool({"sh", "-ec", "cd " + dir_.path().string() + "; " + commands}), 0) << commands << output_;
    MakeRoom();
  }

  // Certify has `ca` certify the key `name` as it stands in the daemon, and installs that.
  std::string Certify(TestDaemon& daemon, const TestCa& ca, const std::string& name) {
    v1::GetKeyRequest request;
    request.set_name(name);
    const auto key = daemon.admin().GetKey(request);
    v1::InstallCertificateRequest install;
    install.set_key_name(name);
    install.set_certificate_chain(ca.Issue(TestDaemon::PublicKeyOf(key->key()), Named(name)));
    install.set_anchors(ca.certificate());
    EXPECT_TRUE(daemon.admin().InstallCertificate(install).ok());
    return install.certificate_chain();
  }

  std::string Private(const std::string& name, const std::string& content) {
    const std::string path = dir_.Write(name, content);
    std::filesystem::permissions(path, std::filesystem::perms(0600));
    return path;
  }

  const test::Swtpm tpm_;
  const test::TempDir dir_;
  const std::string passphrase_ = Private("passphrase", "correct horse");
  const TestCa ca_ = TestCa::Root("identity CA");
  std::string output_;
};

TEST_F(KeyFilesTest, TheDaemonAuthenticatesWithKeysThatTpm2OpensslMade) {
  MakeStorageRoot();
  const std::pair<std::string, std::vector<std::string>> kKinds[] = {
      {"ec", {"-algorithm", "EC", "-pkeyopt", "group:P-256"}},
      {"rsa", {"-algorithm", "RSA", "-pkeyopt", "bits:2048"}},
      {"under-handle", {"-algorithm", "EC", "-pkeyopt", "group:P-256", "-pkeyopt", "parent:0x81000001"}},
  };
  for (const auto& [name, what] : kKinds) {
    const std::string file = Generate(name, what);
    ASSERT_EQ(WithProvider({"pkey", "-in", file, "-pubout", "-out", dir_.File(name + ".pub")}), 0) << output_;
  }
  TestDaemon daemon(TestDaemon::WithTpm(tpm_.tcti()));
  for (const auto& [name, what] : kKinds) {
    ASSERT_EQ(Import(daemon, name), 0) << output_;
    ASSERT_EQ(Ctl(daemon, {"key", "show", name}), 0) << output_;
    EXPECT_THAT(output_, HasSubstr("imported"));
    const std::string request = dir_.File(name + ".csr");
    ASSERT_EQ(Ctl(daemon, {"csr", name, "--subject", "CN=" + name, "--out", request}), 0) << output_;
    ASSERT_EQ(test::Run({"openssl", "req", "-in", request, "-verify", "-noout", "-pubkey"}, &output_), 0) << output_;
    EXPECT_THAT(output_, HasSubstr(test::ReadFile(dir_.File(name + ".pub"))));
  }
  TestParticipant ec(daemon.socket(), "ec", Certify(daemon, ca_, "ec"), 'e');
  TestParticipant rsa(daemon.socket(), "rsa", Certify(daemon, ca_, "rsa"), 'r');
  ASSERT_TRUE(ec.Validate().ok());
  ASSERT_TRUE(rsa.Validate().ok());
  EXPECT_TRUE(Shake(ec, rsa).ok());
  EXPECT_TRUE(Shake(rsa, ec).ok());
  daemon.Kill();
  MakeRoom();
  daemon.Start();
  EXPECT_TRUE(Shake(ec, rsa).ok());
}

TEST_F(KeyFilesTest, Tpm2OpensslUsesKeysThatTheDaemonMade) {
  MakeStorageRoot();
  TestDaemon daemon(TestDaemon::WithTpm(tpm_.tcti()));
  for (const std::string name : {"ec-p256", "rsa-2048"}) {
    ASSERT_EQ(Ctl(daemon, {"key", "create", name, "--algorithm", name}), 0) << output_;
    dir_.Write(name + ".pem", Certify(daemon, ca_, name));
    ASSERT_EQ(Ctl(daemon, {"key", "export-blob", name, "--passphrase-file", passphrase_}), 2) << "nobody is there";
    ASSERT_EQ(Ctl(daemon, {"key", "show", name}), 0);
    EXPECT_THAT(output_, Not(HasSubstr("left custody")));
    ASSERT_EQ(GiveOut(daemon, name, dir_.File(name)), 0) << output_;
  }
  ASSERT_EQ(Ctl(daemon, {"key", "list"}), 0);
  EXPECT_THAT(output_, HasSubstr("active, left custody"));
  daemon.Kill();
  MakeRoom();
  const auto request = [&](const std::string& name, const std::string& with) {
    return WithProvider({"req", "-new", "-provider", "default", "-propquery", "?provider=tpm2", "-key", dir_.File(name),
                         "-passin", "pass:" + with, "-subj", "/CN=another program", "-out", dir_.File(name + ".csr")});
  };
  for (const std::string name : {"ec-p256", "rsa-2048"}) {
    EXPECT_NE(request(name, "wrong battery"), 0);
    ASSERT_EQ(request(name, "correct horse"), 0) << output_;
    ASSERT_EQ(test::Run({"openssl", "x509", "-in", dir_.File(name + ".pem"), "-noout", "-pubkey"}, &output_), 0);
    const std::string certified = output_;
    ASSERT_EQ(test::Run({"openssl", "req", "-in", dir_.File(name + ".csr"), "-verify", "-noout", "-pubkey"}, &output_),
              0)
        << output_;
    EXPECT_THAT(output_, HasSubstr(certified));
  }
  daemon.Start();
  ASSERT_EQ(Ctl(daemon, {"store", "check"}), 0) << output_;
  ASSERT_EQ(Ctl(daemon, {"identity", "show", "ec-p256"}), 0);
  EXPECT_THAT(output_, HasSubstr("current, left custody"));
}

// A key file that came from a daemon can go back into one, under the purpose it was made for.
TEST_F(KeyFilesTest, S1ThePurposeOfAKeyGoesWithItsFile) {
  MakeStorageRoot();
  TestDaemon daemon(TestDaemon::WithTpm(tpm_.tcti()));
  ASSERT_EQ(Ctl(daemon, {"key", "create", "signer", "--purpose", "digest"}), 0) << output_;
  ASSERT_EQ(GiveOut(daemon, "signer", dir_.File("back")), 0) << output_;
  const std::vector<std::string> as_digest = {"--passphrase-file", passphrase_, "--purpose", "digest"};
  EXPECT_EQ(Import(daemon, "back", as_digest), 1);
  EXPECT_THAT(output_, HasSubstr("under the name \"signer\""));
  ASSERT_EQ(Ctl(daemon, {"key", "delete", "signer", "--purge", "--yes"}), 0) << output_;
  EXPECT_EQ(Import(daemon, "back", {"--passphrase-file", passphrase_}), 1);
  EXPECT_THAT(output_, HasSubstr("made for the purpose digest"));
  EXPECT_EQ(Import(daemon, "back", {"--purpose", "digest"}), 1);
  EXPECT_THAT(output_, HasSubstr("with a passphrase: give it"));
  EXPECT_EQ(Import(daemon, "back", {"--purpose", "digest", "--passphrase-file", Private("wrong", "wrong battery")}), 1);
  EXPECT_THAT(output_, HasSubstr("passphrase of the TSS2 key file is wrong"));
  ASSERT_EQ(Import(daemon, "back", as_digest), 0) << output_;
  ASSERT_EQ(Ctl(daemon, {"store", "check"}), 0) << output_;
}

TEST_F(KeyFilesTest, S12RefusesKeyFilesWithTheReason) {
  Generate("good", {"-algorithm", "EC", "-pkeyopt", "group:P-256"});
  Generate("locked", {"-algorithm", "EC", "-pkeyopt", "group:P-256", "-pkeyopt", "user-auth:correct horse"});
  TestDaemon daemon(TestDaemon::WithTpm(tpm_.tcti()));
  EXPECT_EQ(Import(daemon, "good"), 1);
  const std::string told = output_;
  daemon.Kill();
  MakeRoom();
  DoAsTold(told, "TSS2 key files use: ", "\n");
  const std::vector<std::string> ec = {"-G", "ecc256"};
  Encode("moves", "sign|sensitivedataorigin|userwithauth|noda", ec);
  Encode("decrypts", "decrypt|fixedtpm|fixedparent|sensitivedataorigin|userwithauth|noda", ec);
  Encode("restricted", std::string(kSigns) + "|restricted", {"-G", "ecc256:ecdsa-sha256:null"});
  Encode("bound", kSigns, {"-G", "ecc256:ecdsa-sha256"});
  const std::string policy = dir_.Write("policy.digest", std::string(32, 'x'));
  Encode("policy", kSigns, {"-G", "ecc256", "-L", policy});
  Encode("policy-alone", "sign|fixedtpm|fixedparent|sensitivedataorigin|noda", {"-G", "ecc256", "-L", policy});
  ASSERT_EQ(Tool({"tpm2_evictcontrol", "-C", "o", "-c", dir_.File("srk.ctx"), "0x81000002"}), 0) << output_;
  MakeRoom();
  Generate("elsewhere", {"-algorithm", "EC", "-pkeyopt", "group:P-256", "-pkeyopt", "parent:0x81000002"});
  Private("large",
          "-----BEGIN TSS2 PRIVATE KEY-----\n" + std::string(6000, 'A') + "\n-----END TSS2 PRIVATE KEY-----\n");
  daemon.Start();
  const std::pair<std::string, std::string> kReasons[] = {
      {"locked", "lockout"},
      {"moves", "may leave its TPM"},
      {"decrypts", "does not sign"},
      {"restricted", "restricted"},
      {"bound", "bound to one signature scheme"},
      {"policy", "with a policy"},
      {"policy-alone", "needs a policy"},
      {"elsewhere", "names another parent"},
      {"large", "larger than 4 KiB"},
  };
  for (const auto& [name, reason] : kReasons) {
    EXPECT_EQ(Import(daemon, name), 1) << name;
    EXPECT_THAT(output_, HasSubstr(reason));
  }
  EXPECT_EQ(Import(daemon, "locked", {"--passphrase-file", passphrase_}), 1);
  EXPECT_THAT(output_, HasSubstr("lockout"));
  std::string pem = test::ReadFile(dir_.File("good"));
  // In the private area, which the TPM checks.
  char& letter = pem[pem.rfind("\n-----END") - 12];
  letter = letter == 'A' ? 'B' : 'A';
  Private("altered", pem);
  EXPECT_EQ(Import(daemon, "altered"), 1);
  EXPECT_THAT(output_, HasSubstr("another TPM"));
  EXPECT_EQ(Import(daemon, "good"), 0) << output_;
}

TEST_F(KeyFilesTest, S12AFileThatLiesAboutItsPassphraseCostsOneTryOfTheLockout) {
  MakeStorageRoot();
  Encode("liar", "sign|fixedtpm|fixedparent|sensitivedataorigin|userwithauth", {"-G", "ecc256"},
         /*has_passphrase=*/true);
  TestDaemon daemon(TestDaemon::WithTpm(tpm_.tcti()));
  for (int i = 0; i < 3; ++i) {
    EXPECT_EQ(Import(daemon, "liar"), 1);
    EXPECT_THAT(output_, HasSubstr("whatever it says"));
  }
  daemon.Kill();
  ASSERT_EQ(Tool({"tpm2_getcap", "properties-variable"}), 0) << output_;
  EXPECT_THAT(output_, HasSubstr("TPM2_PT_LOCKOUT_COUNTER: 0x1\n"));
}

TEST_F(KeyFilesTest, TheDaemonTakesWhatTpm2ToolsEncoded) {
  MakeStorageRoot();
  Encode("plain", kSigns, {"-G", "rsa2048"});
  Encode("locked", kSigns, {"-G", "ecc256"}, /*has_passphrase=*/true);
  TestDaemon daemon(TestDaemon::WithTpm(tpm_.tcti()));
  ASSERT_EQ(Import(daemon, "plain"), 0) << output_;
  EXPECT_EQ(Import(daemon, "locked"), 1);
  EXPECT_THAT(output_, HasSubstr("with a passphrase: give it"));
  ASSERT_EQ(Import(daemon, "locked", {"--passphrase-file", passphrase_}), 0) << output_;
  ASSERT_EQ(Ctl(daemon, {"store", "check"}), 0) << output_;
}

TEST_F(KeyFilesTest, S12GivesOutOnlyWhatOthersCanUse) {
  TestDaemon::Options options = TestDaemon::WithTpm(tpm_.tcti());
  options.backends += R"( backend { name: "software" software {} })";
  TestDaemon daemon(options);
  ASSERT_EQ(Ctl(daemon, {"key", "create", "in-tpm"}), 0) << output_;
  EXPECT_EQ(GiveOut(daemon, "in-tpm", dir_.File("out")), 1);
  const std::string told = output_;
  ASSERT_EQ(Ctl(daemon, {"key", "create", "in-software", "--backend", "software"}), 0) << output_;
  EXPECT_EQ(GiveOut(daemon, "in-software", dir_.File("out")), 1);
  EXPECT_THAT(output_, HasSubstr("gives out no keys"));
  ASSERT_EQ(Ctl(daemon, {"key", "list"}), 0);
  EXPECT_THAT(output_, Not(HasSubstr("left custody")));
  daemon.SetPolicy(
      R"(rule { name: "maker" effect: ALLOW caller { uid: 0 } key: "*" operation: [STATUS, KEY_IMPORT] })");
  EXPECT_EQ(GiveOut(daemon, "in-tpm", dir_.File("out")), 1);
  EXPECT_THAT(output_, HasSubstr("policy"));
  EXPECT_FALSE(std::filesystem::exists(dir_.File("out")));
  // Once its parent is persistent others can find it.
  daemon.Kill();
  MakeRoom();
  DoAsTold(told, "make it persistent: ", ", and restart");
  daemon.Start();
  const std::string rule = R"(rule { name: "all" effect: ALLOW caller { uid: 0 } key: "*" operation: )";
  daemon.SetPolicy(rule + "[STATUS, STORE_CHECK, KEY_LIST, KEY_EXPORT] }");
  EXPECT_EQ(GiveOut(daemon, "in-tpm", dir_.File("out")), 0) << output_;
  ASSERT_EQ(Ctl(daemon, {"store", "check"}), 0) << output_;
}

}  // namespace
}  // namespace ddskey
