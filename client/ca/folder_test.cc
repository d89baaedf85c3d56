#include "client/ca/folder.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/stat.h>

#include <filesystem>

#include "test/support/status_matchers.h"
#include "test/support/temp_dir.h"

namespace ddskey::ca {
namespace {

using ::ddskey::test::IsOkAndHolds;
using ::ddskey::test::StatusIs;
using ::testing::HasSubstr;

TEST(FolderTest, KeepsWhatWasWritten) {
  const test::TempDir dir;
  ASSERT_OK_AND_ASSIGN(const auto folder, Folder::Make(dir.File("ca")));
  ASSERT_OK(folder->Create("a", "one", 0600));
  EXPECT_THAT(folder->Create("a", "two", 0600), StatusIs(absl::StatusCode::kAlreadyExists));
  EXPECT_THAT(folder->Read("a", 3), IsOkAndHolds(std::string("one")));
  EXPECT_THAT(folder->Read("a", 2), StatusIs(absl::StatusCode::kFailedPrecondition));
  ASSERT_OK(folder->Replace("a", "two"));
  EXPECT_THAT(folder->Read("a", 3), IsOkAndHolds(std::string("two")));
  ASSERT_OK(folder->MakeFolder("sub"));
  ASSERT_OK(folder->Create("sub/b", "three", 0644));
  EXPECT_THAT(folder->Read("sub/b", 5), IsOkAndHolds(std::string("three")));
  EXPECT_THAT(folder->Read("c", 5), StatusIs(absl::StatusCode::kNotFound));
}

TEST(FolderTest, AnInterruptedChangeDoesNotStopTheNext) {
  const test::TempDir dir;
  ASSERT_OK_AND_ASSIGN(const auto folder, Folder::Make(dir.File("ca")));
  ASSERT_OK(folder->Create("a.new", "half", 0600));
  ASSERT_OK(folder->Replace("a", "whole"));
  EXPECT_THAT(folder->Read("a", 5), IsOkAndHolds(std::string("whole")));
}

TEST(FolderTest, S14FollowsNoLinkAndStaysBeneath) {
  const test::TempDir dir;
  dir.Write("outside", "secret");
  ASSERT_OK_AND_ASSIGN(const auto folder, Folder::Make(dir.File("ca")));
  std::filesystem::create_symlink("../outside", dir.File("ca/link"));
  std::filesystem::create_symlink("..", dir.File("ca/up"));
  for (const std::string name : {"link", "up/outside", "../outside", "/etc/passwd"}) {
    EXPECT_FALSE(folder->Read(name, 1000).ok()) << name;
    EXPECT_FALSE(folder->Create(name, "x", 0600).ok()) << name;
  }
  EXPECT_EQ(test::ReadFile(dir.File("outside")), "secret");
  ASSERT_OK(folder->Replace("link", "new"));
  EXPECT_EQ(test::ReadFile(dir.File("outside")), "secret");
  ASSERT_OK(folder->MakeFolder("sub"));
  EXPECT_THAT(folder->Read("sub", 10), StatusIs(absl::StatusCode::kFailedPrecondition));
}

TEST(FolderTest, S14IsOpenedOnlyIfNobodyElseMayEnter) {
  const test::TempDir dir;
  { ASSERT_OK(Folder::Make(dir.File("ca")).status()); }
  EXPECT_THAT(Folder::Make(dir.File("ca")), StatusIs(absl::StatusCode::kAlreadyExists));
  for (const mode_t mode : {0750, 0701, 0720}) {
    ASSERT_EQ(chmod(dir.File("ca").c_str(), mode), 0);
    EXPECT_THAT(Folder::Open(dir.File("ca")), StatusIs(absl::StatusCode::kPermissionDenied, HasSubstr("chmod 700")));
  }
  ASSERT_EQ(chmod(dir.File("ca").c_str(), 0700), 0);
  EXPECT_OK(Folder::Open(dir.File("ca")));
  std::filesystem::create_symlink("ca", dir.File("link"));
  EXPECT_FALSE(Folder::Open(dir.File("link")).ok());
}

}  // namespace
}  // namespace ddskey::ca
