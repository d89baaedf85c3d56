// The commands about registers of a TPM, and about its authorisation values.
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/stat.h>

#include <string>
#include <vector>

#include "client/cli/fake_admin_client.h"
#include "test/support/process.h"
#include "test/support/temp_dir.h"

namespace ddskey::cli {
namespace {

using ::testing::AllOf;
using ::testing::HasSubstr;
using ::testing::Not;

class PcrCommandsTest : public ::testing::Test {
 protected:
  // Key makes a private key with `more` arguments of openssl, and its public one, and returns the path of the first.
  std::string Key(const std::string& name, const std::vector<std::string>& more = {}) {
    const std::string path = folder_.File(name);
    std::vector<std::string> command = {"openssl", "genpkey", "-algorithm", "EC", "-pkeyopt", "ec_paramgen_curve:P-256",
                                        "-out",    path};
    command.insert(command.end(), more.begin(), more.end());
    std::string output;
    EXPECT_EQ(test::Run(command, &output), 0) << output;
    return path;
  }
  std::string Secret(const std::string& name, const std::string& content) {
    const std::string path = folder_.Write(name, content);
    EXPECT_EQ(chmod(path.c_str(), 0600), 0);
    return path;
  }
  Outcome Approve(const std::string& key, const std::vector<std::string>& more = {}) {
    std::vector<std::string> words = {"pcr",      "approve",      "--label", "fleet",           "--pcr",
                                      "sha256:7", "--pcr-values", values_,   "--authority-key", key};
    words.insert(words.end(), more.begin(), more.end());
    return RunWith(script_, words);
  }

