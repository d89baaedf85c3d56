#include "daemon/audit/spdlog_audit_log.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <spdlog/sinks/ostream_sink.h>
#include <spdlog/spdlog.h>

#include <atomic>
#include <condition_variable>
#include <memory>
#include <mutex>
#include <sstream>
#include <string>
#include <vector>

#include "daemon/audit/refusal_coalescer.h"

namespace ddskey {
namespace {

using ::testing::Contains;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::Not;

AuditRecord Allowed(const std::string& operation) {
  AuditRecord record;
  record.uid = 1000;
  record.gid = 100;
  record.pid = 42;
  record.operation = operation;
  record.key = "talker";
  record.rule = "talkers";
  record.took = absl::Microseconds(1234);
  return record;
}

AuditRecord Refused(const std::string& operation, const std::string& reason = "no rule allows it") {
  AuditRecord record = Allowed(operation);
  record.rule = "";
  record.outcome = absl::PermissionDeniedError(reason);
  return record;
}

// Lines keeps what was written.
class Lines {
 public:
  std::unique_ptr<AuditSink> MakeSink() { return std::make_unique<Sink>(*this); }

  // Block makes writing wait until Unblock.
  void Block() {
    const std::lock_guard lock(mutex_);
    blocked_ = true;
  }
  void Unblock() {
    const std::lock_guard lock(mutex_);
    blocked_ = false;
    unblocked_.notify_all();
  }
  // WaitUntilWriting waits until a line is being written.
  void WaitUntilWriting() {
    std::unique_lock lock(mutex_);
    entered_.wait(lock, [this] { return writing_; });
  }
  std::vector<std::string> Take() {
    const std::lock_guard lock(mutex_);
    return std::exchange(lines_, {});
  }

 private:
  class Sink : public AuditSink {
   public:
    explicit Sink(Lines& lines) : lines_(lines) {}
    void Write(const AuditLine& line) override {
      std::unique_lock lock(lines_.mutex_);
      lines_.writing_ = true;
      lines_.entered_.notify_all();
      lines_.unblocked_.wait(lock, [this] { return !lines_.blocked_; });
      lines_.writing_ = false;
      lines_.lines_.push_back(line.Text());
    }

   private:
    Lines& lines_;
  };

  std::mutex mutex_;
  std::condition_variable unblocked_;
  std::condition_variable entered_;
  bool blocked_ = false;
  bool writing_ = false;
  std::vector<std::string> lines_;
};

class SpdlogAuditLogTest : public ::testing::Test {
 protected:
  std::unique_ptr<SpdlogAuditLog> Create(const SpdlogAuditLog::Room& room = {}) {
    return SpdlogAuditLog::Create(
        lines_.MakeSink(), [this] { return absl::FromUnixSeconds(seconds_); }, room);
  }

