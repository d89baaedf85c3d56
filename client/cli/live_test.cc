#include "client/cli/live.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <csignal>
#include <functional>
#include <sstream>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/time/time.h"
#include "client/cli/command.h"
#include "client/cli/fake_admin_client.h"
#include "test/support/status_matchers.h"

namespace ddskey::cli {
namespace {

using test::StatusIs;
using ::testing::AllOf;
using ::testing::HasSubstr;
using ::testing::Not;

// Watch runs WatchStatus; `steps` are what happens in each pause, and it ends after the last.
class LiveTest : public ::testing::Test {
 protected:
  LiveTest() { script_.daemon.set_version("1.2.3"); }

  absl::Status Watch(bool terminal, const std::vector<std::function<void()>>& steps, bool json = false) {
    std::istringstream in;
    const Io io = {.in = in,
                   .out = out_,
                   .err = err_,
                   .json = json,
                   .terminal = terminal,
                   .now = absl::FromUnixSeconds(1'800'000'000)};
    FakeAdminClient admin(&script_);
    size_t next = 0;
    return WatchStatus(admin, io,
                       {.pause =
                            [&] {
                              now_ += absl::Seconds(5);
                              if (next == steps.size()) return false;
                              steps[next++]();
                              return true;
                            },
                        .now = [this] { return now_; },
                        .screen = [] { return Screen{.columns = 60, .rows = 10}; }});
  }

  // Shown is what was written since it was asked last.
  std::string Shown() {
    std::string shown = out_.str();
    out_.str("");
    return shown;
  }

  Script script_;
  std::ostringstream out_, err_;
  absl::Time now_ = absl::FromUnixSeconds(1'800'000'000);
};

TEST_F(LiveTest, ShowsTheStatusAgainAndAgain) {
  const std::vector<std::function<void()>> steps = {[&] {
    EXPECT_THAT(Shown(), HasSubstr("ddskeyd 1.2.3"));
    script_.daemon.set_version("1.2.4");
  }};
  EXPECT_OK(Watch(/*terminal=*/false, steps));
  EXPECT_THAT(Shown(), AllOf(HasSubstr("ddskeyd 1.2.4"), HasSubstr("2027-01-15 08:00:05 UTC"), Not(HasSubstr("\x1b"))));
  EXPECT_EQ(script_.calls, 2);
}

TEST_F(LiveTest, WaitsForADaemonThatIsAwayAndSaysSo) {
  script_.status = absl::UnavailableError("cannot connect");
  const std::vector<std::function<void()>> steps = {
      [&] {
        EXPECT_THAT(Shown(), HasSubstr("is away for 0 s: cannot connect"));
        script_.status = absl::OkStatus();
      },
      [&] {
        EXPECT_THAT(Shown(), AllOf(HasSubstr("ddskeyd 1.2.3"), Not(HasSubstr("away"))));
        script_.status = absl::DeadlineExceededError("no answer");
      },
      [] {}};
  EXPECT_OK(Watch(/*terminal=*/true, steps));
  EXPECT_THAT(Shown(), AllOf(HasSubstr("is away for 5 s: no answer"), HasSubstr("What it said last"),
                             HasSubstr("ddskeyd 1.2.3")));
}

TEST_F(LiveTest, SaysBesideThePagesThatTheDaemonCameAndWent) {
  const std::vector<std::function<void()>> steps = {[&] { script_.status = absl::UnavailableError("gone"); }, [] {},
                                                    [&] { script_.status = absl::OkStatus(); }};
  EXPECT_OK(Watch(/*terminal=*/false, steps, /*json=*/true));
  EXPECT_EQ(err_.str(), "ddskeyd is away: gone\nddskeyd answers again\n");
  EXPECT_THAT(Shown(), Not(HasSubstr("away")));
}

TEST_F(LiveTest, EndsWhenItMayNotAsk) {
  script_.status = absl::PermissionDeniedError("no");
  EXPECT_THAT(Watch(/*terminal=*/true, {[] { FAIL(); }}), StatusIs(absl::StatusCode::kPermissionDenied));
}

TEST_F(LiveTest, EndsWhenNobodyReads) {
  out_.setstate(std::ios::badbit);
  EXPECT_OK(Watch(/*terminal=*/false, {[] { FAIL(); }}));
}

TEST_F(LiveTest, DrawsInTheSamePlaceNoMoreThanTheScreenShows) {
  for (int i = 0; i < 20; ++i) script_.daemon.add_backends()->set_name("backend");
  EXPECT_OK(Watch(/*terminal=*/true, {[&] { EXPECT_THAT(Shown(), HasSubstr("\x1b[2J\x1b[H")); }}));
  const std::string again = Shown();
  EXPECT_THAT(again, Not(HasSubstr("\x1b[2J")));
  EXPECT_THAT(again, AllOf(HasSubstr("\x1b[H"), HasSubstr("more lines")));
  // The pages' lines, and one after the end.
  EXPECT_LE(std::ranges::count(again, '\n'), 10);
}

TEST(FitScreenTest, CutsLinesAndCountsWhatIsLeftOut) {
  EXPECT_EQ(FitScreen("abc\n\x1b[32mabcdef\x1b[0m\n", {.columns = 4, .rows = 24}), "abc\n\x1b[32mabcd\x1b[0m\n");
  EXPECT_EQ(FitScreen("äöüx\n", {.columns = 3, .rows = 24}), "äöü\n");
  EXPECT_EQ(FitScreen("1\n2\n3\n", {.columns = 20, .rows = 4}), "1\n2\n3\n");
  EXPECT_EQ(FitScreen("1\n2\n3\n4\n", {.columns = 20, .rows = 4}), "1\n2\n... 2 more lines\n");
}

TEST(PauseTest, EndsByASignalAndLeavesTheProcessAlone) {
  EXPECT_TRUE(PauseOf(absl::Milliseconds(1))());
  sigset_t ends, before;
  sigemptyset(&ends);
  sigaddset(&ends, SIGINT);
  pthread_sigmask(SIG_BLOCK, &ends, &before);
  raise(SIGINT);
  EXPECT_FALSE(PauseOf(absl::Hours(1))());
  pthread_sigmask(SIG_SETMASK, &before, nullptr);
}

}  // namespace
}  // namespace ddskey::cli
