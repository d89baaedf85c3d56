#include "daemon/fill_decisions.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <memory>
#include <string>

#include "absl/status/status.h"
#include "daemon/audit/audit_log.h"

namespace ddskey {
namespace {

// NoLog is for statistics alone.
class NoLog : public AuditLog {
 public:
  void Record(const AuditRecord&) override {}
  void Flush() override {}
};

constexpr char kPolicy[] = R"(
  rule { name: "collector" effect: ALLOW caller { uid: 100 } operation: STATUS }
  rule { name: "robots" effect: ALLOW caller { uid: 101 } key: "robot_*" operation: [ STATUS, KEY_LIST ] }
)";

class FillDecisionsTest : public ::testing::Test {
 protected:
  void SetUp() override {
    for (const char* const key : {"robot_1", "brake", ""}) {
      AuditRecord record;
      record.uid = 1000;
      record.pid = 42;
      record.operation = "ValidateLocalIdentity";
      record.key = key;
      record.peer = "CN=peer";
      record.outcome = absl::PermissionDeniedError("no rule allows it");
      statistics_.Record(record);
    }
  }

  v1::GetStatusResponse Ask(uid_t uid) {
    v1::GetStatusResponse status;
    FillDecisions(statistics_, *policy_, {.uid = uid, .gid = uid, .groups = {}, .pid = 1, .start_time = 1}, status);
    return status;
  }

  NoLog log_;
  DecisionStatistics statistics_{log_};
  std::shared_ptr<const Policy> policy_ = Policy::Parse(kPolicy, "policy.textproto", {}).value();
};

TEST_F(FillDecisionsTest, TellsTheSuperuserEverything) {
  policy_ = Policy::SuperuserOnly();
  const v1::GetStatusResponse status = Ask(0);
  ASSERT_EQ(status.refusals_size(), 3);
  EXPECT_EQ(status.refusals(2).key_name(), "robot_1");
  EXPECT_EQ(status.refusals(2).peer(), "CN=peer");
  EXPECT_EQ(status.refusals(2).reason(), "no rule allows it");
  EXPECT_EQ(status.refusals(2).code(), "PERMISSION_DENIED");
  EXPECT_EQ(status.refusals(2).uid(), 1000u);
  EXPECT_FALSE(status.refusals(2).details_withheld());
  ASSERT_EQ(status.operations_size(), 1);
  EXPECT_EQ(status.operations(0).operation(), "ValidateLocalIdentity");
  EXPECT_EQ(status.operations(0).code(), "PERMISSION_DENIED");
  EXPECT_EQ(status.operations(0).count(), 3u);
}

TEST_F(FillDecisionsTest, NamesNoKeyToWhoMayNotListKeys) {
  const v1::GetStatusResponse status = Ask(100);
  ASSERT_EQ(status.refusals_size(), 3);
  for (const v1::Refusal& refusal : status.refusals()) {
    EXPECT_TRUE(refusal.details_withheld());
    EXPECT_EQ(refusal.key_name() + refusal.peer() + refusal.reason(), "");
    EXPECT_EQ(refusal.operation(), "ValidateLocalIdentity");
  }
}

TEST_F(FillDecisionsTest, NamesTheKeysThatTheCallerMayList) {
  const v1::GetStatusResponse status = Ask(101);
  ASSERT_EQ(status.refusals_size(), 3);
  // Without a key it may be about any.
  EXPECT_TRUE(status.refusals(0).details_withheld());
  EXPECT_TRUE(status.refusals(1).details_withheld());
  EXPECT_EQ(status.refusals(2).key_name(), "robot_1");
}

}  // namespace
}  // namespace ddskey