  std::atomic<int64_t> seconds_{1'000'000};
  Lines lines_;
};

TEST_F(SpdlogAuditLogTest, WritesWhoDidWhatWithWhichKeyAndWhatCameOfIt) {
  const auto log = Create();
  log->Record(Allowed("ValidateLocalIdentity"));
  AuditRecord refused = Refused("BeginHandshakeReply");
  refused.peer = "CN=listener";
  refused.peer_digest = "abcd";
  log->Record(refused);
  log->Flush();
  EXPECT_THAT(
      lines_.Take(),
      ElementsAre("audit operation=\"ValidateLocalIdentity\" outcome=\"allowed\" uid=\"1000\" gid=\"100\" pid=\"42\" "
                  "key=\"talker\" rule=\"talkers\" took_us=\"1234\"",
                  "audit operation=\"BeginHandshakeReply\" outcome=\"refused\" code=\"PERMISSION_DENIED\" uid=\"1000\" "
                  "gid=\"100\" pid=\"42\" key=\"talker\" peer=\"CN=listener\" peer_digest=\"abcd\" "
                  "reason=\"no rule allows it\" took_us=\"1234\""));
}

TEST_F(SpdlogAuditLogTest, WritesWhatIsToBeSaidOfACertificateThatWasAccepted) {
  const auto log = Create();
  AuditRecord record = Allowed("BeginHandshakeReply");
  record.warning = "[key_usage] \"";
  log->Record(record);
  log->Flush();
  EXPECT_THAT(lines_.Take(), ElementsAre(HasSubstr(" warning=\"[key_usage] \\x22\" ")));
}

TEST_F(SpdlogAuditLogTest, S16EscapesWhatPeersWrote) {
  const auto log = Create();
  AuditRecord record = Allowed("ProcessHandshake");
  record.peer = "CN=a\" outcome=\"allowed\\\n\x1b[2J\xff";
  log->Record(record);
  log->Flush();
  EXPECT_THAT(lines_.Take(),
              ElementsAre(HasSubstr("peer=\"CN=a\\x22 outcome=\\x22allowed\\x5c\\x0a\\x1b[2J\\xff\" rule")));
}

TEST_F(SpdlogAuditLogTest, BoundsEachValue) {
  const auto log = Create();
  log->Record(Refused("CreateKey", std::string(100'000, 'x')));
  log->Flush();
  const auto lines = lines_.Take();
  ASSERT_EQ(lines.size(), 1u);
  EXPECT_LT(lines[0].size(), 1000u);
}

TEST_F(SpdlogAuditLogTest, S16WritesEqualRefusalsOnceAndThenTheirCountEachMinute) {
  const auto log = Create();
  for (int i = 0; i < 1000; ++i) log->Record(Refused("ValidateLocalIdentity"));
  EXPECT_TRUE(lines_.Take().size() <= 1);
  seconds_ += 61;
  // The next record of any kind finds the minute over.
  log->Record(Allowed("CreateKey"));
  log->Record(Refused("ValidateLocalIdentity"));
  log->Flush();
  // The first of the new minute stands for itself again.
  std::string all;
  for (const std::string& line : lines_.Take()) all += line + "\n";
  EXPECT_THAT(all, HasSubstr("repeated=\"999\"\naudit operation=\"CreateKey\""));
  EXPECT_THAT(all, Not(HasSubstr("repeated=\"1\"")));
}

TEST_F(SpdlogAuditLogTest, S16TellsRefusalsApartByCallerOperationKeyPeerAndReason) {
  const auto log = Create();
  std::vector<AuditRecord> different(7, Refused("ValidateLocalIdentity"));
  different[1].uid = 1001;
  different[2].pid = 43;
  different[3].operation = "BeginHandshakeReply";
  different[4].key = "listener";
  different[5].peer_digest = "abcd";
  different[6].outcome = absl::PermissionDeniedError("a rule denies it");
  for (const AuditRecord& record : different) log->Record(record);
  log->Flush();
  EXPECT_EQ(lines_.Take().size(), different.size());
}

TEST_F(SpdlogAuditLogTest, WritesEveryAdministrativeRefusal) {
  const auto log = Create();
  AuditRecord record = Refused("CreateKey");
  record.administrative = true;
  for (int i = 0; i < 10; ++i) log->Record(record);
  log->Flush();
  EXPECT_EQ(lines_.Take().size(), 10u);
}

TEST_F(SpdlogAuditLogTest, S16AFloodOfRefusalsPushesOutNothingElse) {
  const auto log = Create({.administrative = 10, .allowed = 10, .refused = 10});
  lines_.Block();
  log->Record(Allowed("First"));
  lines_.WaitUntilWriting();
  for (int i = 0; i < 10'000; ++i) log->Record(Refused("Flood", "reason " + std::to_string(i)));
  log->Record(Allowed("Honest"));
  AuditRecord administrative = Allowed("DeleteKey");
  administrative.administrative = true;
  log->Record(administrative);
  lines_.Unblock();
  log->Flush();
  const auto lines = lines_.Take();
  EXPECT_LT(lines.size(), 30u);
  EXPECT_THAT(lines, Contains(HasSubstr("\"Honest\"")));
  EXPECT_THAT(lines, Contains(HasSubstr("\"DeleteKey\"")));
  EXPECT_THAT(lines, Contains(HasSubstr("outcome=\"lost\"")));
}

TEST_F(SpdlogAuditLogTest, DoesNotWaitForASlowReader) {
  const auto log = Create({.administrative = 10, .allowed = 10, .refused = 10});
  lines_.Block();
  // Would never end if it waited.
  for (int i = 0; i < 1000; ++i) log->Record(Allowed("Busy"));
  lines_.Unblock();
  log->Flush();
  EXPECT_THAT(lines_.Take(), Contains(HasSubstr("outcome=\"lost\"")));
}

TEST_F(SpdlogAuditLogTest, WritesWhatWaitsAtItsEnd) {
  auto log = Create();
  for (int i = 0; i < 5; ++i) log->Record(Refused("ValidateLocalIdentity"));
  log.reset();
  EXPECT_THAT(lines_.Take(), ElementsAre(Not(HasSubstr("repeated")), HasSubstr("repeated=\"4\"")));
}

TEST(RefusalCoalescerTest, S16KeepsNoMoreThanItsBound) {
  RefusalCoalescer coalescer({.distinct = 100, .distinct_per_uid = 60, .counted_uids = 2});
  int written = 0;
  for (uid_t uid = 1; uid <= 5; ++uid) {
    for (int i = 0; i < 1000; ++i) {
      AuditRecord record = Refused("Flood", "reason " + std::to_string(i));
      record.uid = uid;
      written += coalescer.IsNew(record) ? 1 : 0;
    }
  }
  // The first user takes no more than its share.
  EXPECT_EQ(written, 100);
  std::string all;
  const auto lines = coalescer.EndRound();
  for (const AuditLine& line : lines) all += line.Text() + "\n";
  EXPECT_EQ(lines.size(), 3u) << all;
  EXPECT_THAT(all, HasSubstr("caller=\"uid 1\" reason=\"too many different refusals\" repeated=\"940\""));
  EXPECT_THAT(all, HasSubstr("caller=\"uid 2\" reason=\"too many different refusals\" repeated=\"960\""));
  EXPECT_THAT(all, HasSubstr("caller=\"other users\" reason=\"too many different refusals\" repeated=\"3000\""));
  EXPECT_THAT(coalescer.EndRound(), IsEmpty());
}

TEST(SpdlogAuditSinkTest, WritesWhateverTheLevelOfTheLog) {
  std::ostringstream out;
  const auto before = spdlog::default_logger();
  auto logger = std::make_shared<spdlog::logger>("test", std::make_shared<spdlog::sinks::ostream_sink_mt>(out));
  logger->set_level(spdlog::level::err);
  spdlog::set_default_logger(logger);
  const auto sink = MakeSpdlogAuditSink();
  spdlog::set_default_logger(before);
  sink->Write(MakeAuditLine(Allowed("CreateKey"), 0));
  EXPECT_THAT(out.str(), HasSubstr("audit operation=\"CreateKey\" outcome=\"allowed\""));
}

}  // namespace
}  // namespace ddskey
