#include "client/cli/private_key_file.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <filesystem>
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

TEST_F(PrivateKeyFileTest, S14ReadsRegularFilesOfTheOwnerOfTheFolder) {
  bool others = true;
  const std::string path = dir_.Write("a", "content");
  chmod(path.c_str(), 0600);
  ASSERT_OK_AND_ASSIGN(const SecretBytes content, ReadOwnersFile(path, &others));
  EXPECT_EQ(Text(content), "content");
  EXPECT_FALSE(others);
  chmod(path.c_str(), 0644);
  EXPECT_OK(ReadOwnersFile(path, &others));
  EXPECT_TRUE(others);
  std::filesystem::create_symlink(path, dir_.File("link"));
  std::filesystem::create_directory(dir_.File("folder"));
  ASSERT_EQ(mkfifo(dir_.File("pipe").c_str(), 0600), 0);
  for (const std::string name : {"link", "folder", "pipe", "nothing", ""}) {
    EXPECT_FALSE(ReadOwnersFile(dir_.File(name)).ok()) << name;
  }
  std::filesystem::create_directory_symlink(dir_.path(), dir_.File("folder/up"));
  EXPECT_THAT(ReadOwnersFile(dir_.File("folder/up/a")),
              StatusIs(absl::StatusCode::kFailedPrecondition, HasSubstr("symbolic link")));
  EXPECT_FALSE(ReadOwnersFile(dir_.Write("empty", "")).ok());
  EXPECT_FALSE(ReadOwnersFile(dir_.Write("large", std::string(16 * 1024 + 1, 'x'))).ok());
}

TEST_F(PrivateKeyFileTest, S14DoesNotReadForAUserWhatThatUserMayNotRead) {
  if (geteuid() != 0) GTEST_SKIP() << "only the superuser takes the place of others";
  const std::string secret = dir_.Write("secret", "of root");
  chmod(secret.c_str(), 0600);
  const std::string home = dir_.File("home");
  std::filesystem::create_directory(home);
  std::filesystem::create_hard_link(secret, home + "/key.pem");
  if (chown(home.c_str(), 65534, 65534) != 0) GTEST_SKIP() << "there is one user only";
  EXPECT_FALSE(ReadOwnersFile(home + "/key.pem").ok()) << "of another owner, and closed to that user";
  chmod(secret.c_str(), 0644);
  EXPECT_FALSE(ReadOwnersFile(home + "/key.pem").ok()) << "of another owner";
}

}  // namespace
}  // namespace ddskey::cli
