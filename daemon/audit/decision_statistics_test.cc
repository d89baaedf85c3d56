#include "daemon/audit/decision_statistics.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/time/time.h"
#include "daemon/audit/audit_log.h"

namespace ddskey {
namespace {

using ::testing::AllOf;
using ::testing::ElementsAre;
using ::testing::Field;
using ::testing::IsEmpty;
using ::testing::SizeIs;
using Refusal = DecisionStatistics::Refusal;

// KeptLog keeps what it is told.
class KeptLog : public AuditLog {
 public:
  void Record(const AuditRecord& record) override { records.push_back(record); }
  void Flush() override { ++flushes; }

  std::vector<AuditRecord> records;
  int flushes = 0;
};

AuditRecord Allowed(const std::string& operation) {
  AuditRecord record;
  record.uid = 1000;
  record.pid = 42;
  record.operation = operation;
  record.key = "talker";
  record.took = absl::Milliseconds(250);
  return record;
}

AuditRecord Refused(uid_t uid, const std::string& key, const std::string& reason = "no rule allows it") {
  AuditRecord record = Allowed("ValidateLocalIdentity");
  record.uid = uid;
  record.key = key;
  record.outcome = absl::PermissionDeniedError(reason);
  return record;
}

auto IsRefusalOf(uid_t uid, const std::string& key, uint64_t count) {
  return AllOf(Field("uid", &Refusal::uid, uid), Field("key", &Refusal::key, key),
               Field("count", &Refusal::count, count));
}

class DecisionStatisticsTest : public ::testing::Test {
 protected:
  absl::Time now_ = absl::FromUnixSeconds(1'000);
  KeptLog log_;
  DecisionStatistics statistics_{
      log_, [this] { return now_; }, {.operations = 3, .refusals = 4, .refusals_per_uid = 2}};
};

TEST_F(DecisionStatisticsTest, CountsByOperationAndCodeAndHandsEverythingOn) {
  statistics_.Record(Allowed("CreateKey"));
  statistics_.Record(Allowed("CreateKey"));
  statistics_.Record(Refused(1000, "talker"));
  statistics_.Flush();
  const auto counts = statistics_.Counts();
  ASSERT_THAT(counts, SizeIs(2));
  EXPECT_EQ(counts[0].operation, "CreateKey");
  EXPECT_EQ(counts[0].code, absl::StatusCode::kOk);
  EXPECT_EQ(counts[0].count, 2u);
  EXPECT_EQ(counts[0].took, absl::Milliseconds(500));
  EXPECT_EQ(counts[1].operation, "ValidateLocalIdentity");
  EXPECT_EQ(counts[1].code, absl::StatusCode::kPermissionDenied);
  EXPECT_THAT(log_.records, SizeIs(3));
  EXPECT_EQ(log_.flushes, 1);
}

TEST_F(DecisionStatisticsTest, S17CountsOperationsBeyondTheBoundTogether) {
  for (int i = 0; i < 100; ++i) statistics_.Record(Allowed("Operation" + std::to_string(i)));
  const auto counts = statistics_.Counts();
  ASSERT_THAT(counts, SizeIs(4));
  EXPECT_EQ(counts[3].operation, "other");
  EXPECT_EQ(counts[3].count, 97u);
}

TEST_F(DecisionStatisticsTest, RemembersTheLastRefusalsTheLatestFirst) {
  statistics_.Record(Refused(1, "first"));
  now_ += absl::Seconds(10);
  statistics_.Record(Allowed("ValidateLocalIdentity"));
  statistics_.Record(Refused(2, "second", "expired"));
  const auto refusals = statistics_.Refusals();
  ASSERT_THAT(refusals, ElementsAre(IsRefusalOf(2, "second", 1), IsRefusalOf(1, "first", 1)));
  EXPECT_EQ(refusals[0].reason, "expired");
  EXPECT_EQ(refusals[0].last, absl::FromUnixSeconds(1'010));
  EXPECT_EQ(refusals[0].pid, 42);
}

TEST_F(DecisionStatisticsTest, S16MakesOneOfEqualRefusalsAlsoOfOtherProcesses) {
  statistics_.Record(Refused(1, "talker"));
  statistics_.Record(Refused(2, "talker"));
  now_ += absl::Seconds(10);
  AuditRecord again = Refused(1, "talker");
  again.pid = 43;
  statistics_.Record(again);
  const auto refusals = statistics_.Refusals();
  ASSERT_THAT(refusals, ElementsAre(IsRefusalOf(1, "talker", 2), IsRefusalOf(2, "talker", 1)));
  EXPECT_EQ(refusals[0].first, absl::FromUnixSeconds(1'000));
  EXPECT_EQ(refusals[0].last, absl::FromUnixSeconds(1'010));
  EXPECT_EQ(refusals[0].pid, 43);
}

TEST_F(DecisionStatisticsTest, S17OneUserDoesNotPushOutWhatOthersHadRefused) {
  statistics_.Record(Refused(1, "talker"));
  for (int i = 0; i < 1000; ++i) statistics_.Record(Refused(2, "key" + std::to_string(i)));
  EXPECT_THAT(statistics_.Refusals(),
              ElementsAre(IsRefusalOf(2, "key999", 1), IsRefusalOf(2, "key998", 1), IsRefusalOf(1, "talker", 1)));
  for (uid_t uid = 3; uid < 1000; ++uid) statistics_.Record(Refused(uid, "key"));
  EXPECT_THAT(statistics_.Refusals(), SizeIs(4));
}

TEST_F(DecisionStatisticsTest, S16KeepsNothingThatCannotBeShownOnATerminal) {
  statistics_.Record(Refused(1, "a\x1b[2Jb\xff", std::string(10'000, 'x')));
  const auto refusals = statistics_.Refusals();
  ASSERT_THAT(refusals, SizeIs(1));
  EXPECT_EQ(refusals[0].key, "a?[2Jb?");
  EXPECT_THAT(refusals[0].reason, SizeIs(512));
}

TEST_F(DecisionStatisticsTest, HasNothingToSayAtFirst) {
  EXPECT_THAT(statistics_.Counts(), IsEmpty());
  EXPECT_THAT(statistics_.Refusals(), IsEmpty());
}

}  // namespace
}  // namespace ddskey
