#include "daemon/backend/secret_source.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/stat.h>
#include <unistd.h>

#include <filesystem>
#include <string>
#include <thread>
#include <vector>

#include "proto/contract/secret_access.h"
#include "test/support/status_matchers.h"
#include "test/support/temp_dir.h"

namespace ddskey {
namespace {

using test::ReadFile;
using test::StatusIs;
using test::TempDir;
using ::testing::HasSubstr;

std::string Octets(const HostSecret& secret) {
  const auto octets = secret.value.Reveal(SecretAccess());
  return {octets.begin(), octets.end()};
}

SecretSource FileSource(const std::string& file) {
  SecretSource source;
  source.file = file;
  return source;
}

size_t Entries(const TempDir& dir) {
  return std::distance(std::filesystem::directory_iterator(dir.path()), std::filesystem::directory_iterator());
}

TEST(SecretSourceTest, MakesAnAbsentFileForItsUserAloneAndReadsItAgain) {
  const TempDir dir;
  ASSERT_OK_AND_ASSIGN(const HostSecret made, LoadSecret(FileSource(dir.File("s"))));
  ASSERT_OK_AND_ASSIGN(const HostSecret read, LoadSecret(FileSource(dir.File("s"))));
  EXPECT_EQ(Octets(made), Octets(read));
  EXPECT_EQ(made.value.size(), 32u);
  EXPECT_FALSE(made.is_credential);
  EXPECT_THAT(made.origin, HasSubstr(dir.File("s")));
  struct stat file = {};
  ASSERT_EQ(stat(dir.File("s").c_str(), &file), 0);
  EXPECT_EQ(file.st_mode & 07777, 0600u);
  EXPECT_EQ(file.st_size, 32);
  EXPECT_NE(ReadFile(dir.File("s")), Octets(made)) << "the content is hashed";
  EXPECT_EQ(Entries(dir), 1u) << "no unfinished file stays behind";
}

TEST(SecretSourceTest, TwoInstallationsHaveTwoSecrets) {
  const TempDir dir;
  ASSERT_OK_AND_ASSIGN(const HostSecret a, LoadSecret(FileSource(dir.File("a"))));
  ASSERT_OK_AND_ASSIGN(const HostSecret b, LoadSecret(FileSource(dir.File("b"))));
  EXPECT_NE(Octets(a), Octets(b));
}

TEST(SecretSourceTest, DaemonsThatStartTogetherAgree) {
  const TempDir dir;
  std::vector<std::string> secrets(8);
  std::vector<std::thread> daemons;
  for (std::string& secret : secrets) {
    daemons.emplace_back([&] {
      const auto loaded = LoadSecret(FileSource(dir.File("s")));
      if (loaded.ok()) secret = Octets(*loaded);
    });
  }
  for (std::thread& daemon : daemons) daemon.join();
  EXPECT_EQ(secrets[0].size(), 32u);
  EXPECT_THAT(secrets, ::testing::Each(secrets[0]));
  EXPECT_EQ(Entries(dir), 1u);
}

TEST(SecretSourceTest, PrefersTheCredentialAndLeavesTheFileAlone) {
  const TempDir dir;
  const std::string content(100, 'x');
  chmod(dir.Write("ddskeyd.software-secret", content).c_str(), 0440);
  SecretSource source = FileSource(dir.File("s"));
  source.credentials_directory = dir.path();
  ASSERT_OK_AND_ASSIGN(const HostSecret credential, LoadSecret(source));
  EXPECT_TRUE(credential.is_credential);
  EXPECT_FALSE(std::filesystem::exists(dir.File("s")));

  chmod(dir.Write("copy", content).c_str(), 0600);
  ASSERT_OK_AND_ASSIGN(const HostSecret file, LoadSecret(FileSource(dir.File("copy"))));
  EXPECT_EQ(Octets(credential), Octets(file)) << "a file can become the credential";
}

TEST(SecretSourceTest, TakesTheFileWhenTheCredentialIsNotAmongThosePassed) {
  const TempDir dir;
  const TempDir credentials;
  SecretSource source = FileSource(dir.File("s"));
  source.credentials_directory = credentials.path();
  ASSERT_OK_AND_ASSIGN(const HostSecret secret, LoadSecret(source));
  EXPECT_FALSE(secret.is_credential);
}

TEST(SecretSourceTest, RefusesABadCredentialInsteadOfTakingTheFile) {
  const TempDir dir;
  chmod(dir.Write("ddskeyd.software-secret", "short").c_str(), 0400);
  SecretSource source = FileSource(dir.File("s"));
  source.credentials_directory = dir.path();
  EXPECT_THAT(LoadSecret(source), StatusIs(absl::StatusCode::kFailedPrecondition, HasSubstr("5 octets")));
}

TEST(SecretSourceTest, RefusesAFileThatOthersCanReadOrWrite) {
  const TempDir dir;
  const std::string path = dir.Write("s", std::string(32, 'x'));
  for (const mode_t mode : {0640, 0604, 0620, 0602, 0666}) {
    chmod(path.c_str(), mode);
    EXPECT_THAT(LoadSecret(FileSource(path)), StatusIs(absl::StatusCode::kFailedPrecondition, HasSubstr("chmod")));
  }
  chmod(path.c_str(), 0400);
  EXPECT_OK(LoadSecret(FileSource(path)));
}

TEST(SecretSourceTest, RefusesAFileOfAnotherUser) {
  const TempDir dir;
  const std::string path = dir.Write("s", std::string(32, 'x'));
  chmod(path.c_str(), 0600);
  if (chown(path.c_str(), 65534, 65534) != 0) GTEST_SKIP() << "only root can give a file away";
  EXPECT_THAT(LoadSecret(FileSource(path)), StatusIs(absl::StatusCode::kFailedPrecondition, HasSubstr("chown")));
}

TEST(SecretSourceTest, RefusesLinksFoldersPipesAndFilesOfUnlikelySize) {
  const TempDir dir;
  chmod(dir.Write("good", std::string(32, 'x')).c_str(), 0600);
  std::filesystem::create_symlink("good", dir.File("link"));
  std::filesystem::create_directory(dir.File("folder"));
  ASSERT_EQ(mkfifo(dir.File("pipe").c_str(), 0600), 0);
  chmod(dir.Write("empty", "").c_str(), 0600);
  chmod(dir.Write("short", std::string(31, 'x')).c_str(), 0600);
  chmod(dir.Write("long", std::string(4097, 'x')).c_str(), 0600);
  for (const char* name : {"link", "folder", "pipe", "empty", "short", "long"}) {
    EXPECT_THAT(LoadSecret(FileSource(dir.File(name))), StatusIs(absl::StatusCode::kFailedPrecondition)) << name;
  }
  EXPECT_OK(LoadSecret(FileSource(dir.File("good"))));
}

TEST(SecretSourceTest, SaysWhereItCouldNotMakeTheFile) {
  EXPECT_THAT(LoadSecret(FileSource("/nowhere/at/all/s")),
              StatusIs(absl::StatusCode::kFailedPrecondition, HasSubstr("/nowhere/at/all/s")));
}

TEST(SecretSourceTest, AnAuthorisationValueIsWhatIsWrittenWithoutTheNewlineBehindIt) {
  const TempDir dir;
  const auto value = [&dir](const std::string& content) {
    chmod(dir.Write("owner", content).c_str(), 0400);
    const auto found = FindAuthValue(dir.path(), "owner");
    EXPECT_OK(found);
    const auto octets = (*found)->Reveal(SecretAccess());
    return std::string(octets.begin(), octets.end());
  };
  EXPECT_EQ(value("password"), "password");
  EXPECT_EQ(value("password\n"), "password");
  EXPECT_EQ(value("pass\n\n"), "pass\n");
  EXPECT_EQ(value(std::string(64, 'x') + "\n"), std::string(64, 'x'));
}

TEST(SecretSourceTest, RefusesAnAuthorisationValueThatIsEmptyOrTooLong) {
  const TempDir dir;
  for (const std::string& wrong : {std::string(), std::string("\n"), std::string(65, 'x'), std::string(66, 'x')}) {
    chmod(dir.Write("owner", wrong).c_str(), 0400);
    EXPECT_THAT(FindAuthValue(dir.path(), "owner"), StatusIs(absl::StatusCode::kFailedPrecondition)) << wrong.size();
  }
}

TEST(SecretSourceTest, FindsWhatSystemdTookFromTheFoldersOfCredentialsTheEncryptedOneFirst) {
  const TempDir dir;
  const auto pin = [&dir] {
    const auto found = FindAuthValue(dir.path(), "ddskeyd.pkcs11-pin.hsm");
    EXPECT_OK(found);
    const auto octets = (*found)->Reveal(SecretAccess());
    return std::string(octets.begin(), octets.end());
  };
  chmod(dir.Write("ddskeyd.plain_pkcs11-pin.hsm", "plain\n").c_str(), 0400);
  EXPECT_EQ(pin(), "plain");
  chmod(dir.Write("ddskeyd_pkcs11-pin.hsm", "encrypted").c_str(), 0400);
  EXPECT_EQ(pin(), "encrypted");
  chmod(dir.Write("ddskeyd.pkcs11-pin.hsm", "by its own name").c_str(), 0400);
  EXPECT_EQ(pin(), "by its own name");

  chmod(dir.Write("ddskeyd.plain_software-secret", std::string(32, 'x')).c_str(), 0400);
  SecretSource source = FileSource(dir.File("s"));
  source.credentials_directory = dir.path();
  ASSERT_OK_AND_ASSIGN(const HostSecret secret, LoadSecret(source));
  EXPECT_TRUE(secret.is_credential);
  EXPECT_THAT(secret.origin, HasSubstr("ddskeyd.plain_software-secret"));
}

TEST(SecretSourceTest, WhatOnlyACredentialMayBeIsAbsentWithoutOneAndNotMade) {
  const TempDir dir;
  for (const std::string& directory : {std::string(), std::string(dir.path())}) {
    const auto value = FindAuthValue(directory, "absent");
    EXPECT_TRUE(value.ok() && !value->has_value());
    const auto secret = FindSecret(directory, "absent");
    EXPECT_TRUE(secret.ok() && !secret->has_value());
  }
  EXPECT_EQ(Entries(dir), 0u);
}

TEST(SecretSourceTest, MakesNoOtherSecretWhereOneIsNeeded) {
  const test::TempDir dir;
  SecretSource source;
  source.file = dir.File("secret");
  source.is_needed = true;
  EXPECT_THAT(LoadSecret(source), test::StatusIs(absl::StatusCode::kNotFound, ::testing::HasSubstr("restore it")));
  EXPECT_FALSE(std::filesystem::exists(source.file));
  source.is_needed = false;
  ASSERT_OK(LoadSecret(source));
  source.is_needed = true;
  EXPECT_OK(LoadSecret(source));
}

}  // namespace
}  // namespace ddskey
