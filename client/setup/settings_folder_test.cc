#include "client/setup/settings_folder.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/stat.h>
#include <unistd.h>

#include <filesystem>
#include <memory>
#include <string>

#include "test/support/status_matchers.h"
#include "test/support/temp_dir.h"

namespace ddskey::setup {
namespace {

using ::ddskey::test::IsOk;
using ::ddskey::test::ReadFile;
using ::ddskey::test::StatusIs;
using ::testing::HasSubstr;
using ::testing::Optional;

constexpr uid_t kSomebody = 4711;

class SettingsFolderTest : public ::testing::Test {
 protected:
  SettingsFolderTest() : folder_(*SettingsFolder::Make(path_)) {}

  mode_t ModeOf(const std::string& name) const {
    struct stat about = {};
    stat((path_ + "/" + name).c_str(), &about);
    return about.st_mode & 07777;
  }
  void Put(const std::string& name, const std::string& content) const { dir_.Write("settings/" + name, content); }

  const test::TempDir dir_;
  const std::string path_ = dir_.File("settings");
  std::unique_ptr<SettingsFolder> folder_;
};

TEST_F(SettingsFolderTest, WritesFilesThatEverybodyReadsWhateverTheUmask) {
  const mode_t before = umask(0077);
  EXPECT_THAT(folder_->Write("applications/talker/environment", "A=1\n"), IsOk());
  umask(before);
  EXPECT_THAT(*folder_->Read("applications/talker/environment"), Optional(std::string("A=1\n")));
  EXPECT_EQ(ModeOf("applications/talker/environment"), 0644U);
  EXPECT_EQ(ModeOf("applications/talker"), 0755U);
}

TEST_F(SettingsFolderTest, SaysThatNothingIsThere) {
  EXPECT_EQ(*folder_->Read("policy.textproto"), std::nullopt);
  EXPECT_EQ(*folder_->Read("applications/talker/environment"), std::nullopt);
  EXPECT_FALSE(*folder_->Exists("ca"));
  EXPECT_THAT(SettingsFolder::Open(dir_.File("nowhere")).status(), StatusIs(absl::StatusCode::kNotFound));
}

TEST_F(SettingsFolderTest, ReplacesWhatAnInterruptedWriteLeftBehind) {
  Put("policy.textproto.new", "half of");
  EXPECT_THAT(folder_->Write("policy.textproto", "all of it"), IsOk());
  EXPECT_EQ(ReadFile(path_ + "/policy.textproto"), "all of it");
  EXPECT_FALSE(std::filesystem::exists(path_ + "/policy.textproto.new"));
}

TEST_F(SettingsFolderTest, KeepsEachVersionOnce) {
  EXPECT_EQ(*folder_->Keep("policy.textproto"), "");
  Put("policy.textproto", "one");
  EXPECT_EQ(*folder_->Keep("policy.textproto"), "policy.textproto.before-setup");
  // As after an interruption.
  EXPECT_EQ(*folder_->Keep("policy.textproto"), "policy.textproto.before-setup");
  Put("policy.textproto", "two");
  EXPECT_EQ(*folder_->Keep("policy.textproto"), "policy.textproto.before-setup.2");
  EXPECT_EQ(ReadFile(path_ + "/policy.textproto.before-setup"), "one");
}

TEST_F(SettingsFolderTest, S14FollowsNoSymbolicLink) {
  const std::string elsewhere = dir_.Write("elsewhere", "not ours");
  std::filesystem::create_symlink(elsewhere, path_ + "/policy.textproto");
  EXPECT_THAT(folder_->Read("policy.textproto").status(),
              StatusIs(absl::StatusCode::kPermissionDenied, HasSubstr("policy.textproto is a symbolic link")));
  EXPECT_THAT(folder_->Write("policy.textproto", "ours"), StatusIs(absl::StatusCode::kPermissionDenied));
  std::filesystem::create_symlink(dir_.path(), path_ + "/applications");
  EXPECT_THAT(folder_->Write("applications/elsewhere", "ours"), StatusIs(absl::StatusCode::kPermissionDenied));
  EXPECT_EQ(ReadFile(elsewhere), "not ours");
  std::filesystem::create_directory_symlink(path_, dir_.File("link"));
  EXPECT_FALSE(SettingsFolder::Open(dir_.File("link")).ok());
}

TEST_F(SettingsFolderTest, RefusesWhatIsSomebodyElses) {
  Put("policy.textproto", "theirs");
  ASSERT_EQ(chown((path_ + "/policy.textproto").c_str(), kSomebody, kSomebody), 0);
  EXPECT_THAT(folder_->Read("policy.textproto").status(),
              StatusIs(absl::StatusCode::kPermissionDenied, HasSubstr("policy.textproto belongs to the user")));
  EXPECT_THAT(folder_->Write("policy.textproto", "ours"), StatusIs(absl::StatusCode::kPermissionDenied));
  std::filesystem::create_directories(path_ + "/applications/talker");
  ASSERT_EQ(chown((path_ + "/applications").c_str(), kSomebody, kSomebody), 0);
  EXPECT_THAT(folder_->Write("applications/talker/environment", ""), StatusIs(absl::StatusCode::kPermissionDenied));
  ASSERT_EQ(chown(path_.c_str(), kSomebody, kSomebody), 0);
  EXPECT_THAT(SettingsFolder::Make(path_).status(), StatusIs(absl::StatusCode::kPermissionDenied));
}

TEST_F(SettingsFolderTest, RefusesWhatOthersMayWriteTo) {
  Put("policy.textproto", "");
  std::filesystem::permissions(path_ + "/policy.textproto", std::filesystem::perms(0664));
  EXPECT_THAT(folder_->Read("policy.textproto").status(),
              StatusIs(absl::StatusCode::kPermissionDenied, HasSubstr("can be written to by others")));
}

TEST_F(SettingsFolderTest, KeepsOwnerGroupAndModeOfWhatIsThere) {
  Put("ddskeyd.textproto", "one");
  const std::string file = path_ + "/ddskeyd.textproto";
  ASSERT_EQ(chown(file.c_str(), 0, kSomebody), 0);
  ASSERT_EQ(chmod(file.c_str(), 0640), 0);
  const std::string copy = *folder_->Keep("ddskeyd.textproto");
  EXPECT_THAT(folder_->Write("ddskeyd.textproto", "two"), IsOk());
  EXPECT_EQ(ReadFile(file), "two");
  for (const std::string& name : {std::string("ddskeyd.textproto"), copy}) {
    struct stat about = {};
    ASSERT_EQ(stat((path_ + "/" + name).c_str(), &about), 0);
    EXPECT_EQ(about.st_mode & 07777, 0640U) << name;
    EXPECT_EQ(about.st_uid, 0U) << name;
    EXPECT_EQ(about.st_gid, kSomebody) << name;
  }
}

TEST_F(SettingsFolderTest, S14RefusesAFolderBelowOneThatOthersMayChange) {
  const std::string above = dir_.File("above");
  const std::string below = above + "/own/settings";
  std::filesystem::create_directories(above + "/own");
  EXPECT_THAT(SettingsFolder::Make(below).status(), IsOk());
  ASSERT_EQ(chown(above.c_str(), kSomebody, kSomebody), 0);
  EXPECT_THAT(SettingsFolder::Open(below).status(), StatusIs(absl::StatusCode::kPermissionDenied, HasSubstr(above)));
  EXPECT_THAT(SettingsFolder::Make(above + "/new").status(), StatusIs(absl::StatusCode::kPermissionDenied));
  EXPECT_FALSE(std::filesystem::exists(above + "/new")) << "nothing is made there either";
  ASSERT_EQ(chown(above.c_str(), 0, 0), 0);
  ASSERT_EQ(chmod(above.c_str(), 0775), 0);
  EXPECT_THAT(SettingsFolder::Open(below).status(), StatusIs(absl::StatusCode::kPermissionDenied, HasSubstr(above)));
  // As /tmp: others can add, and not move what is ours.
  ASSERT_EQ(chmod(above.c_str(), 01777), 0);
  EXPECT_THAT(SettingsFolder::Open(below).status(), IsOk());
  ASSERT_EQ(chown((above + "/own").c_str(), kSomebody, kSomebody), 0);
  EXPECT_THAT(SettingsFolder::Open(below).status(), StatusIs(absl::StatusCode::kPermissionDenied, HasSubstr("/own")));
}

TEST_F(SettingsFolderTest, S14UsesWhatALinkAboveLedToForGood) {
  std::filesystem::create_directories(dir_.File("real/settings"));
  std::filesystem::create_directory_symlink(dir_.File("real"), dir_.File("link"));
  const auto folder = *SettingsFolder::Open(dir_.File("link/settings/"));
  EXPECT_EQ(folder->path(), dir_.File("real/settings"));
}

TEST_F(SettingsFolderTest, LetsOnlyOneAtATimeMakeChanges) {
  EXPECT_THAT(SettingsFolder::Make(path_).status(),
              StatusIs(absl::StatusCode::kFailedPrecondition, HasSubstr("another")));
  EXPECT_THAT(SettingsFolder::Open(path_).status(), IsOk());
}

TEST_F(SettingsFolderTest, DoesNotWaitForAPipe) {
  ASSERT_EQ(mkfifo((path_ + "/policy.textproto").c_str(), 0600), 0);
  EXPECT_THAT(folder_->Read("policy.textproto").status(), StatusIs(absl::StatusCode::kFailedPrecondition));
}

TEST_F(SettingsFolderTest, RenamesAFolderToAFreeNameOnly) {
  std::filesystem::create_directory(path_ + "/ca.new");
  std::filesystem::create_directory(path_ + "/ca");
  EXPECT_THAT(folder_->Rename("ca.new", "ca"), StatusIs(absl::StatusCode::kAlreadyExists));
  EXPECT_THAT(folder_->Remove("ca"), IsOk());
  EXPECT_THAT(folder_->Rename("ca.new", "ca"), IsOk());
  EXPECT_TRUE(*folder_->Exists("ca"));
  EXPECT_FALSE(*folder_->Exists("ca.new"));
}

}  // namespace
}  // namespace ddskey::setup
