#include "client/doctor/self_test.h"

#include <gtest/gtest.h>

#include "client/doctor/finding_matchers.h"
#include "test/support/temp_dir.h"

namespace ddskey::doctor {
namespace {

constexpr char kPolicy[] = "/etc/ddskeyd/policy.textproto";

SelfTest AsTalker() {
  SelfTest test;
  test.key = "talker";
  test.user = UserFacts{.uid = 1001, .gid = 1001, .name = "talker", .groups = {}};
  return test;
}

Findings Of(CallCode code, const std::string& message) {
  SelfTestResult result;
  result.done = {{.name = "validate initiator", .took = std::chrono::microseconds(1500)}};
  if (code != CallCode::kOk) result.refused = "reply";
  result.status = {code, message};
  Findings findings;
  JudgeHandshake(AsTalker(), result, kPolicy, findings);
  return findings;
}

TEST(SelfTestTest, SaysHowLongEachStepTook) {
  const Findings findings = Of(CallCode::kOk, "");
  ASSERT_THAT(findings, Has(Level::kOk, "handshake"));
  EXPECT_THAT(findings.all()[0].text, ::testing::HasSubstr("as talker, succeeds: validate initiator 1.5 ms"));
}

TEST(SelfTestTest, ShowsARefusalWithItsFix) {
  const Findings refused = Of(CallCode::kPermissionDenied, "no such key");
  EXPECT_THAT(refused, Has(Level::kProblem, "handshake", "user: \"talker\" } key: \"talker\" operation: HANDSHAKE"));
  EXPECT_THAT(refused.all()[0].text, ::testing::HasSubstr("fails at reply: no such key"));
  EXPECT_THAT(Of(CallCode::kUnavailable, "[clock_not_set] x"), Has(Level::kProblem, "handshake", "timedatectl"));
  EXPECT_THAT(Of(CallCode::kUnavailable, "away"), Has(Level::kProblem, "handshake", "systemctl restart"));
  EXPECT_THAT(Of(CallCode::kFailedPrecondition, "[expired]"),
              Has(Level::kProblem, "handshake", "identity renew talker"));
  EXPECT_THAT(Of(CallCode::kResourceExhausted, "quota"), Has(Level::kProblem, "handshake", "limits"));
  EXPECT_THAT(Of(CallCode::kInternal, "x"), Has(Level::kProblem, "handshake", "journalctl -u ddskeyd"));
}

TEST(SelfTestTest, FindsADaemonThatIsNotThere) {
  const test::TempDir dir;
  Findings service;
  CheckService(dir.File("none.sock"), service);
  EXPECT_THAT(service, Has(Level::kProblem, "socket.answers", "systemctl restart ddskeyd.socket"));
}

}  // namespace
}  // namespace ddskey::doctor
