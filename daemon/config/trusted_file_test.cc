#include "daemon/config/trusted_file.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/stat.h>
#include <unistd.h>

#include <string>

#include "daemon/config/system_accounts.h"
#include "test/support/status_matchers.h"
#include "test/support/temp_dir.h"

namespace ddskey {
namespace {

using test::IsOkAndHolds;
using test::StatusIs;
using ::testing::HasSubstr;
using enum absl::StatusCode;

class TrustedFileTest : public ::testing::Test {
 protected:
  const test::TempDir dir_;
};

TEST_F(TrustedFileTest, ReadsAFileOfItsOwnUser) {
  EXPECT_THAT(ReadTrustedFile(dir_.Write("file", "content")), IsOkAndHolds("content"));
  EXPECT_THAT(ReadTrustedFile(dir_.Write("empty", "")), IsOkAndHolds(""));
}

TEST_F(TrustedFileTest, S14RefusesAFileThatOthersMayWrite) {
  const std::string path = dir_.Write("file", "content");
  for (const mode_t mode : {0620, 0602, 0666}) {
    ASSERT_EQ(chmod(path.c_str(), mode), 0);
    EXPECT_THAT(ReadTrustedFile(path), StatusIs(kPermissionDenied, HasSubstr("run: chmod go-w " + path)));
  }
  ASSERT_EQ(chmod(path.c_str(), 0644), 0);
  EXPECT_THAT(ReadTrustedFile(path), IsOkAndHolds("content"));
}

TEST_F(TrustedFileTest, S14RefusesAFileOfAnotherUser) {
  if (geteuid() != 0) GTEST_SKIP() << "needs root, to make a file of another user";
  const std::string path = dir_.Write("file", "content");
  ASSERT_EQ(chown(path.c_str(), 12345, 12345), 0);
  EXPECT_THAT(ReadTrustedFile(path), StatusIs(kPermissionDenied, HasSubstr("run: chown root " + path)));
}

TEST_F(TrustedFileTest, RefusesWhatIsNoOrdinaryFile) {
  const std::string fifo = dir_.File("fifo");
  ASSERT_EQ(mkfifo(fifo.c_str(), 0600), 0);
  EXPECT_THAT(ReadTrustedFile(fifo), StatusIs(kFailedPrecondition));
  EXPECT_THAT(ReadTrustedFile(dir_.path()), StatusIs(kFailedPrecondition));
  EXPECT_THAT(ReadTrustedFile(dir_.File("absent")), StatusIs(kNotFound));
}

TEST_F(TrustedFileTest, RefusesAFileThatIsTooLarge) {
  const std::string most(kMaxTrustedFileOctets, 'x');
  EXPECT_THAT(ReadTrustedFile(dir_.Write("most", most)), IsOkAndHolds(most));
  EXPECT_THAT(ReadTrustedFile(dir_.Write("more", most + "x")), StatusIs(kInvalidArgument));
}

TEST_F(TrustedFileTest, TakesAnotherLimit) {
  const std::string path = dir_.Write("file", std::string(kMaxTrustedFileOctets + 5, 'x'));
  EXPECT_THAT(ReadTrustedFile(path, kMaxTrustedFileOctets + 5),
              IsOkAndHolds(std::string(kMaxTrustedFileOctets + 5, 'x')));
  EXPECT_THAT(ReadTrustedFile(path, kMaxTrustedFileOctets + 4), StatusIs(kInvalidArgument));
}

TEST_F(TrustedFileTest, AcceptsFoldersOfItsOwnUserAndFilesThatAreNotThere) {
  ASSERT_EQ(mkdir(dir_.File("folder").c_str(), 0755), 0);
  EXPECT_OK(CheckTrustedFolders(dir_.File("folder/file")));
  EXPECT_OK(CheckTrustedFolders(dir_.File("folder/../folder/./file")));
  EXPECT_THAT(CheckTrustedFolders(dir_.File("absent/file")), StatusIs(kNotFound));
}

TEST_F(TrustedFileTest, S14RefusesAFolderWhereOthersCouldReplaceTheFile) {
  const std::string folder = dir_.File("folder");
  ASSERT_EQ(mkdir(folder.c_str(), 0755), 0);
  for (const mode_t mode : {0775, 0757, 0777}) {
    ASSERT_EQ(chmod(folder.c_str(), mode), 0);
    EXPECT_THAT(CheckTrustedFolders(folder + "/file"),
                StatusIs(kPermissionDenied, HasSubstr("run: chmod go-w " + folder)));
    EXPECT_THAT(CheckTrustedFolders(folder + "/inner/file"), StatusIs(kPermissionDenied));
  }
  ASSERT_EQ(chmod(folder.c_str(), 01777), 0);
  EXPECT_OK(CheckTrustedFolders(folder + "/file")) << "where others can only add";
}

TEST_F(TrustedFileTest, S14FollowsSymbolicLinksAndLooksAtTheFoldersBehindThem) {
  ASSERT_EQ(mkdir(dir_.File("good").c_str(), 0755), 0);
  ASSERT_EQ(mkdir(dir_.File("bad").c_str(), 0755), 0);
  ASSERT_EQ(symlink("good/file", dir_.File("to_good").c_str()), 0);
  ASSERT_EQ(symlink(dir_.File("bad/again").c_str(), dir_.File("to_bad").c_str()), 0);
  ASSERT_EQ(symlink("../good/file", dir_.File("bad/again").c_str()), 0);
  ASSERT_EQ(symlink("loop", dir_.File("loop").c_str()), 0);
  EXPECT_OK(CheckTrustedFolders(dir_.File("to_good")));
  EXPECT_OK(CheckTrustedFolders(dir_.File("to_bad")));
  // Now others could turn the link in it to somewhere else.
  ASSERT_EQ(chmod(dir_.File("bad").c_str(), 0777), 0);
  EXPECT_THAT(CheckTrustedFolders(dir_.File("to_bad")), StatusIs(kPermissionDenied, HasSubstr(dir_.File("bad"))));
  EXPECT_THAT(CheckTrustedFolders(dir_.File("loop")), StatusIs(kFailedPrecondition, HasSubstr("symbolic links")));
}

TEST_F(TrustedFileTest, S14RefusesAFolderOrLinkOfAnotherUser) {
  if (geteuid() != 0) GTEST_SKIP() << "needs root, to make a folder of another user";
  const std::string folder = dir_.File("folder");
  ASSERT_EQ(mkdir(folder.c_str(), 0755), 0);
  ASSERT_EQ(chown(folder.c_str(), 12345, 12345), 0);
  EXPECT_THAT(CheckTrustedFolders(folder + "/file"),
              StatusIs(kPermissionDenied, HasSubstr("run: chown root " + folder)));
  const std::string link = dir_.File("link");
  ASSERT_EQ(symlink("/etc", link.c_str()), 0);
  ASSERT_EQ(lchown(link.c_str(), 12345, 12345), 0);
  EXPECT_THAT(CheckTrustedFolders(link + "/file"), StatusIs(kPermissionDenied));
}

TEST(SystemAccountsTest, ResolvesTheNamesOfThisHost) {
  const Accounts accounts = SystemAccounts();
  EXPECT_EQ(accounts.uid_of("root"), 0u);
  EXPECT_EQ(accounts.gid_of("root"), 0u);
  EXPECT_EQ(accounts.uid_of("no-such-user-here"), std::nullopt);
  EXPECT_EQ(accounts.gid_of("no-such-group-here"), std::nullopt);
}

}  // namespace
}  // namespace ddskey
