#include "client/doctor/system_host.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <signal.h>
#include <sys/stat.h>
#include <unistd.h>

#include <chrono>
#include <filesystem>

#include "client/doctor/child_process.h"
#include "test/support/process.h"
#include "test/support/status_matchers.h"
#include "test/support/temp_dir.h"

namespace ddskey::doctor {
namespace {

using ::ddskey::test::StatusIs;
using ::testing::HasSubstr;

TEST(SystemHostTest, TellsFilesFromFoldersAndLinks) {
  const test::TempDir dir;
  const SystemHost host;
  const std::string file = dir.Write("file", "text");
  chmod(file.c_str(), 0640);
  std::filesystem::create_symlink(file, dir.File("link"));
  EXPECT_EQ(host.Look(file)->kind, FileKind::kRegular);
  EXPECT_EQ(host.Look(file)->mode, 0640U);
  EXPECT_EQ(host.Look(file)->owner, geteuid());
  EXPECT_EQ(host.Look(dir.File("link"))->kind, FileKind::kLink);
  EXPECT_EQ(*host.Follow(dir.File("link")), std::filesystem::canonical(file));
  EXPECT_EQ(*host.Read(dir.File("link")), "text");
  EXPECT_EQ(host.List(dir.path()), (std::vector<std::string>{"file", "link"}));
  EXPECT_GT(*host.FreeSpace(dir.path()), 0U);
  EXPECT_THAT(host.Look(dir.File("absent")), StatusIs(absl::StatusCode::kNotFound));
  EXPECT_THAT(host.Read(dir.File("absent")), StatusIs(absl::StatusCode::kNotFound));
}

TEST(SystemHostTest, FindsUsersByNameAndByNumber) {
  const SystemHost host;
  ASSERT_TRUE(host.User("root").has_value());
  EXPECT_EQ(host.User("root")->uid, 0U);
  EXPECT_EQ(host.User("0")->name, "root");
  EXPECT_FALSE(host.User("no such user").has_value());
  EXPECT_EQ(host.Group("root"), std::optional<gid_t>(0));
  EXPECT_FALSE(host.Group("no such group").has_value());
}

TEST(SystemHostTest, LoadsLibrariesIntoAProcessOfTheirOwn) {
  const SystemHost host;
  EXPECT_TRUE(host.Load("libm.so.6", {"cos"}).ok());
  EXPECT_THAT(host.Load("libm.so.6", {"no_such_symbol"}),
              StatusIs(absl::StatusCode::kFailedPrecondition, HasSubstr("no_such_symbol")));
  EXPECT_THAT(host.Load("/no/such/library.so", {}),
              StatusIs(absl::StatusCode::kFailedPrecondition, HasSubstr("/no/such/library.so")));
}

TEST(SystemHostTest, RunsProgramsAndReadsWhatTheySay) {
  const SystemHost host;
  const auto ended = host.Run({"sh", "-c", "cat; echo out; echo err >&2; exit 3"});
  ASSERT_TRUE(ended.ok());
  EXPECT_EQ(ended->exit_status, 3);
  EXPECT_EQ(ended->output, "out\nerr\n");
  EXPECT_THAT(host.Run({"/no/such/program"}), StatusIs(absl::StatusCode::kNotFound));
}

TEST(SystemHostTest, AMachineThatRunsTestsHasEntropyAndAClock) {
  EXPECT_TRUE(SystemHost().HasEntropy());
  EXPECT_GT(SystemHost().Clock().now, absl::FromUnixSeconds(1'700'000'000));
}

TEST(ChildProcessTest, EndsAChildThatTakesTooLong) {
  const auto ended = RunInChild(
      [](int) {
        pause();
        return 0;
      },
      std::chrono::milliseconds(20));
  EXPECT_THAT(ended, StatusIs(absl::StatusCode::kDeadlineExceeded));
}

TEST(ChildProcessTest, TellsHowAChildDied) {
  const auto ended = RunInChild(
      [](int output) {
        WriteAll(output, "before");
        raise(SIGKILL);
        return 0;
      },
      std::chrono::seconds(20));
  ASSERT_TRUE(ended.ok());
  EXPECT_EQ(ended->exit_status, 128 + SIGKILL);
  EXPECT_EQ(ended->output, "before");
}

}  // namespace
}  // namespace ddskey::doctor
