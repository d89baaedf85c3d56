// ReadOwnersFile, also as root in the folders of another user, whom the sandbox does not have.

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/stat.h>
#include <unistd.h>

#include <filesystem>
#include <string>

#include "client/cli/private_key_file.h"
#include "proto/contract/secret_access.h"
#include "test/support/status_matchers.h"
#include "test/support/temp_dir.h"

namespace ddskey::cli {
namespace {

using ::ddskey::test::StatusIs;
using ::testing::HasSubstr;

constexpr auto kCannot = absl::StatusCode::kFailedPrecondition;
constexpr uid_t kUser = 65534;

std::string Text(const absl::StatusOr<SecretBytes>& secret) {
  if (!secret.ok()) return secret.status().ToString();
  const auto octets = secret->Reveal(SecretAccess());
  return {octets.begin(), octets.end()};
}

class OwnersFileTest : public ::testing::Test {
 protected:
  // Write makes a file of `owner` that nobody else may read.
  std::string Write(const std::string& name, const std::string& content, uid_t owner) const {
    std::string path = dir_.Write(name, content);
    EXPECT_EQ(chmod(path.c_str(), 0600), 0);
    EXPECT_EQ(chown(path.c_str(), owner, owner), 0);
    return path;
  }
  // Folder makes a folder of `owner` that nobody else may enter.
  void Folder(const std::string& name, uid_t owner) const {
    const std::string path = dir_.File(name);
    EXPECT_EQ(mkdir(path.c_str(), 0700), 0);
    EXPECT_EQ(chown(path.c_str(), owner, owner), 0);
  }

  const test::TempDir dir_;
};

TEST_F(OwnersFileTest, S14ReadsRegularFilesOfTheOwnerOfTheFolder) {
  bool others = true;
  const std::string path = Write("a", "content", geteuid());
  EXPECT_EQ(Text(ReadOwnersFile(path, &others)), "content");
  EXPECT_FALSE(others);
  ASSERT_EQ(chmod(path.c_str(), 0644), 0);
  EXPECT_OK(ReadOwnersFile(path, &others));
  EXPECT_TRUE(others);
  std::filesystem::create_symlink(path, dir_.File("link"));
  Folder("folder", geteuid());
  ASSERT_EQ(mkfifo(dir_.File("pipe").c_str(), 0600), 0);
  for (const std::string name : {"link", "folder", "pipe", "nothing", ""}) {
    EXPECT_THAT(ReadOwnersFile(dir_.File(name)), StatusIs(kCannot)) << name;
  }
  std::filesystem::create_directory_symlink(dir_.path(), dir_.File("folder/up"));
  EXPECT_THAT(ReadOwnersFile(dir_.File("folder/up/a")), StatusIs(kCannot, HasSubstr("symbolic link")));
  EXPECT_THAT(ReadOwnersFile(dir_.Write("empty", "")), StatusIs(kCannot));
  EXPECT_THAT(ReadOwnersFile(dir_.Write("large", std::string(16 * 1024 + 1, 'x'))), StatusIs(kCannot));
}

TEST_F(OwnersFileTest, S14TakesTheOwnersPlaceInTheFolderOfAUser) {
  if (geteuid() != 0) GTEST_SKIP() << "only the superuser takes the place of others";
  Folder("home", kUser);
  EXPECT_EQ(Text(ReadOwnersFile(Write("home/key.pem", "of the user", kUser))), "of the user");
  EXPECT_EQ(geteuid(), 0U);
  const std::string own = Write("own", "of root", 0);
  EXPECT_EQ(Text(ReadOwnersFile(own)), "of root") << "the place was given back";

  std::filesystem::create_hard_link(own, dir_.File("home/hard_link"));
  EXPECT_THAT(ReadOwnersFile(dir_.File("home/hard_link")), StatusIs(kCannot, HasSubstr("Permission denied")));
  ASSERT_EQ(chmod(own.c_str(), 0644), 0);
  EXPECT_THAT(ReadOwnersFile(dir_.File("home/hard_link")), StatusIs(kCannot, HasSubstr("does not belong")));
  std::filesystem::create_symlink(own, dir_.File("home/link"));
  EXPECT_THAT(ReadOwnersFile(dir_.File("home/link")), StatusIs(kCannot, HasSubstr("symbolic link")));
  // Of which root would be the owner.
  Folder("private", 0);
  Write("private/key.pem", "of root", 0);
  std::filesystem::create_directory_symlink(dir_.File("private"), dir_.File("home/folder"));
  EXPECT_THAT(ReadOwnersFile(dir_.File("home/folder/key.pem")), StatusIs(kCannot, HasSubstr("symbolic link")));
}

}  // namespace
}  // namespace ddskey::cli
