// EnclaveFolder as root in the folders of another user, whom the sandbox does not have.
#include "client/ros2/enclave_folder.h"

#include <fcntl.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/stat.h>
#include <unistd.h>

#include <filesystem>
#include <string>

#include "client/ros2/owners_rights.h"
#include "proto/contract/status_macros.h"
#include "test/support/status_matchers.h"
#include "test/support/temp_dir.h"

namespace ddskey::ros2 {
namespace {

namespace fs = std::filesystem;
using ::ddskey::test::ReadFile;
using ::ddskey::test::StatusIs;
using ::testing::HasSubstr;

constexpr auto kCannot = absl::StatusCode::kFailedPrecondition;
constexpr uid_t kUser = 60103;
constexpr uid_t kOther = 60104;

class EnclaveFolderTest : public ::testing::Test {
 protected:
  EnclaveFolderTest() {
    for (const char* folder : {"ks", "ks/public", "ks/private", "ks/enclaves", "ks/enclaves/a"}) Folder(folder, kUser);
    Write("ks/public/ca.pem", "certificate", kUser);
    Write("ks/enclaves/a/key.pem", "the key", kUser);
  }

  void Own(const std::string& name, uid_t owner) const { EXPECT_EQ(lchown(dir_.File(name).c_str(), owner, owner), 0); }
  std::string Folder(const std::string& name, uid_t owner) const {
    EXPECT_EQ(mkdir(dir_.File(name).c_str(), 0700), 0);
    Own(name, owner);
    return dir_.File(name);
  }
  std::string Write(const std::string& name, const std::string& content, uid_t owner, mode_t mode = 0600) const {
    const std::string path = dir_.Write(name, content);
    EXPECT_EQ(chmod(path.c_str(), mode), 0);
    Own(name, owner);
    return path;
  }
  void Link(const std::string& target, const std::string& name) const {
    fs::create_symlink(target, dir_.File(name));
    Own(name, kUser);
  }
  absl::StatusOr<EnclaveFolder> Open(const std::string& keystore = "") const {
    return EnclaveFolder::Open(dir_.File("ks/enclaves/a"), keystore);
  }
  // ReadKey is what becomes of key.pem.
  absl::Status ReadKey() const {
    ASSIGN_OR_RETURN(const EnclaveFolder folder, Open());
    return folder.ReadSecret("key.pem").status();
  }

