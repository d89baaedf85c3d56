#include "daemon/watch_backends.h"

#include <gtest/gtest.h>

#include <atomic>
#include <chrono>
#include <memory>
#include <string>
#include <utility>
#include <vector>

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
