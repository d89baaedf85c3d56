#include "client/cli/executable.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/stat.h>

#include <filesystem>
#include <string>

#include "test/support/status_matchers.h"
#include "test/support/temp_dir.h"

namespace ddskey::cli {
namespace {

using ::ddskey::test::IsOkAndHolds;
using ::ddskey::test::StatusIs;
using ::testing::HasSubstr;
using ::testing::IsEmpty;

class ExecutableTest : public ::testing::Test {
 protected:
  // Copy is the program `from` under another name, with permission bits of its own.
  std::string Copy(const std::string& from, mode_t mode) const {
    const std::string path = dir_.File("program");
    std::filesystem::copy_file(from, path);
    chmod(path.c_str(), mode);
    return path;
  }
  // The loader is a program that needs no loader.
  static std::string Loader() {
#if defined(__aarch64__)
    return "/lib/ld-linux-aarch64.so.1";
#else
    return "/lib64/ld-linux-x86-64.so.2";
#endif
  }
  const test::TempDir dir_;
};

TEST_F(ExecutableTest, FindsProgramsAsShellsDo) {
  const std::string here = Copy("/bin/true", 0755);
  EXPECT_THAT(FindExecutable("program", "/nowhere:" + dir_.path().string()), IsOkAndHolds(here));
  EXPECT_THAT(FindExecutable(here, ""), IsOkAndHolds(here));
  EXPECT_THAT(FindExecutable("program", "/nowhere").status(), StatusIs(absl::StatusCode::kNotFound));
  EXPECT_THAT(FindExecutable("", "/bin").status(), StatusIs(absl::StatusCode::kNotFound));
  chmod(here.c_str(), 0644);
  EXPECT_THAT(FindExecutable("program", dir_.path().string()).status(), StatusIs(absl::StatusCode::kPermissionDenied));
}

TEST_F(ExecutableTest, KnowsProgramsThatTheLoaderTreatsAsUsual) {
  EXPECT_THAT(LoaderProblem("/bin/true"), IsEmpty());
  EXPECT_THAT(LoaderProblem(dir_.Write("script", "#!/bin/sh\n")), IsEmpty());
  EXPECT_THAT(LoaderProblem(dir_.Write("short",
                                       "\x7f"
                                       "ELF")),
              IsEmpty());
}

TEST_F(ExecutableTest, KnowsSetuidPrograms) {
  EXPECT_THAT(LoaderProblem(Copy("/bin/true", 04755)), HasSubstr("setuid"));
}

TEST_F(ExecutableTest, KnowsStaticPrograms) {
  EXPECT_THAT(LoaderProblem(std::filesystem::canonical(Loader())), HasSubstr("statically"));
}

}  // namespace
}  // namespace ddskey::cli