  const test::TempDir dir_;
};

TEST_F(EnclaveFolderTest, S14TakesTheOwnersPlaceWithItsGroupsAndGivesItBack) {
  const std::string of_root = Write("ks/enclaves/a/of_root", "secret", 0);
  const std::string of_group = Write("ks/enclaves/a/of_group", "secret", 0, 0640);
  {
    ASSERT_OK_AND_ASSIGN(const auto rights, OwnersRights::Take(kUser));
    EXPECT_EQ(open(of_root.c_str(), O_RDONLY), -1);
    EXPECT_EQ(open(of_group.c_str(), O_RDONLY), -1) << "root's groups are left, too";
    EXPECT_EQ(getgroups(0, nullptr), 0);
  }
  const int fd = open(of_root.c_str(), O_RDONLY);
  EXPECT_GE(fd, 0);
  close(fd);
}

TEST_F(EnclaveFolderTest, S14ReadsRegularFilesOfTheOwnerOnly) {
  EXPECT_OK(ReadKey());
  Own("ks/enclaves/a/key.pem", kOther);
  EXPECT_THAT(ReadKey(), StatusIs(kCannot));
  EXPECT_EQ(chmod(dir_.File("ks/enclaves/a/key.pem").c_str(), 0644), 0);
  EXPECT_THAT(ReadKey(), StatusIs(kCannot, HasSubstr("does not belong to the owner")));
  Own("ks/enclaves/a/key.pem", 0);
  EXPECT_THAT(ReadKey(), StatusIs(kCannot, HasSubstr("does not belong to the owner")));
}

TEST_F(EnclaveFolderTest, S14RefusesKeysThatAreLinksPipesFoldersOrTooLarge) {
  const std::string key = dir_.File("ks/enclaves/a/key.pem");
  Write("ks/private/other.pem", "another key", kUser);
  fs::remove(key);
  EXPECT_THAT(ReadKey(), StatusIs(absl::StatusCode::kNotFound));
  Link("../../private/other.pem", "ks/enclaves/a/key.pem");
  EXPECT_THAT(ReadKey(), StatusIs(kCannot, HasSubstr("symbolic link")));
  fs::remove(key);
  fs::create_hard_link(Write("ks/private/of_root", "root's key", 0, 0644), key);
  EXPECT_THAT(ReadKey(), StatusIs(kCannot, HasSubstr("does not belong to the owner")));
  fs::remove(key);
  ASSERT_EQ(mkfifo(key.c_str(), 0600), 0);
  Own("ks/enclaves/a/key.pem", kUser);
  EXPECT_THAT(ReadKey(), StatusIs(kCannot, HasSubstr("no regular file")));
  fs::remove(key);
  Folder("ks/enclaves/a/key.pem", kUser);
  EXPECT_THAT(ReadKey(), StatusIs(kCannot, HasSubstr("no regular file")));
  fs::remove(key);
  Write("ks/enclaves/a/key.pem", std::string(16 * 1024 + 1, 'x'), kUser);
  EXPECT_THAT(ReadKey(), StatusIs(kCannot, HasSubstr("16 KiB")));
  Write("ks/enclaves/a/key.pem", "", kUser);
  EXPECT_THAT(ReadKey(), StatusIs(kCannot, HasSubstr("16 KiB")));
}

TEST_F(EnclaveFolderTest, S14FollowsLinksOfPublicDocumentsBeneathTheKeystoreOnly) {
  Link("../../public/ca.pem", "ks/enclaves/a/good");
  Link("../../../outside", "ks/enclaves/a/escaping");
  Link(dir_.File("ks/public/ca.pem"), "ks/enclaves/a/absolute");
  Link("../../private/key", "ks/enclaves/a/secret");
  Link("/proc/self/fd/0", "ks/enclaves/a/magic");
  Link("../../public/of_root", "ks/enclaves/a/of_root");
  Link("../../public/of_other", "ks/enclaves/a/of_other");
  Write("outside", "x", kUser, 0644);
  Write("ks/private/key", "-----BEGIN PRIVATE KEY-----\n", kUser);
  Write("ks/public/of_root", "certificate of root", 0, 0644);
  Write("ks/public/of_other", "certificate", kOther, 0644);
  ASSERT_OK_AND_ASSIGN(const EnclaveFolder folder, Open());
  EXPECT_EQ(folder.owner(), kUser);
  EXPECT_EQ(folder.ReadPublic("good").value(), "certificate");
  EXPECT_EQ(folder.ReadPublic("of_root").value(), "certificate of root");
  EXPECT_THAT(folder.ReadPublic("escaping"), StatusIs(kCannot, HasSubstr("--keystore")));
  EXPECT_THAT(folder.ReadPublic("absolute"), StatusIs(kCannot, HasSubstr("--keystore")));
  EXPECT_THAT(folder.ReadPublic("magic"), StatusIs(kCannot));
  EXPECT_THAT(folder.ReadPublic("of_other"), StatusIs(kCannot, HasSubstr("does not belong")));
  EXPECT_THAT(folder.ReadPublic("secret"), StatusIs(absl::StatusCode::kInvalidArgument, HasSubstr("private key")));
  // The enclave's own files are no links, wherever they lead.
  EXPECT_THAT(folder.Read("good", 100), StatusIs(kCannot, HasSubstr("symbolic link")));
}

TEST_F(EnclaveFolderTest, S14UsesNoFolderThatALinkLeadsTo) {
  fs::create_directory_symlink(dir_.File("ks"), dir_.File("link"));
  EXPECT_THAT(EnclaveFolder::Open(dir_.File("link/enclaves/a"), ""), StatusIs(kCannot, HasSubstr("symbolic link")));
  EXPECT_THAT(EnclaveFolder::Open(dir_.File("ks/enclaves/nothing"), ""), StatusIs(kCannot));
  EXPECT_THAT(Open(dir_.File("ks/public")),
              StatusIs(absl::StatusCode::kInvalidArgument, HasSubstr("not in the keystore")));
  EXPECT_OK(Open(dir_.File("ks")));
  EXPECT_EQ(chmod(dir_.File("ks/enclaves/a").c_str(), 0777), 0);
  EXPECT_THAT(Open(), StatusIs(kCannot, HasSubstr("everybody may write")));
}

TEST_F(EnclaveFolderTest, IsLockedWhileItIsOpen) {
  {
    const auto folder = Open();
    ASSERT_OK(folder);
    EXPECT_THAT(Open(), StatusIs(absl::StatusCode::kAborted, HasSubstr("repeat it")));
  }
  EXPECT_OK(Open());
}

TEST_F(EnclaveFolderTest, S14ReplacesFilesOfTheOwnerInOneStepAndKeepsTheOld) {
  ASSERT_OK_AND_ASSIGN(EnclaveFolder folder, Open());
  ASSERT_OK_AND_ASSIGN(const auto key, folder.Read("key.pem", 100));
  ASSERT_OK(folder.Stage("key.pem", "half", 0644));
  ASSERT_OK(folder.Stage("key.pem", "new", 0644)) << "what an interrupted run has left goes";
  ASSERT_OK(folder.Keep("key.pem", key.stamp, 0600));
  EXPECT_EQ(ReadFile(dir_.File("ks/enclaves/a/key.pem")), "the key") << "not yet";
  ASSERT_OK(folder.Keep("key.pem", key.stamp, 0600)) << "an interrupted run goes on";
  ASSERT_OK(folder.Switch("key.pem"));
  EXPECT_EQ(ReadFile(dir_.File("ks/enclaves/a/key.pem")), "new");
  const std::string kept = dir_.File("ks/enclaves/a/key.pem.before-ddskeyd");
  EXPECT_EQ(ReadFile(kept), "the key");
  struct stat about = {};
  ASSERT_EQ(stat(kept.c_str(), &about), 0);
  EXPECT_EQ(about.st_mode & 07777, 0600U);
  ASSERT_EQ(stat(dir_.File("ks/enclaves/a/key.pem").c_str(), &about), 0);
  EXPECT_EQ(about.st_mode & 07777, 0644U);
  EXPECT_EQ(about.st_uid, kUser);
  ASSERT_OK_AND_ASSIGN(const auto now, folder.StampOf("key.pem"));
  EXPECT_THAT(folder.Keep("key.pem", *now, 0600), StatusIs(kCannot, HasSubstr("earlier migration")));
  ASSERT_OK(folder.PutBack("key.pem"));
  EXPECT_EQ(ReadFile(dir_.File("ks/enclaves/a/key.pem")), "the key");
  EXPECT_FALSE(fs::exists(kept));
  EXPECT_OK(folder.PutBack("key.pem"));
}

TEST_F(EnclaveFolderTest, S14WritesThroughNoLinkAndIntoNoOtherFolder) {
  ASSERT_OK_AND_ASSIGN(EnclaveFolder folder, Open());
  ASSERT_OK_AND_ASSIGN(const auto key, folder.Read("key.pem", 100));
  const std::string victim = Write("victim", "untouched", 0);
  Link(victim, "ks/enclaves/a/.key.pem.ddskeyd-new");
  ASSERT_OK(folder.Stage("key.pem", "new", 0600));
  // Somebody puts another file, and then another folder, in the place of what was looked at.
  fs::rename(dir_.File("ks/enclaves/a/key.pem"), dir_.File("ks/enclaves/a/aside"));
  Link(victim, "ks/enclaves/a/key.pem");
  EXPECT_THAT(folder.Keep("key.pem", key.stamp, 0600), StatusIs(kCannot, HasSubstr("changed meanwhile")));
  EXPECT_FALSE(fs::exists(dir_.File("ks/enclaves/a/key.pem.before-ddskeyd")));
  fs::rename(dir_.File("ks/enclaves/a"), dir_.File("ks/enclaves/b"));
  Folder("ks/enclaves/a", kOther);
  ASSERT_OK(folder.Switch("key.pem"));
  EXPECT_TRUE(fs::is_empty(dir_.File("ks/enclaves/a")));
  EXPECT_EQ(ReadFile(dir_.File("ks/enclaves/b/key.pem")), "new");
  EXPECT_EQ(ReadFile(victim), "untouched");
}

}  // namespace
}  // namespace ddskey::ros2
