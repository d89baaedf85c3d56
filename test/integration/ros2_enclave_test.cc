// ddskeyctl ros2 on enclaves as SROS2 lays them out, as root for the user whose they are. Runs the lines of
// docs/ros2.md.
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/stat.h>

#include <cstdlib>
#include <filesystem>
#include <map>
#include <string>
#include <vector>

#include "test/support/document.h"
#include "test/support/pki.h"
#include "test/support/process.h"
#include "test/support/sros2_keystore.h"
#include "test/support/status_matchers.h"
#include "test/support/temp_dir.h"
#include "test/support/test_daemon.h"

namespace ddskey::test {
namespace {

namespace fs = std::filesystem;
using ::testing::AllOf;
using ::testing::HasSubstr;
using ::testing::Not;

constexpr uid_t kUser = 60103;
constexpr char kName[] = "/talker_listener/talker";
constexpr char kIdentity[] = "talker_listener.talker";

class Ros2EnclaveTest : public ::testing::Test {
 protected:
  Ros2EnclaveTest() { Own(); }

  void Own() {
    ASSERT_EQ(test::Run({"chown", "-hR", std::to_string(kUser), keystore_.folder()}), 0);
    ASSERT_EQ(chmod(dir_.path().c_str(), 0755), 0);
  }
  int Ctl(std::vector<std::string> arguments) {
    arguments.insert(arguments.begin(), {"client/cli/ddskeyctl", "--socket", daemon_.admin_socket()});
    return test::Run(arguments, &output_);
  }
  int Migrate(std::vector<std::string> options) {
    options.insert(options.begin(), {"ros2", "migrate-enclave", enclave_});
    return Ctl(options);
  }
  std::string Content(const std::string& name) const { return ReadFile(enclave_ + "/" + name); }
  // Files are the enclave's files: content, mode and owner.
  std::map<std::string, std::string> Files() const {
    std::map<std::string, std::string> files;
    for (const auto& entry : fs::directory_iterator(enclave_)) {
      struct stat about = {};
      lstat(entry.path().c_str(), &about);
      files[entry.path().filename()] =
          ReadFile(entry.path()) + "|" + std::to_string(about.st_mode) + "|" + std::to_string(about.st_uid);
    }
    return files;
  }
  // CertifyWithSros2 certifies a request of the daemon with the CA of the keystore, as docs/ros2.md says.
  void CertifyWithSros2(const std::string& ca, const std::string& out) {
    const std::string keystore = keystore_.folder();
    const std::string request = out + ".csr";
    ASSERT_EQ(Ctl({"csr", kIdentity, "--subject", "CN=/talker_listener/talker", "--out", request}), 0) << output_;
    ASSERT_EQ(
        test::Run({"openssl", "x509", "-req", "-in", request, "-CA", keystore + "/public/" + ca + ".cert.pem", "-CAkey",
                   keystore + "/private/" + ca + ".key.pem", "-CAcreateserial", "-days", "365", "-out", out},
                  &output_),
        0)
        << output_;
  }

