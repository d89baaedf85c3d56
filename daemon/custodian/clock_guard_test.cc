#include "daemon/custodian/clock_guard.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "test/support/status_matchers.h"
#include "test/support/temp_dir.h"

namespace ddskey {
namespace {

using test::IsOkAndHolds;
using test::StatusIs;
using ::testing::HasSubstr;

constexpr auto kUnavailable = absl::StatusCode::kUnavailable;

class ClockGuardTest : public ::testing::Test {
 protected:
  void SetUp() override {
    ASSERT_OK_AND_ASSIGN(keys_, KeyStore::Open(dir_.File("keystore.db")));
    Open();
  }

  // Open starts a daemon.
  void Open(ClockGuard::Unset unset = ClockGuard::Unset::kRefuse) {
    ASSERT_OK_AND_ASSIGN(guard_, ClockGuard::Open({*keys_, changes_, [this] { return wall_; }, [this] { return up_; },
                                                   released_, unset}));
  }

  // Pass lets time pass, on both clocks, with a look at every minute.
  void Pass(absl::Duration time) {
    for (absl::Duration step = absl::Minutes(1); time > absl::ZeroDuration(); time -= step) {
      wall_ += step;
      up_ += step;
      guard_->Observe();
    }
  }

  // Boot starts the machine and the daemon anew, with the clock at `wall`.
  void Boot(absl::Time wall) {
    wall_ = wall;
    up_ = absl::Minutes(1);
    Open();
  }

  uint64_t Changes(const std::function<void()>& what) {
    const uint64_t before = changes_.revision();
    what();
    return changes_.revision() - before;
  }

