// A clock that is not set, and what ends soon, against the real daemon.
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sqlite3.h>

#include <string>
#include <thread>

#include "absl/strings/str_cat.h"
#include "test/support/pki.h"
#include "test/support/process.h"
#include "test/support/status_matchers.h"
#include "test/support/test_daemon.h"
#include "test/support/test_participant.h"

namespace ddskey {
namespace {

using ::ddskey::test::Named;
using ::ddskey::test::TestCa;
using ::ddskey::test::TestDaemon;
using ::ddskey::test::TestParticipant;
using ::ddskey::test::WaitFor;
using ::testing::HasSubstr;
using ::testing::StartsWith;

// StartAsIfLater starts the daemon again, whose clock is an hour before the last good time that it remembers.
void StartAsIfLater(TestDaemon& daemon) {
  ASSERT_EQ(daemon.Stop(), 0);
  sqlite3* connection = nullptr;
  const std::string path = daemon.dir().File("state/keystore.db");
  ASSERT_EQ(sqlite3_open_v2(path.c_str(), &connection, SQLITE_OPEN_READWRITE, nullptr), SQLITE_OK);
  const std::string statement = absl::StrCat("INSERT OR REPLACE INTO clock (id, last_good) VALUES (1, ",
                                             absl::ToUnixMicros(absl::Now() + absl::Hours(1)), ")");
  EXPECT_EQ(sqlite3_exec(connection, statement.c_str(), nullptr, nullptr, nullptr), SQLITE_OK);
  sqlite3_close(connection);
  daemon.Start();
}

TEST(ClockTest, S17WhileTheClockIsNotSetCallersWaitAndThenGoOnByThemselves) {
  const TestCa ca = TestCa::Root("identity CA");
  TestDaemon daemon;
  TestParticipant alice(daemon.socket(), "alice", daemon.Enroll("alice", ca, Named("alice")), 'a');
  TestParticipant bob(daemon.socket(), "bob", daemon.Enroll("bob", ca, Named("bob")), 'b');
  ASSERT_TRUE(alice.Validate().ok());
  ASSERT_TRUE(bob.Validate().ok());
  EXPECT_TRUE(daemon.Status().clock().set());
  StartAsIfLater(daemon);

  // A participant that runs is told to come again: it does not lose its peer for it.
  const CallStatus waits = alice.Request(bob).status;
  EXPECT_EQ(waits.code, CallCode::kUnavailable);
  EXPECT_THAT(waits.message, StartsWith("[clock_not_set]"));
  const v1::GetStatusResponse status = daemon.Status();
  EXPECT_FALSE(status.clock().set());
  EXPECT_GT(status.clock().last_good(), status.clock().now());
  EXPECT_THAT(daemon.Log(), HasSubstr("clock: not set"));

  // One that begins waits, too.
  CallStatus begun;
  TestParticipant another(daemon.socket(), "alice", alice.request.identity_certificate(), 'x');
  std::thread beginning([&] { begun = another.Validate(); });
  EXPECT_TRUE(daemon.admin().ResetClock({}).ok());
  beginning.join();
  EXPECT_TRUE(begun.ok()) << begun.message;
  EXPECT_TRUE(test::Shake(alice, bob).ok());
  EXPECT_TRUE(daemon.Status().clock().set());
  EXPECT_THAT(daemon.Log(), HasSubstr("clock: set again"));
  ASSERT_EQ(daemon.Stop(), 0);
  daemon.Start();
  EXPECT_TRUE(daemon.Status().clock().set()) << "the reset was kept";
}

TEST(ClockTest, S17WithWarnHandshakesGoOnWhileTheClockIsNotSet) {
  const TestCa ca = TestCa::Root("identity CA");
  TestDaemon::Options options;
  options.more = "clock { unset: WARN }";
  TestDaemon daemon(options);
  TestParticipant alice(daemon.socket(), "alice", daemon.Enroll("alice", ca, Named("alice")), 'a');
  TestParticipant bob(daemon.socket(), "bob", daemon.Enroll("bob", ca, Named("bob")), 'b');
  // Good by the clock, but not at the time that has passed.
  test::CertificateOptions short_lived = Named("carol");
  short_lived.not_after = absl::Now() + absl::Minutes(30);
  TestParticipant carol(daemon.socket(), "carol", daemon.Enroll("carol", ca, short_lived), 'c');
  StartAsIfLater(daemon);
  ASSERT_TRUE(alice.Validate().ok());
  ASSERT_TRUE(bob.Validate().ok());
  EXPECT_TRUE(test::Shake(alice, bob).ok());
  EXPECT_THAT(carol.Validate().message, HasSubstr("[expired]"));
  EXPECT_FALSE(daemon.Status().clock().set());
  EXPECT_THAT(daemon.Log(), HasSubstr("validated as of that time"));
}

TEST(ClockTest, WhatEndsSoonIsInTheLogAndInTheStatus) {
  const TestCa ca = TestCa::Root("identity CA");
  TestDaemon daemon;
  test::CertificateOptions ending = Named("dave");
  ending.not_before = absl::Now() - absl::Hours(24 * 90);
  ending.not_after = absl::Now() + absl::Hours(24 * 5 + 12);
  daemon.Enroll("dave", ca, ending);
  daemon.Enroll("erin", ca, Named("erin"));
  const v1::GetStatusResponse status = daemon.Status();
  ASSERT_EQ(status.endings_size(), 2) << "two certificates; their CA has years left";
  EXPECT_EQ(status.endings(0).key_name(), "dave");
  EXPECT_EQ(status.endings(0).kind(), "certificate");
  EXPECT_EQ(status.endings(0).days_left(), 5);
  EXPECT_EQ(status.endings(1).key_name(), "erin");
  ASSERT_EQ(daemon.Stop(), 0);
  daemon.Start();
  EXPECT_TRUE(WaitFor([&] { return daemon.Log().find("key \"dave\": its certificate") != std::string::npos; }));
  EXPECT_EQ(daemon.Log().find("key \"erin\""), std::string::npos);
}

}  // namespace
}  // namespace ddskey