  const test::TempDir folder_;
  const std::string values_ = folder_.Write("values", "  sha256:\n    7 : 0x" + std::string(64, 'a') + "\n");
  Script script_;
};

TEST_F(PcrCommandsTest, AKeyIsBoundAsTheOptionsSay) {
  const std::string key = Key("authority.key");
  std::string output;
  ASSERT_EQ(test::Run({"openssl", "pkey", "-in", key, "-pubout", "-out", folder_.File("authority.pem")}, &output), 0);
  ASSERT_EQ(RunWith(script_, {"key", "create", "lidar", "--pcr", "sha256:0,7", "--pcr-authority",
                              folder_.File("authority.pem"), "--pcr-label", "fleet"})
                .code,
            kOk);
  EXPECT_EQ(script_.create.pcrs(), "sha256:0,7");
  EXPECT_EQ(script_.create.pcr_label(), "fleet");
  EXPECT_EQ(script_.create.pcr_authority().size(), 91U) << "DER of a P-256 key";
  EXPECT_EQ(RunWith(script_, {"key", "create", "lidar", "--pcr", "sha256:24"}).code, kUsage);
  EXPECT_EQ(RunWith(script_, {"key", "create", "lidar", "--pcr-label", "fleet"}).code, kUsage);
  EXPECT_EQ(RunWith(script_, {"key", "create", "lidar", "--pcr", "sha256:7", "--pcr-label", "fleet"}).code, kUsage);
  EXPECT_EQ(script_.calls, 1);
}

TEST_F(PcrCommandsTest, AnApprovalGoesFromTheAuthorityToTheDaemon) {
  const Outcome made = Approve(Key("authority.key"), {"--out", folder_.File("approval")});
  ASSERT_EQ(made.code, kOk) << made.err;
  ASSERT_EQ(RunWith(script_, {"key", "approve-pcr", "lidar", "--approval", folder_.File("approval")}).code, kOk);
  EXPECT_EQ(script_.approve.name(), "lidar");
  EXPECT_EQ(script_.approve.approval().label(), "fleet");
  ASSERT_EQ(script_.approve.approval().value_size(), 1);
  EXPECT_EQ(script_.approve.approval().value(0).index(), 7U);
  EXPECT_EQ(script_.approve.approval().value(0).bank(), "sha256");
  EXPECT_EQ(script_.approve.approval().value(0).value(), std::string(64, 'a'));
  EXPECT_GE(script_.approve.approval().signature().size(), 68U);
  EXPECT_EQ(RunWith(script_, {"key", "approve-pcr", "lidar", "--approval", values_}).code, kFailed);
}

TEST_F(PcrCommandsTest, TheAuthoritysKeyMayHaveAPassphrase) {
  const std::string key = Key("authority.key", {"-aes-256-cbc", "-pass", "pass:correct horse"});
  EXPECT_EQ(Approve(key, {"--passphrase-file", Secret("right", "correct horse\n")}).code, kOk);
  const Outcome wrong = Approve(key, {"--passphrase-file", Secret("wrong", "battery staple\n")});
  EXPECT_EQ(wrong.code, kFailed);
  EXPECT_THAT(wrong.err, HasSubstr("passphrase is wrong"));
  EXPECT_EQ(Approve(key).code, kUsage) << "nobody is here to ask";
  EXPECT_EQ(Approve(values_).code, kFailed) << "no key at all";
}

TEST_F(PcrCommandsTest, StatusAndKeyShowSayWhichKeyDoesNotSign) {
  v1::KeyProblem& problem = *script_.daemon.add_key_problems();
  problem.set_key_name("lidar");
  problem.set_generation(2);
  problem.set_problem("PCR 7 (sha256) of the TPM is not as the key needs it");
  const Outcome status = RunWith(script_, {"status"});
  EXPECT_EQ(status.code, kFailed);
  EXPECT_THAT(status.out, HasSubstr("the key lidar (generation 2) does not sign: PCR 7 (sha256)"));

  v1::KeyGeneration& generation = *script_.key.add_generations();
  generation.set_state("current");
  v1::PcrBinding& binding = *generation.mutable_pcr_binding();
  binding.set_pcrs("sha256:0,7");
  binding.set_label("fleet");
  binding.set_authority_sha256(std::string(64, 'e'));
  binding.add_allowed();
  binding.add_allowed();
  binding.set_problem("PCR 7 (sha256)");
  EXPECT_THAT(RunWith(script_, {"key", "show", "lidar"}).out,
              AllOf(HasSubstr("sha256:0,7 of the TPM; 1 approval for fleet by the authority eeeeeeeeeeeeeeee"),
                    HasSubstr("Problem:      PCR 7 (sha256)")));
  script_.keys = {script_.key, v1::Key()};
  script_.keys[1].set_name("free");
  EXPECT_THAT(RunWith(script_, {"key", "list"}).out, AllOf(HasSubstr("BOUND TO"), HasSubstr("sha256:0,7")));
  script_.keys = {v1::Key()};
  EXPECT_THAT(RunWith(script_, {"key", "list"}).out, Not(HasSubstr("BOUND TO")));
}

TEST_F(PcrCommandsTest, ABackendIsGivenWhatItWaitsFor) {
  v1::BackendStatus& backend = *script_.daemon.add_backends();
  backend.set_name("tpm");
  const std::string file = Secret("value", "owner password\nnot this\n");
  EXPECT_THAT(RunWith(script_, {"backend", "unlock", "tpm", "--value-file", file}).err,
              HasSubstr("waits for no value"));
  backend.add_waits_for("owner");
  ASSERT_EQ(RunWith(script_, {"backend", "unlock", "tpm", "--value-file", file}).code, kOk);
  EXPECT_EQ(script_.unlock.backend(), "tpm");
  EXPECT_EQ(script_.unlock.kind(), "owner");
  EXPECT_EQ(script_.unlock.value(), "owner password");
  backend.add_waits_for("keys");
  const Outcome which = RunWith(script_, {"backend", "unlock", "tpm", "--value-file", file});
  EXPECT_EQ(which.code, kUsage);
  EXPECT_THAT(which.err, HasSubstr("owner, keys"));
  ASSERT_EQ(RunWith(script_, {"backend", "unlock", "tpm", "--for", "keys", "--value-file", file}).code, kOk);
  EXPECT_EQ(script_.unlock.value(), "owner password\nnot this\n") << "a secret is all of its file";
  EXPECT_EQ(RunWith(script_, {"backend", "unlock", "tpm", "--for", "me", "--value-file", file}).code, kUsage);
  EXPECT_EQ(RunWith(script_, {"backend", "unlock", "other", "--value-file", file}).code, kFailed);
  EXPECT_EQ(RunWith(script_, {"backend", "unlock", "tpm", "--for", "owner"}).code, kUsage) << "nobody is here to ask";
  ASSERT_EQ(chmod(file.c_str(), 0644), 0);
  EXPECT_THAT(RunWith(script_, {"backend", "unlock", "tpm", "--for", "owner", "--value-file", file}).err,
              HasSubstr("closed to others"));
}

}  // namespace
}  // namespace ddskey::cli