  const TempDir dir_;
  const Sros2Keystore keystore_{(fs::create_directory(dir_.path() / "ks"), dir_.File("ks")), false};
  const std::string enclave_ = keystore_.AddEnclave(kName);
  TestDaemon daemon_;
  std::string output_;
};

TEST_F(Ros2EnclaveTest, TakesAKeyOverAndGivesItBack) {
  const auto before = Files();
  ASSERT_EQ(Migrate({"--for", "cyclonedds", "--import", "--dry-run"}), 0) << output_;
  EXPECT_THAT(output_, AllOf(HasSubstr("planned"), HasSubstr("Take the private key"), HasSubstr("ddskey:")));
  EXPECT_EQ(Files(), before) << "a dry run does nothing";
  EXPECT_NE(Ctl({"identity", "show", kIdentity}), 0);

  ASSERT_EQ(Migrate({"--for", "cyclonedds", "--import", "--user", "root"}), 0) << output_;
  EXPECT_THAT(output_, AllOf(HasSubstr("migrated."), HasSubstr("The policy lets"), HasSubstr("LD_LIBRARY_PATH"),
                             HasSubstr("Other users may read key.pem")));
  EXPECT_EQ(Content("key.pem"), "ddskey:talker_listener.talker\n");
  auto after = Files();
  EXPECT_EQ(after.at("cert.pem"), before.at("cert.pem"));
  EXPECT_EQ(after.count("key.p11"), 0U);
  struct stat about = {};
  ASSERT_EQ(lstat((enclave_ + "/key.pem.before-ddskeyd").c_str(), &about), 0);
  EXPECT_EQ(about.st_mode, S_IFREG | 0600U);
  for (const auto& entry : fs::directory_iterator(enclave_)) {
    ASSERT_EQ(lstat(entry.path().c_str(), &about), 0);
    EXPECT_EQ(about.st_uid, kUser) << entry.path();
    EXPECT_THAT(entry.path().filename(), Not(HasSubstr("ddskeyd-new")));
  }
  ASSERT_EQ(Ctl({"identity", "show", kIdentity}), 0) << output_;
  EXPECT_THAT(output_, AllOf(HasSubstr("CN=/talker_listener/talker"), HasSubstr("handshake"), HasSubstr("imported")));
  ASSERT_EQ(Ctl({"trust", "list", kIdentity}), 0) << output_;
  EXPECT_THAT(output_, AllOf(HasSubstr("sros2CA"), HasSubstr("Permissions document:      SHA-256")));
  ASSERT_EQ(Migrate({"--for", "cyclonedds", "--user", "0", "--json"}), 0) << output_;
  EXPECT_THAT(output_, AllOf(HasSubstr("\"state\": \"migrated before\""), HasSubstr("\"policy_allows\": \"yes\""),
                             HasSubstr("\"policy_rule\": \"\"")));
  EXPECT_EQ(Files(), after) << "nothing is done twice";

  ASSERT_EQ(Ctl({"ros2", "restore-enclave", enclave_, "--dry-run"}), 0) << output_;
  EXPECT_EQ(Files(), after);
  ASSERT_EQ(Ctl({"ros2", "restore-enclave", enclave_}), 0) << output_;
  EXPECT_EQ(Content("key.pem") + Content("cert.pem"),
            before.at("key.pem").substr(0, Content("key.pem").size()) + Content("cert.pem"));
  EXPECT_EQ(Files().size(), before.size());
  EXPECT_EQ(Ctl({"ros2", "restore-enclave", enclave_}), 1);
  EXPECT_THAT(output_, HasSubstr("nothing to restore"));
  EXPECT_EQ(Migrate({"--for", "cyclonedds", "--import"}), 1);
  EXPECT_THAT(output_, HasSubstr("go on with --name talker_listener.talker"));
  EXPECT_EQ(Migrate({"--for", "cyclonedds", "--import", "--name", kIdentity}), 0) << output_;
}

TEST_F(Ros2EnclaveTest, MakesANewKeyInTwoRuns) {
  const auto before = Files();
  ASSERT_EQ(Migrate({"--for", "fastdds", "--user", "60107", "--any-permissions", "--keystore", keystore_.folder()}), 0)
      << output_;
  EXPECT_THAT(output_, AllOf(HasSubstr("waiting for a certificate"),
                             HasSubstr("csr talker_listener.talker --subject 'CN=/talker_listener/talker'")));
  EXPECT_THAT(output_,
              HasSubstr("migrate-enclave " + enclave_ + " --name talker_listener.talker --for fastdds --keystore " +
                        keystore_.folder() + " --user 60107 --any-permissions --certificate FILE"))
      << "with all that was said";
  EXPECT_EQ(Files(), before) << "S-14: nothing that root is to certify waits in the user's folder";
  const std::string wrong = dir_.File("wrong.pem");
  CertifyWithSros2("permissions_ca", wrong);
  const auto waiting = Files();
  const std::vector<std::string> again = {"--for", "fastdds", "--name", kIdentity};
  const auto with = [&](const std::string& certificate) {
    std::vector<std::string> options = again;
    options.insert(options.end(), {"--certificate", certificate});
    return options;
  };
  EXPECT_EQ(Migrate(with(wrong)), 1);
  EXPECT_THAT(output_, HasSubstr("not good under identity_ca.cert.pem"));
  EXPECT_EQ(Migrate(with(enclave_ + "/cert.pem")), 1);
  EXPECT_THAT(output_, HasSubstr("for another key"));
  EXPECT_EQ(Files(), waiting);

  const std::string certificate = dir_.File("talker.pem");
  CertifyWithSros2("identity_ca", certificate);
  ASSERT_EQ(Migrate(with(certificate)), 0) << output_;
  EXPECT_THAT(output_,
              AllOf(HasSubstr("sudo -u '#60103' shred -u "), HasSubstr("have the certificate of the old key revoked")));
  EXPECT_EQ(Content("cert.pem"), ReadFile(certificate));
  EXPECT_EQ(Content("key.p11"), "pkcs11:token=ddskey;object=talker_listener.talker\n");
  EXPECT_EQ(Content("key.pem"), "ddskey:talker_listener.talker\n");

  // As if it had been interrupted before the last step.
  fs::rename(enclave_ + "/key.pem.before-ddskeyd", enclave_ + "/key.pem");
  ASSERT_EQ(Migrate(again), 0) << output_;
  EXPECT_EQ(Content("key.pem"), "ddskey:talker_listener.talker\n");
  EXPECT_EQ(Migrate({"--for", "cyclonedds"}), 1);
  EXPECT_THAT(output_, HasSubstr("purpose digest"));

  ASSERT_EQ(Ctl({"ros2", "restore-enclave", enclave_}), 0) << output_;
  EXPECT_EQ(Content("cert.pem"), before.at("cert.pem").substr(0, Content("cert.pem").size()));
  EXPECT_FALSE(fs::exists(enclave_ + "/key.p11"));
}

TEST_F(Ros2EnclaveTest, CertifiesAtOnceWithTheCaAtHand) {
  const std::string ca = dir_.File("ca");
  const std::string passphrase = dir_.Write("passphrase", "correct horse\n");
  ASSERT_EQ(chmod(passphrase.c_str(), 0600), 0);
  ASSERT_EQ(Ctl({"ca", "init", ca, "--only", "identity", "--passphrase-file", passphrase}), 0) << output_;
  ASSERT_EQ(
      test::Run({"openssl", "req", "-new", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-keyout",
                 enclave_ + "/key.pem", "-out", dir_.File("old.csr"), "-subj", "/CN=\\/talker_listener\\/talker"},
                &output_),
      0)
      << output_;
  fs::remove(enclave_ + "/cert.pem");
  ASSERT_EQ(Ctl({"ca", "sign", ca, "--request", dir_.File("old.csr"), "--yes", "--out", enclave_ + "/cert.pem",
                 "--passphrase-file", passphrase}),
            0)
      << output_;
  // S-11: the folder vouches for its own subjects, beside the CA.
  const std::string certificate = Content("cert.pem");
  const std::string key = Content("key.pem");
  const TestKey chosen = TestKey::Generate();
  dir_.Write("ks/public/identity_ca.cert.pem",
             keystore_.identity_ca().certificate() + ReadFile(ca + "/identity_ca.pem"));
  dir_.Write("ks/enclaves/talker_listener/talker/cert.pem",
             keystore_.identity_ca().Issue(chosen.public_key(), Sros2Subject(kName)));
  dir_.Write("ks/enclaves/talker_listener/talker/key.pem", chosen.pem());
  Own();
  const std::vector<std::string> migrate = {"--for", "cyclonedds",        "--name",  "talker", "--ca-dir",
                                            ca,      "--passphrase-file", passphrase};
  EXPECT_EQ(Migrate(migrate), 1);
  EXPECT_THAT(output_, AllOf(HasSubstr("this CA did not sign"), HasSubstr("ddskeyctl ca sign")));
  EXPECT_NE(Ctl({"identity", "show", "talker"}), 0) << "before anything is done";
  // Somebody's certificate that is good, without the key.
  dir_.Write("ks/enclaves/talker_listener/talker/cert.pem", certificate);
  Own();
  EXPECT_EQ(Migrate(migrate), 1);
  EXPECT_THAT(output_, HasSubstr("not the certificate of the key in key.pem"));
  dir_.Write("ks/enclaves/talker_listener/talker/key.pem", key);
  dir_.Write("ks/public/identity_ca.cert.pem", ReadFile(ca + "/identity_ca.pem"));
  Own();
  ASSERT_EQ(Migrate(migrate), 0) << output_;
  EXPECT_EQ(Content("key.pem"), "ddskey:talker\n");
  EXPECT_NE(Content("cert.pem"), Content("cert.pem.before-ddskeyd"));
  ASSERT_EQ(Ctl({"store", "check"}), 0) << output_;
  // What the CA has revoked it does not certify anew.
  ASSERT_EQ(Ctl({"ros2", "restore-enclave", enclave_}), 0) << output_;
  ASSERT_EQ(Ctl({"ca", "revoke", ca, "--certificate", enclave_ + "/cert.pem"}), 0) << output_;
  std::vector<std::string> another = migrate;
  another[3] = "another";
  EXPECT_EQ(Migrate(another), 1);
  EXPECT_THAT(output_, HasSubstr("has revoked that certificate"));
}

TEST_F(Ros2EnclaveTest, RefusesBeforeAnythingIsDone) {
  const auto refused = [&](const std::vector<std::string>& options, int code, const std::string& why) {
    const auto before = Files();
    EXPECT_EQ(Migrate(options), code) << output_;
    EXPECT_THAT(output_, HasSubstr(why));
    EXPECT_EQ(Files(), before);
    EXPECT_NE(Ctl({"identity", "show", kIdentity}), 0);
  };
  refused({}, 2, "--for");
  refused({"--for", "opendds"}, 2, "fastdds or cyclonedds");
  refused({"--for", "fastdds", "--for", "cyclonedds"}, 2, "Make an enclave for each");
  refused({"--for", "fastdds", "--import", "--ca-dir", "ca"}, 2, "--import goes without");
  refused({"--for", "fastdds", "--import", "--user", "nobody-has-this-name"}, 2, "no user");
  refused({"--for", "fastdds", "--import", "--keystore", enclave_}, 1, "--keystore");
  refused({"--for", "fastdds", "--import", "--backend", "moon"}, 1, "the enclave is as it was");
  const std::string permissions = Content("permissions.p7s");
  fs::resize_file(enclave_ + "/permissions.p7s", permissions.size() / 2);
  refused({"--for", "fastdds", "--import"}, 1, "permissions.p7s");
  dir_.Write("ks/enclaves/talker_listener/talker/permissions.p7s", permissions);
  // S-14.
  fs::rename(enclave_ + "/key.pem", dir_.File("ks/private/moved.pem"));
  fs::create_symlink("../../../private/moved.pem", enclave_ + "/key.pem");
  refused({"--for", "fastdds", "--import"}, 1, "symbolic link");
}

TEST_F(Ros2EnclaveTest, UsesOneCaForBothRolesOnlyWhenTold) {
  const TempDir other;
  const Sros2Keystore keystore(other.path(), true);
  const std::string enclave = keystore.AddEnclave("/arm");
  const std::vector<std::string> migrate = {"ros2", "migrate-enclave", enclave, "--for", "cyclonedds", "--import"};
  EXPECT_EQ(Ctl(migrate), 1);
  EXPECT_THAT(output_, HasSubstr("--allow-one-ca"));
  std::vector<std::string> allowed = migrate;
  allowed.emplace_back("--allow-one-ca");
  ASSERT_EQ(Ctl(allowed), 0) << output_;
  EXPECT_THAT(output_, HasSubstr("Warning: One key is identity CA and permissions CA"));
  EXPECT_EQ(ReadFile(enclave + "/key.pem"), "ddskey:arm\n");
}

TEST_F(Ros2EnclaveTest, ReplacesNothingBeforeTheDaemonHasSignedATestAndGoesOnLater) {
  const std::string rule =
      R"(rule { name: "root" effect: ALLOW caller { uid: 0 } key: "*" operation: [KEY_IMPORT, KEY_LIST, STATUS)";
  const std::vector<std::string> options = {"--for", "cyclonedds", "--import", "--name", kIdentity};
  const auto before = Files();
  // Each step of the daemon is refused once.
  for (const std::string more : {"", ", TRUST_CHANGE", ", CERTIFICATE_INSTALL, TRUST_CHANGE"}) {
    daemon_.SetPolicy(rule + more + "] }");
    EXPECT_EQ(Migrate(options), 1) << output_;
    EXPECT_THAT(output_, HasSubstr("the enclave is as it was"));
    EXPECT_EQ(Files(), before);
  }
  daemon_.SetPolicy(rule + ", CERTIFICATE_INSTALL, TRUST_CHANGE, STORE_CHECK] }");
  ASSERT_EQ(Migrate(options), 0) << output_;
  EXPECT_THAT(output_, Not(HasSubstr("Take the private key"))) << "the daemon has it since the first run";
  EXPECT_EQ(Content("key.pem"), "ddskey:talker_listener.talker\n");
}

TEST_F(Ros2EnclaveTest, S8LeavesIdentitiesOfOthersAlone) {
  ASSERT_EQ(Migrate({"--for", "cyclonedds", "--import"}), 0) << output_;
  ASSERT_EQ(Ctl({"trust", "list", kIdentity}), 0) << output_;
  const std::string trust = output_;
  // Another user's enclave: a copy of what is public in the first, and a CA of his own beside the right one.
  const TempDir other;
  const TestCa own = TestCa::Root("own CA");
  for (const char* file : {"cert.pem", "permissions_ca.cert.pem", "permissions.p7s", "governance.p7s"}) {
    other.Write(file, Content(file));
  }
  other.Write("identity_ca.cert.pem", own.certificate() + Content("identity_ca.cert.pem"));
  other.Write("key.pem", TestKey::Generate().pem());
  const auto migrate = [&](const std::vector<std::string>& name) {
    std::vector<std::string> line = {"ros2", "migrate-enclave", other.path(), "--for", "cyclonedds", "--import"};
    line.insert(line.end(), name.begin(), name.end());
    return Ctl(line);
  };
  const auto refused = [&](const std::vector<std::string>& name, const std::string& why) {
    EXPECT_EQ(migrate(name), 1);
    EXPECT_THAT(output_, AllOf(HasSubstr(why), Not(HasSubstr("rule {"))));
    ASSERT_EQ(Ctl({"trust", "list", kIdentity}), 0);
    EXPECT_EQ(output_, trust);
  };
  refused({}, "choose a name with --name");
  refused({"--name", kIdentity}, "choose a name with --name");
  // With the first one's key, too: trust is not for folders to change.
  other.Write("key.pem", Content("key.pem.before-ddskeyd"));
  refused({}, "go on with --name");
  refused({"--name", kIdentity}, "trusts other CAs");
  // S-14: a reference is no reason to let anybody use a key.
  other.Write("key.pem", std::string("ddskey:") + kIdentity);
  EXPECT_EQ(migrate({"--user", "60107"}), 0) << output_;
  EXPECT_THAT(output_, AllOf(HasSubstr("The folder only names it"), Not(HasSubstr("rule {"))));
}

TEST_F(Ros2EnclaveTest, RestoresOverNoOtherKey) {
  ASSERT_EQ(Migrate({"--for", "cyclonedds", "--import"}), 0) << output_;
  fs::remove(enclave_ + "/key.pem");
  dir_.Write("ks/enclaves/talker_listener/talker/key.pem", TestKey::Generate().pem());
  Own();
  const auto before = Files();
  EXPECT_EQ(Ctl({"ros2", "restore-enclave", enclave_}), 1);
  EXPECT_THAT(output_, HasSubstr("another key"));
  EXPECT_EQ(Files(), before);
  fs::remove(enclave_ + "/key.pem");
  EXPECT_EQ(Ctl({"ros2", "restore-enclave", enclave_}), 0) << output_;
}

TEST_F(Ros2EnclaveTest, SaysWhichRuleIsMissing) {
  daemon_.SetPolicy(R"(rule { name: "root" effect: ALLOW caller { uid: 0 } key: "*"
    operation: [KEY_IMPORT, KEY_LIST, CERTIFICATE_INSTALL, TRUST_CHANGE, STORE_CHECK, STATUS] })");
  ASSERT_EQ(Migrate({"--for", "cyclonedds", "--import", "--user", "60107"}), 0) << output_;
  EXPECT_THAT(output_,
              AllOf(HasSubstr("does not let the application use the key yet"),
                    HasSubstr("rule { name: \"talker_listener.talker\" effect: ALLOW caller { uid: 60107 } key: "
                              "\"talker_listener.talker\" operation: HANDSHAKE }"),
                    HasSubstr(daemon_.dir().File("policy.textproto"))));
}

TEST_F(Ros2EnclaveTest, TheLinesInTheDocumentationMigrateEnclaves) {
  keystore_.AddEnclave("/talker_listener/listener");
  Own();
  std::string script = "set -e\n" + ShellLines("docs/ros2.md", "//test/integration:ros2_enclave_test");
  const std::string somewhere = "/home/robot/sros2";
  for (size_t at = script.find(somewhere); at != std::string::npos; at = script.find(somewhere)) {
    script.replace(at, somewhere.size(), keystore_.folder());
  }
  ASSERT_THAT(script, HasSubstr("openssl x509"));
  Process::Options options;
  // The owner of this keystore has no account.
  const std::string as_owner = "sudo -u robot";
  ASSERT_THAT(script, HasSubstr(as_owner + " shred"));
  for (size_t at = script.find(as_owner); at != std::string::npos; at = script.find(as_owner)) {
    script.replace(at, as_owner.size(), "setpriv --reuid=60103 --regid=60103 --clear-groups");
  }
  options.environment["TMPDIR"] = dir_.path();
  options.environment["PATH"] = fs::absolute("client/cli").string() + ":" + std::getenv("PATH");
  options.environment["DDSKEY_ADMIN_SOCKET"] = daemon_.admin_socket();
  ASSERT_EQ(test::Run({"sh", "-c", script}, &output_, options), 0) << output_;
  EXPECT_THAT(Content("key.pem"), HasSubstr("BEGIN PRIVATE KEY")) << "restored";
  EXPECT_EQ(ReadFile(keystore_.Enclave("/talker_listener/listener") + "/key.p11"),
            "pkcs11:token=ddskey;object=talker_listener.listener\n");
}

}  // namespace
}  // namespace ddskey::test
