#include "client/cli/status_page.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>

#include "absl/time/time.h"
#include "client/cli/attention.h"

namespace ddskey::cli {
namespace {

using ::testing::HasSubstr;
using ::testing::Not;
using ::testing::StartsWith;

constexpr int64_t kNow = 1'800'000'000;

// Busy is a daemon that has done something.
v1::GetStatusResponse Busy() {
  v1::GetStatusResponse status;
  status.set_version("0.1.0");
  status.set_started(kNow - 90'000);
  status.set_uptime_seconds(90'000);
  status.set_keys(1);
  status.set_schema_version(6);
  status.set_policy_file("/etc/ddskeyd/policy.textproto");
  status.set_policy_rules(3);
  status.set_handshakes_allowed(12);
  status.set_handshakes_refused(4);
  status.set_participants(2);
  status.set_participant_processes(1);
  status.mutable_application_server()->set_connections(1);
  status.set_watches(1);
  v1::BackendStatus& backend = *status.add_backends();
  backend.set_name("software");
  backend.set_kind("software");
  backend.set_healthy(true);
  backend.set_protection("Not against root.");
  backend.add_algorithms("ec-p256");
  backend.set_device("OpenSSL 3.0.17");
  backend.set_queue_limit(1024);
  backend.set_signatures(24);
  backend.mutable_signing()->set_count(24);
  backend.mutable_signing()->set_sum(0.036);
  v1::Ending& ending = *status.add_endings();
  ending.set_key_name("talker");
  ending.set_kind("certificate");
  ending.set_subject("CN=talker");
  ending.set_end(kNow + 100 * 86'400);
  v1::Refusal& refusal = *status.add_refusals();
  refusal.set_time(kNow - 65);
  refusal.set_count(4);
  refusal.set_operation("ValidateLocalIdentity");
  refusal.set_code("PERMISSION_DENIED");
  refusal.set_uid(1000);
  refusal.set_pid(4711);
  refusal.set_key_name("lidar");
  refusal.set_reason("no rule allows it");
  return status;
}

std::string Page(const v1::GetStatusResponse& status, const PageOptions& options = {}) {
  return StatusPage(status, absl::FromUnixSeconds(kNow), options);
}

TEST(StatusPageTest, IsAShortPage) {
  EXPECT_EQ(Page(Busy()), R"(ddskeyd 0.1.0, running for 1 d 1 h since 2027-01-14 07:00:00 UTC: all is well

Backend software (software): healthy
  Device:      OpenSSL 3.0.17
  Protection:  Not against root.
  Algorithms:  ec-p256
  Work:        24 signatures since start, 1.5 ms each
  Queue:       0 of 1024 waiting, 0 being done; 0 found no room, 0 were too late

Keys:        1 active (schema 6)
Policy:      /etc/ddskeyd/policy.textproto (3 rules)
Handshakes:  12 allowed, 4 refused
Users:       2 participants of 1 process; 1 connection, 1 waiting for changes

KEY     WHAT         SUBJECT    ENDS
talker  certificate  CN=talker  2027-04-25 08:00:00 UTC (100 days left)

Last refusals, the latest first:
  1 min 5 s ago (4 times): user 1000 (process 4711), ValidateLocalIdentity with the key lidar
    PERMISSION_DENIED: no rule allows it
)");
}

TEST(StatusPageTest, BeginsWithWhatNeedsAttentionAndWhatToDo) {
  v1::GetStatusResponse status = Busy();
  status.mutable_endings(0)->set_end(kNow + 6 * 86'400);
  v1::BackendStatus& backend = *status.mutable_backends(0);
  backend.set_healthy(false);
  backend.set_problem("it waits for the PIN");
  backend.add_waits_for("pin");
  EXPECT_THAT(Page(status),
              HasSubstr(": 2 things need attention\n"
                        "!! the backend software is not healthy: it waits for the PIN\n"
                        "   Do: ddskeyctl backend unlock software\n"
                        " ! the certificate of the key talker ends: 2027-01-21 08:00:00 UTC (6 days left)\n"
                        "   Do: ddskeyctl identity renew talker\n\n"));
}

TEST(StatusPageTest, PaintsOnlyWhereItMay) {
  const v1::GetStatusResponse status = Busy();
  EXPECT_THAT(Page(status), Not(HasSubstr("\x1b")));
  EXPECT_THAT(Page(status, {.colour = true}), HasSubstr("\x1b[32mall is well\x1b[0m"));
}

TEST(StatusPageTest, S16EscapesWhatIsForeign) {
  v1::GetStatusResponse status = Busy();
  status.mutable_refusals(0)->set_key_name("\x1b[2J");
  status.mutable_refusals(0)->set_reason("line\nline");
  const std::string page = Page(status, {.user_name = [](uid_t) { return std::string("ro\x1b"); }});
  EXPECT_THAT(page, HasSubstr("ro\\x1b (process 4711), ValidateLocalIdentity with the key \\x1b[2J"));
  EXPECT_THAT(page, HasSubstr("line\\x0aline"));
}

TEST(StatusPageTest, SaysThatDetailsAreWithheld) {
  v1::GetStatusResponse status = Busy();
  status.mutable_refusals(0)->clear_key_name();
  status.mutable_refusals(0)->clear_reason();
  status.mutable_refusals(0)->set_details_withheld(true);
  EXPECT_THAT(Page(status), HasSubstr("PERMISSION_DENIED (key and reason are shown to who may do KEY_LIST)\n"));
}

TEST(AttentionTest, PutsFailuresFirst) {
  v1::GetStatusResponse status = Busy();
  status.mutable_endings(0)->set_end(kNow - 86'400);
  status.set_policy_error("policy:3:1: unknown field");
  status.set_audit_records_lost(7);
  const auto attention = FindAttention(status, absl::FromUnixSeconds(kNow));
  ASSERT_EQ(attention.size(), 3u);
  EXPECT_TRUE(attention[0].is_failure);
  EXPECT_THAT(attention[0].what, HasSubstr("policy:3:1"));
  EXPECT_THAT(attention[1].what, HasSubstr("expired 1 day ago"));
  EXPECT_THAT(attention[2].what, StartsWith("7 audit records"));
}

TEST(AttentionTest, SaysWhatItIsNotTold) {
  v1::GetStatusResponse status = Busy();
  v1::Ending& ending = *status.mutable_endings(0);
  ending.clear_key_name();
  ending.clear_subject();
  ending.set_end(kNow + 86'400);
  status.add_key_problems()->set_generation(2);
  status.add_outdated_ocsp_responses()->set_next_update(kNow - 1);
  const auto attention = FindAttention(status, absl::FromUnixSeconds(kNow));
  ASSERT_EQ(attention.size(), 3u);
  EXPECT_EQ(attention[0].what, "a key does not sign (which, and why, is told to who may do KEY_LIST)");
  for (const Attention& one : attention) {
    EXPECT_THAT(one.what, HasSubstr("told to who may do KEY_LIST)"));
    EXPECT_EQ(one.fix, "") << "there is no key to name in a command";
  }
}

TEST(AttentionTest, LeavesRevocationListsAloneUntilTheNextOneIsLate) {
  v1::GetStatusResponse status = Busy();
  v1::Ending& ending = *status.mutable_endings(0);
  const auto count = [&] { return FindAttention(status, absl::FromUnixSeconds(kNow)).size(); };
  ending.set_kind("revocation list");
  ending.set_end(kNow + 29 * 86'400);
  EXPECT_EQ(count(), 0U);
  ending.set_end(kNow + 2 * 86'400 - 1);
  EXPECT_EQ(count(), 1U);
  ending.set_kind("identity CA");
  ending.set_end(kNow + 29 * 86'400);
  EXPECT_EQ(count(), 1U);
}

TEST(AttentionTest, SaysHowThereComesToBeAPolicy) {
  v1::GetStatusResponse status = Busy();
  status.clear_policy_file();
  const auto attention = FindAttention(status, absl::FromUnixSeconds(kNow));
  ASSERT_EQ(attention.size(), 1U);
  EXPECT_EQ(attention[0].fix, "ddskeyctl setup; or write /etc/ddskeyd/policy.textproto, see ddskeyd-policy(5)");
}

TEST(AttentionTest, ShowsCommandsThatAShellTakesAsTheyAre) {
  v1::GetStatusResponse status = Busy();
  v1::Ending& ending = *status.mutable_endings(0);
  ending.set_key_name("a;reboot");
  ending.set_kind("identity CA");
  ending.set_end(kNow + 86'400);
  const auto attention = FindAttention(status, absl::FromUnixSeconds(kNow));
  ASSERT_EQ(attention.size(), 1u);
  EXPECT_EQ(attention[0].fix, "ddskeyctl trust add 'a;reboot' --ca FILE");
}

}  // namespace
}  // namespace ddskey::cli