  const test::TempDir dir_;
  const absl::Time released_ = absl::FromCivil(absl::CivilDay(2026, 9, 1), absl::UTCTimeZone());
  absl::Time wall_ = released_ + absl::Hours(24 * 100);
  absl::Duration up_ = absl::Minutes(1);
  ChangeNotice changes_;
  std::unique_ptr<KeyStore> keys_;
  std::unique_ptr<ClockGuard> guard_;
};

TEST_F(ClockGuardTest, IsTheSystemsClockWhileThatIsSet) {
  EXPECT_OK(guard_->Check());
  EXPECT_EQ(guard_->Now(), wall_);
  EXPECT_TRUE(guard_->state().set);
}

TEST_F(ClockGuardTest, S17AClockBeforeTheReleaseIsNotSet) {
  wall_ = absl::UnixEpoch();
  EXPECT_THAT(guard_->Check(), StatusIs(kUnavailable, HasSubstr("[clock_not_set]")));
  EXPECT_EQ(guard_->Now(), released_) << "no earlier than it can be";
  EXPECT_FALSE(guard_->state().set);
  wall_ = released_ - absl::Minutes(4);
  EXPECT_OK(guard_->Check());
}

TEST_F(ClockGuardTest, S17AClockBeforeTheLastGoodTimeIsNotSetAlsoAfterARestart) {
  for (int day = 0; day < 20; ++day) Pass(absl::Hours(1));  // A week for each hour, until it has caught up.
  ASSERT_OK_AND_ASSIGN(const absl::Time kept, keys_->LoadLastGoodTime());
  EXPECT_GT(kept, wall_ - absl::Hours(2));
  Boot(kept - absl::Hours(1));
  EXPECT_THAT(guard_->Check(), StatusIs(kUnavailable, HasSubstr("[clock_not_set]")));
  EXPECT_EQ(guard_->Now(), kept);
  Boot(kept + absl::Hours(1));
  EXPECT_OK(guard_->Check());
}

TEST_F(ClockGuardTest, S17SaysWhenItIsSetAndWhenItIsNoLonger) {
  EXPECT_EQ(Changes([this] { Pass(absl::Minutes(3)); }), 0U);
  const absl::Time good = wall_;
  wall_ = absl::UnixEpoch();
  EXPECT_EQ(Changes([this] { guard_->Observe(); }), 1U);
  EXPECT_EQ(Changes([this] { Pass(absl::Minutes(3)); }), 0U);
  wall_ = good;
  EXPECT_EQ(Changes([this] { guard_->Observe(); }), 1U);
  EXPECT_OK(guard_->Check());
}

TEST_F(ClockGuardTest, TellsOfEveryJump) {
  wall_ += absl::Hours(1);
  EXPECT_EQ(Changes([this] { guard_->Observe(); }), 1U);
  wall_ -= absl::Minutes(4);
  EXPECT_EQ(Changes([this] { guard_->Observe(); }), 1U);
  wall_ += absl::Seconds(2);
  EXPECT_EQ(Changes([this] { guard_->Observe(); }), 0U) << "NTP at work";
}

TEST_F(ClockGuardTest, WithWarnItIsTheLastGoodTimeAndNothingIsRefused) {
  Open(ClockGuard::Unset::kWarn);
  wall_ = absl::UnixEpoch();
  EXPECT_OK(guard_->Check());
  EXPECT_EQ(guard_->Now(), released_);
  EXPECT_FALSE(guard_->state().set);
}

TEST_F(ClockGuardTest, AWrongFutureThatIsCorrectedSoonLeavesNoTrace) {
  const absl::Time before = wall_;
  wall_ += absl::Hours(24 * 365 * 20);
  guard_->Observe();
  Pass(absl::Minutes(9));
  EXPECT_THAT(keys_->LoadLastGoodTime(), IsOkAndHolds(absl::InfinitePast()));
  wall_ = before;
  guard_->Observe();
  EXPECT_OK(guard_->Check());
}

TEST_F(ClockGuardTest, AWrongFutureTakesTheLastGoodTimeAlongByAWeekAnHourAtMost) {
  Pass(absl::Hours(24));  // It has caught up.
  const absl::Time before = wall_;
  wall_ += absl::Hours(24 * 365 * 20);
  Pass(absl::Hours(2));
  ASSERT_OK_AND_ASSIGN(const absl::Time kept, keys_->LoadLastGoodTime());
  EXPECT_LE(kept, before + absl::Hours(24 * 14));
  EXPECT_GT(kept, before);
}

TEST_F(ClockGuardTest, ResetTakesTheLastGoodTimeBack) {
  Pass(absl::Hours(24));
  const absl::Time before = wall_;
  wall_ += absl::Hours(24 * 365);
  Pass(absl::Hours(5));
  wall_ = before;
  guard_->Observe();
  EXPECT_THAT(guard_->Check(), StatusIs(kUnavailable));
  EXPECT_GE(Changes([this] { EXPECT_OK(guard_->Reset()); }), 1U);
  EXPECT_OK(guard_->Check());
  EXPECT_THAT(keys_->LoadLastGoodTime(), IsOkAndHolds(before));
  Boot(before + absl::Minutes(1));
  EXPECT_OK(guard_->Check());
}

TEST_F(ClockGuardTest, ResetIsRefusedBeforeTheRelease) {
  wall_ = absl::UnixEpoch();
  EXPECT_THAT(guard_->Reset(), StatusIs(absl::StatusCode::kFailedPrecondition, HasSubstr("set it first")));
  EXPECT_THAT(guard_->Check(), StatusIs(kUnavailable));
}

TEST_F(ClockGuardTest, TheLastGoodTimeNeverGoesBackByItself) {
  Pass(absl::Hours(24));
  ASSERT_OK_AND_ASSIGN(const absl::Time kept, keys_->LoadLastGoodTime());
  wall_ = kept - absl::Minutes(3);
  Pass(absl::Minutes(2));
  EXPECT_OK(guard_->Check()) << "within what is tolerated";
  EXPECT_THAT(keys_->LoadLastGoodTime(), IsOkAndHolds(kept));
}

}  // namespace
}  // namespace ddskey
