#include "daemon/config/watched_file.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cstdio>
#include <string>

#include "test/support/status_matchers.h"
#include "test/support/temp_dir.h"

namespace ddskey {
namespace {

using test::IsOkAndHolds;
using test::StatusIs;
using ::testing::Optional;

constexpr size_t kLimit = 100;

class WatchedFileTest : public ::testing::Test {
 protected:
  // Replace puts another file in its place, as whoever distributes it does.
  void Replace(const std::string& content) const {
    dir_.Write("new", content);
    ASSERT_EQ(std::rename(dir_.File("new").c_str(), path_.c_str()), 0);
  }

  // Settle takes the second look at what was read a moment before.
  void Settle() { ASSERT_EQ(file_.Poll(), std::nullopt); }

  const test::TempDir dir_;
  const std::string path_ = dir_.File("file");
  WatchedFile file_{path_, kLimit};
};

TEST_F(WatchedFileTest, ReturnsWhatIsThereAndThenOnlyWhatIsDifferent) {
  Replace("one");
  EXPECT_THAT(file_.Poll(), Optional(IsOkAndHolds("one")));
  Settle();
  EXPECT_EQ(file_.Poll(), std::nullopt);
  Replace("two");
  EXPECT_THAT(file_.Poll(), Optional(IsOkAndHolds("two")));
  Settle();
  Replace("two");
  EXPECT_EQ(file_.Poll(), std::nullopt) << "another file with the same content";
}

TEST_F(WatchedFileTest, ReturnsTheSameAgainWhenItWasToldToForget) {
  Replace("one");
  EXPECT_THAT(file_.Poll(), Optional(IsOkAndHolds("one")));
  Settle();
  file_.Forget();
  EXPECT_THAT(file_.Poll(), Optional(IsOkAndHolds("one")));
}

TEST_F(WatchedFileTest, SeesAChangeInPlaceInTheSameTickOfTheClock) {
  Replace("one");
  EXPECT_THAT(file_.Poll(), Optional(IsOkAndHolds("one")));
  dir_.Write("file", "two");
  EXPECT_THAT(file_.Poll(), Optional(IsOkAndHolds("two")));
}

TEST_F(WatchedFileTest, SaysThatAFileIsAbsentOnceAndThatItCameBack) {
  EXPECT_THAT(file_.Poll(), Optional(StatusIs(absl::StatusCode::kNotFound)));
  Settle();
  EXPECT_EQ(file_.Poll(), std::nullopt);
  Replace("one");
  EXPECT_THAT(file_.Poll(), Optional(IsOkAndHolds("one")));
  ASSERT_EQ(unlink(path_.c_str()), 0);
  EXPECT_THAT(file_.Poll(), Optional(StatusIs(absl::StatusCode::kNotFound)));
}

TEST_F(WatchedFileTest, S14RefusesAFileThatOthersMayWriteUntilTheyMayNot) {
  Replace("one");
  ASSERT_EQ(chmod(path_.c_str(), 0666), 0);
  EXPECT_THAT(file_.Poll(), Optional(StatusIs(absl::StatusCode::kPermissionDenied)));
  ASSERT_EQ(chmod(path_.c_str(), 0644), 0);
  EXPECT_THAT(file_.Poll(), Optional(IsOkAndHolds("one")));
  Settle();
}

TEST_F(WatchedFileTest, S14RefusesAFileInAFolderThatOthersMayWrite) {
  Replace("one");
  ASSERT_EQ(chmod(dir_.path().c_str(), 0777), 0);
  EXPECT_THAT(file_.Poll(), Optional(StatusIs(absl::StatusCode::kPermissionDenied)));
}

TEST_F(WatchedFileTest, S17RefusesAFileOverTheLimit) {
  Replace(std::string(kLimit + 1, 'x'));
  EXPECT_THAT(file_.Poll(), Optional(StatusIs(absl::StatusCode::kInvalidArgument)));
  Replace(std::string(kLimit, 'x'));
  EXPECT_THAT(file_.Poll(), Optional(IsOkAndHolds(std::string(kLimit, 'x'))));
}

TEST_F(WatchedFileTest, FollowsASymbolicLinkThatIsTurned) {
  dir_.Write("a", "one");
  dir_.Write("b", "two");
  ASSERT_EQ(symlink("a", path_.c_str()), 0);
  EXPECT_THAT(file_.Poll(), Optional(IsOkAndHolds("one")));
  ASSERT_EQ(symlink("b", dir_.File("new").c_str()), 0);
  ASSERT_EQ(std::rename(dir_.File("new").c_str(), path_.c_str()), 0);
  EXPECT_THAT(file_.Poll(), Optional(IsOkAndHolds("two")));
}

}  // namespace
}  // namespace ddskey
