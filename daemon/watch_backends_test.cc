#include "daemon/watch_backends.h"

#include <gtest/gtest.h>

#include <atomic>
#include <chrono>
#include <future>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "daemon/backend/late_backend.h"
#include "test/fakes/fake_key_backend.h"
#include "test/support/process.h"

namespace ddskey {
namespace {

using std::chrono::milliseconds;
using std::chrono::seconds;
using test::FakeKeyBackend;
using test::WaitFor;

constexpr milliseconds kLimit(30);

// WatchBackendsTest has two backends, "idle" and "busy".
class WatchBackendsTest : public ::testing::Test {
 protected:
  WatchBackendsTest() {
    std::vector<BackendSet::Entry> entries;
    entries.push_back({"idle", "1", std::make_unique<FakeKeyBackend>()});
    auto busy = std::make_unique<FakeKeyBackend>();
    busy_ = busy.get();
    entries.push_back({"busy", "2", std::move(busy)});
    backends_ = std::make_unique<BackendSet>(std::move(entries));
    WatchBackends(*backends_, liveness_);
  }

  // Submit asks the busy backend for a key within `time`.
  void Submit(std::chrono::nanoseconds time) {
    busy_->SubmitCreate(KeyAlgorithm::kEcP256, KeyPurpose::kHandshake, {std::chrono::steady_clock::now() + time},
                        [this](const absl::StatusOr<SealedKey>& key) { key.ok() ? ++made_ : ++failed_; });
  }
  // Hang has the device not come back from a work whose time is over.
  void Hang() {
    busy_->SetDelay(std::chrono::hours(1));
    Submit(milliseconds(20));
    ASSERT_TRUE(WaitFor([this] { return failed_ == 1; }));
  }

  std::atomic<int> made_ = 0;
  std::atomic<int> failed_ = 0;
  std::unique_ptr<BackendSet> backends_;
  FakeKeyBackend* busy_ = nullptr;
  Liveness liveness_{kLimit};
};

TEST_F(WatchBackendsTest, AQueueBehindAWorkThatHasItsTimeMoves) {
  busy_->SetDelay(seconds(20));
  Submit(seconds(60));
  Submit(seconds(60));
  ASSERT_TRUE(WaitFor([this] { return busy_->Health().queue_length == 1; }));
  const auto until = std::chrono::steady_clock::now() + 4 * kLimit;
  while (std::chrono::steady_clock::now() < until) ASSERT_TRUE(liveness_.IsAlive());
}

TEST_F(WatchBackendsTest, AThreadThatHangsWithWorkWaitingIsFoundWhileItsBackendSeemsHealthy) {
  Hang();
  EXPECT_TRUE(liveness_.IsAlive()) << "nothing waits";
  Submit(seconds(60));
  EXPECT_TRUE(WaitFor([this] { return !liveness_.IsAlive(); }));
}

TEST_F(WatchBackendsTest, WorkThatComesAndExpiresOneByOneDoesNotHideAThreadThatHangs) {
  Hang();
  std::chrono::steady_clock::time_point next;
  EXPECT_TRUE(WaitFor([&] {
    if (const auto now = std::chrono::steady_clock::now(); now >= next) {
      Submit(kLimit / 3);
      next = now + kLimit / 4;
    }
    return !liveness_.IsAlive();
  }));
}

TEST(WatchLateBackendTest, ABackendThatTakesLongToOpenDoesNotHoldUpTheWatch) {
  std::promise<void> goes_on;
  std::atomic<int> tries = 0;
  auto late = std::make_unique<LateBackend>(
      "fake",
      [&, gate = goes_on.get_future().share()]() -> absl::StatusOr<std::unique_ptr<KeyBackend>> {
        if (tries++ == 0) return absl::UnavailableError("away");
        gate.wait();
        return std::make_unique<FakeKeyBackend>();
      },
      milliseconds(0));
  LateBackend& backend = *late;
  std::vector<BackendSet::Entry> entries;
  entries.push_back({"late", "1", std::move(late)});
  const BackendSet backends(std::move(entries));
  Liveness liveness{kLimit};
  WatchBackends(backends, liveness);
  // In a thread of its own: would it open the backend, it would not come back.
  auto looked = std::async(std::launch::async, [&] { return liveness.IsAlive(); });
  EXPECT_EQ(looked.wait_for(seconds(20)), std::future_status::ready);
  EXPECT_EQ(tries, 1) << "the watch opens nothing";
  auto used = std::async(std::launch::async, [&] { return backend.Health().healthy; });
  EXPECT_TRUE(WaitFor([&] { return tries == 2; }));
  // Somebody opens it now.
  auto again = std::async(std::launch::async, [&] { return liveness.IsAlive(); });
  EXPECT_EQ(again.wait_for(seconds(20)), std::future_status::ready);
  goes_on.set_value();
  EXPECT_TRUE(used.get());
  EXPECT_TRUE(looked.get());
  EXPECT_TRUE(again.get());
}

TEST(WatchLateBackendTest, AThreadThatHangsIsFoundInABackendThatCameLater) {
  auto fake = std::make_unique<FakeKeyBackend>();
  fake->SetDelay(std::chrono::hours(1));
  std::vector<BackendSet::Entry> entries;
  entries.push_back({"late", "1", std::make_unique<LateBackend>("fake", [&] {
                       return absl::StatusOr<std::unique_ptr<KeyBackend>>(std::move(fake));
                     })});
  const BackendSet backends(std::move(entries));
  KeyBackend& backend = *backends.entries().front().backend;
  Liveness liveness{kLimit};
  WatchBackends(backends, liveness);
  std::atomic<int> failed = 0;
  const auto submit = [&](std::chrono::nanoseconds time) {
    backend.SubmitCreate(KeyAlgorithm::kEcP256, KeyPurpose::kHandshake, {std::chrono::steady_clock::now() + time},
                         [&](const absl::StatusOr<SealedKey>& key) { failed += key.ok() ? 0 : 1; });
  };
  submit(milliseconds(20));
  ASSERT_TRUE(WaitFor([&] { return failed == 1; }));
  EXPECT_TRUE(liveness.IsAlive()) << "nothing waits";
  submit(seconds(60));
  EXPECT_TRUE(WaitFor([&] { return !liveness.IsAlive(); }));
}

TEST_F(WatchBackendsTest, ADeviceThatIsKnownToBeAwayIsNoReasonToStartAgain) {
  Hang();
  Submit(seconds(60));
  busy_->SetProblem("the device has not answered for 5 s");
  ASSERT_TRUE(WaitFor([this] { return busy_->Health().stalled > 4 * kLimit; }));
  EXPECT_TRUE(liveness_.IsAlive());
  busy_->SetProblem("");
  EXPECT_FALSE(liveness_.IsAlive());
}

}  // namespace
}  // namespace ddskey
