#include "daemon/service/hardening.h"

#include <fcntl.h>
#include <gtest/gtest.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

#include <csignal>
#include <cstdio>
#include <cstdlib>

namespace ddskey {
namespace {

// Each check runs in a child: hardening cannot be undone. It ends with 0 if `condition` holds in a hardened process.
#define EXPECT_HARDENED(prepare, condition)                              \
  EXPECT_EXIT(                                                           \
      {                                                                  \
        prepare;                                                         \
        if (const absl::Status status = HardenProcess(); !status.ok()) { \
          std::fprintf(stderr, "%s\n", status.ToString().c_str());       \
          std::_Exit(2);                                                 \
        }                                                                \
        std::_Exit((condition) ? 0 : 1);                                 \
      },                                                                 \
      ::testing::ExitedWithCode(0), "")

rlimit LimitOf(int resource) {
  rlimit limit = {};
  getrlimit(resource, &limit);
  return limit;
}

bool IsOpen(int fd) { return fcntl(fd, F_GETFD) >= 0; }

TEST(HardeningTest, LeavesNoCoreDump) {
  EXPECT_HARDENED({}, LimitOf(RLIMIT_CORE).rlim_cur == 0 && LimitOf(RLIMIT_CORE).rlim_max == 0);
}

TEST(HardeningTest, MakesTheProcessNotDumpable) { EXPECT_HARDENED({}, prctl(PR_GET_DUMPABLE) == 0); }

TEST(HardeningTest, GainsNoPrivilegesFromPrograms) { EXPECT_HARDENED({}, prctl(PR_GET_NO_NEW_PRIVS, 0, 0, 0, 0) == 1); }

TEST(HardeningTest, MakesFilesForTheirOwnerOnly) { EXPECT_HARDENED(umask(0), umask(0) == 077); }

TEST(HardeningTest, SurvivesAWriteToAClosedPipe) {
  EXPECT_HARDENED({}, [] {
    int ends[2];
    if (pipe(ends) != 0) return false;
    close(ends[0]);
    return write(ends[1], "x", 1) == -1;
  }());
}

TEST(HardeningTest, RaisesTheSoftLimits) {
  const auto lower = [] {
    for (const int resource : {RLIMIT_NOFILE, RLIMIT_MEMLOCK}) {
      rlimit limit = LimitOf(resource);
      limit.rlim_cur = std::min<rlim_t>(limit.rlim_cur, 64);
      setrlimit(resource, &limit);
    }
  };
  EXPECT_HARDENED(lower(), LimitOf(RLIMIT_NOFILE).rlim_cur == LimitOf(RLIMIT_NOFILE).rlim_max &&
                               LimitOf(RLIMIT_MEMLOCK).rlim_cur == LimitOf(RLIMIT_MEMLOCK).rlim_max);
}

TEST(HardeningTest, ReadsNothingFromStdin) {
  const auto from_pipe = [] {
    int ends[2];
    if (pipe(ends) == 0 && write(ends[1], "secret", 6) == 6) dup2(ends[0], 0);
  };
  char octet;
  EXPECT_HARDENED(from_pipe(), read(0, &octet, 1) == 0);
}

TEST(HardeningTest, OpensStandardStreamsThatWereClosed) {
  const auto close_all = [] {
    for (int fd = 0; fd < 3; ++fd) close(fd);
  };
  EXPECT_HARDENED(close_all(), IsOpen(0) && IsOpen(1) && IsOpen(2) && !IsOpen(3));
}

}  // namespace
}  // namespace ddskey
