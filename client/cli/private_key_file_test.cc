#include "client/cli/private_key_file.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <string>
#include <vector>

#include "proto/contract/secret_access.h"
#include "test/support/pki.h"
#include "test/support/process.h"
#include "test/support/status_matchers.h"
#include "test/support/temp_dir.h"

namespace ddskey::cli {
namespace {

using ::ddskey::test::StatusIs;
using ::testing::HasSubstr;

SecretBytes Secret(const std::string& text) {
  SecretBytes secret = *SecretBytes::Allocate(text.size());
  std::ranges::copy(text, secret.Reveal(SecretAccess()).begin());
  return secret;
}
std::string Text(const SecretBytes& secret) {
  const auto octets = secret.Reveal(SecretAccess());
  return {octets.begin(), octets.end()};
}
absl::StatusOr<SecretBytes> Nobody() { return absl::CancelledError("nobody was to be asked"); }

class PrivateKeyFileTest : public ::testing::Test {
 protected:
  // Convert has openssl write the key in another form.
  std::string Convert(std::vector<std::string> command) {
    dir_.Write("key", key_.pem());
    command.insert(command.begin(), "openssl");
    command.insert(command.end(), {"-in", dir_.File("key"), "-out", dir_.File("converted")});
    std::string output;
    EXPECT_EQ(test::Run(command, &output), 0) << output;
    return test::ReadFile(dir_.File("converted"));
  }

  const test::TempDir dir_;
  const test::TestKey key_ = test::TestKey::Generate(test::TestKeyType::kRsa2048);
};

TEST_F(PrivateKeyFileTest, ReadsEveryFormOfTheSameKey) {
  const auto plain = ParsePrivateKeyFile(Secret(key_.pem()), Nobody);
  ASSERT_OK(plain);
  const std::vector<std::vector<std::string>> kForms = {
      {"rsa", "-traditional"},
      {"rsa", "-traditional", "-aes256", "-passout", "pass:correct horse"},
      {"pkcs8", "-topk8", "-v2", "aes-256-cbc", "-passout", "pass:correct horse"},
      {"pkcs8", "-topk8", "-scrypt", "-passout", "pass:correct horse"},
  };
  for (const auto& form : kForms) {
    const std::string pem = "text before\n" + Convert(form);
    const auto parsed = ParsePrivateKeyFile(Secret(pem), [] { return Secret("correct horse"); });
    ASSERT_OK(parsed);
    ASSERT_TRUE(parsed->pkcs8.has_value());
    EXPECT_EQ(Text(*parsed->pkcs8), Text(*plain->pkcs8));
  }
}

TEST_F(PrivateKeyFileTest, AsksForAPassphraseOnlyWhereOneIsNeeded) {
  const std::string pem = Convert({"pkcs8", "-topk8", "-v2", "aes-256-cbc", "-passout", "pass:correct horse"});
  EXPECT_THAT(ParsePrivateKeyFile(Secret(pem), Nobody), StatusIs(absl::StatusCode::kCancelled));
  EXPECT_THAT(ParsePrivateKeyFile(Secret(pem), [] { return Secret("wrong battery"); }),
              StatusIs(absl::StatusCode::kInvalidArgument, HasSubstr("passphrase is wrong")));
}

TEST_F(PrivateKeyFileTest, S13DoesNotSpendMinutesOnAPassphrase) {
  const std::string costly =
      Convert({"pkcs8", "-topk8", "-v2", "aes-256-cbc", "-iter", "10000001", "-passout", "pass:correct horse"});
  EXPECT_THAT(ParsePrivateKeyFile(Secret(costly), Nobody), StatusIs(absl::StatusCode::kResourceExhausted));
  const std::string outdated = Convert({"pkcs8", "-topk8", "-v1", "PBE-SHA1-3DES", "-passout", "pass:correct horse"});
  EXPECT_THAT(ParsePrivateKeyFile(Secret(outdated), Nobody),
              StatusIs(absl::StatusCode::kInvalidArgument, HasSubstr("openssl pkcs8")));
}

TEST_F(PrivateKeyFileTest, PassesOnWhatATpmHasEncrypted) {
  const auto parsed =
      ParsePrivateKeyFile(Secret("-----BEGIN TSS2 PRIVATE KEY-----\nAAEC\n-----END TSS2 PRIVATE KEY-----\n"), Nobody);
  ASSERT_OK(parsed);
  EXPECT_FALSE(parsed->pkcs8.has_value());
  EXPECT_EQ(parsed->tss2, std::string("\0\1\2", 3));
}

TEST_F(PrivateKeyFileTest, RefusesFilesWithoutAKey) {
  for (const std::string& text :
       {std::string("text"), test::TestCa::Root("ca").certificate(), std::string("ddskey:talker"),
        std::string("-----BEGIN PRIVATE KEY-----\nAAEC\n-----END PRIVATE KEY-----\n"),
        std::string("-----BEGIN ENCRYPTED PRIVATE KEY-----\nAAEC\n-----END ENCRYPTED PRIVATE KEY-----\n")}) {
    EXPECT_THAT(ParsePrivateKeyFile(Secret(text), Nobody), StatusIs(absl::StatusCode::kInvalidArgument)) << text;
  }
}

}  // namespace
}  // namespace ddskey::cli
