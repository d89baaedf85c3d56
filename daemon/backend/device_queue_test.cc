#include "daemon/backend/device_queue.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <atomic>
#include <chrono>
#include <mutex>
#include <optional>
#include <string>
#include <thread>
#include <vector>

#include "test/support/process.h"
#include "test/support/status_matchers.h"

namespace ddskey {
namespace {

using std::chrono::milliseconds;
using std::chrono::seconds;
using test::StatusIs;
using test::WaitFor;
using ::testing::HasSubstr;

WorkOptions In(std::chrono::nanoseconds time) {
  return {std::chrono::steady_clock::now() + time, WorkClass::kCompletion, ""};
}

// Answer keeps the results that a completion was called with. It must outlive the queue, which completes what waits.
class Answer {
 public:
  KeyBackend::SignDone Done() {
    return [this](absl::StatusOr<Signature> result) {
      const std::lock_guard lock(mutex_);
      results_.push_back(std::move(result));
    };
  }
  size_t count() const {
    const std::lock_guard lock(mutex_);
    return results_.size();
  }
  absl::StatusOr<Signature> Wait() const {
    WaitFor([this] { return count() > 0; });
    const std::lock_guard lock(mutex_);
    if (results_.empty()) return absl::UnknownError("no completion");
    return results_.front();
  }

 private:
  mutable std::mutex mutex_;
  std::vector<absl::StatusOr<Signature>> results_;
};

TEST(DeviceQueueTest, HandsWorkToTheOwnerAndItsResultToTheCaller) {
  Answer answer;
  DeviceQueue queue;
  queue.Submit(SignRequest{{}, SignatureScheme::kRsaPssSha256, "digest"}, In(seconds(20)), answer.Done());
  auto turn = queue.Take();
  ASSERT_TRUE(turn.has_value());
  EXPECT_EQ(std::get<SignRequest>(turn->request()).digest, "digest");
  EXPECT_FALSE(turn->done());
  turn->Finish(Signature{"signed"});
  ASSERT_OK_AND_ASSIGN(const Signature signature, answer.Wait());
  EXPECT_EQ(signature.octets, "signed");
}

TEST(DeviceQueueTest, CountsWhatBecameOfWork) {
  Answer answers[4];
  DeviceQueue queue({.capacity = 2, .reply_capacity = 2, .capacity_per_id = 1});
  WorkOptions mine = In(seconds(20));
  mine.fairness = "mine";
  queue.Submit(SignRequest{}, mine, answers[0].Done());
  queue.Submit(SignRequest{}, mine, answers[1].Done());
  EXPECT_THAT(answers[1].Wait(), StatusIs(absl::StatusCode::kResourceExhausted));
  EXPECT_EQ(queue.counts().rejected, 1u);
  auto turn = queue.Take();
  EXPECT_EQ(queue.counts().running, 1u);
  EXPECT_EQ(queue.counts().waiting.count, 1u);
  EXPECT_EQ(queue.counts().signing.count, 0u);
  turn->Finish(Signature{});
  // Work without signatures counts as the device's time alone.
  queue.Submit(CreateRequest{}, In(seconds(20)), [](const absl::StatusOr<SealedKey>&) {});
  queue.Take()->Fail(absl::UnavailableError("away"));
  WorkCounts counts = queue.counts();
  EXPECT_EQ(counts.running, 0u);
  EXPECT_EQ(counts.signing.count, 1u);
  EXPECT_EQ(counts.signing.counts.back(), 1u);
  EXPECT_EQ(counts.waiting.count, 2u);
  EXPECT_GT(counts.busy, counts.signing.sum);
  queue.Submit(SignRequest{}, In(milliseconds(1)), answers[3].Done());
  EXPECT_THAT(answers[3].Wait(), StatusIs(absl::StatusCode::kDeadlineExceeded));
  EXPECT_EQ(queue.counts().expired, 1u);
  EXPECT_EQ(queue.counts().waiting.count, 2u);
}

TEST(DurationCountsTest, CountsEachInAllBucketsThatAreLongEnough) {
  DurationCounts durations;
  durations.Add(std::chrono::microseconds(100));
  durations.Add(std::chrono::microseconds(101));
  durations.Add(std::chrono::hours(1));
  EXPECT_EQ(durations.count, 3u);
  EXPECT_EQ(durations.counts.front(), 1u);
  EXPECT_EQ(durations.counts[1], 2u);
  EXPECT_EQ(durations.counts.back(), 2u);
  durations += durations;
  EXPECT_EQ(durations.counts.front(), 2u);
  EXPECT_EQ(durations.sum, 2 * (std::chrono::microseconds(201) + std::chrono::hours(1)));
}

TEST(DeviceQueueTest, ExpiresWaitingWorkWhileTheDeviceIsStuck) {
  Answer first;
  Answer second;
  DeviceQueue queue({}, [] { return "the device sleeps"; });
  queue.Submit(SignRequest{}, In(seconds(100)), first.Done());
  auto stuck = queue.Take();
  queue.Submit(SignRequest{}, In(milliseconds(20)), second.Done());
  EXPECT_THAT(second.Wait(), StatusIs(absl::StatusCode::kDeadlineExceeded, HasSubstr("the device sleeps")));
  EXPECT_EQ(first.count(), 0u);
  stuck->Finish(Signature{});
  EXPECT_OK(first.Wait());
}

TEST(DeviceQueueTest, ExpiresWorkInTheHandsOfAStuckOwnerAndDropsItsLateResult) {
  Answer answer;
  DeviceQueue queue;
  queue.Submit(SignRequest{}, In(milliseconds(20)), answer.Done());
  auto turn = queue.Take();
  ASSERT_TRUE(turn.has_value());
  EXPECT_THAT(answer.Wait(), StatusIs(absl::StatusCode::kDeadlineExceeded));
  EXPECT_TRUE(turn->done());
  turn->Finish(Signature{"late"});
  EXPECT_EQ(answer.count(), 1u);
}

TEST(DeviceQueueTest, AnEarlierDeadlineThatComesLaterIsStillMet) {
  Answer late;
  Answer early;
  DeviceQueue queue;
  queue.Submit(SignRequest{}, In(seconds(100)), late.Done());
  queue.Submit(SignRequest{}, In(milliseconds(10)), early.Done());
  EXPECT_THAT(early.Wait(), StatusIs(absl::StatusCode::kDeadlineExceeded));
  EXPECT_EQ(late.count(), 0u);
}

TEST(DeviceQueueTest, RefusesAtOnceWhatCannotBeDone) {
  Answer fitting;
  Answer past;
  Answer unfair;
  Answer full;
  FairQueue::Options options;
  options.capacity = 2;
  DeviceQueue queue(options);
  queue.Submit(SignRequest{}, In(seconds(-1)), past.Done());
  EXPECT_THAT(past.Wait(), StatusIs(absl::StatusCode::kDeadlineExceeded));
  WorkOptions too_long = In(seconds(20));
  too_long.fairness = std::string(65, 'x');
  queue.Submit(SignRequest{}, too_long, unfair.Done());
  EXPECT_THAT(unfair.Wait(), StatusIs(absl::StatusCode::kInvalidArgument));
  queue.Submit(SignRequest{}, In(seconds(20)), fitting.Done());
  queue.Submit(SignRequest{}, In(seconds(20)), fitting.Done());
  queue.Submit(SignRequest{}, In(seconds(20)), full.Done());
  EXPECT_EQ(full.count(), 1u) << "before Submit returns";
  EXPECT_THAT(full.Wait(), StatusIs(absl::StatusCode::kResourceExhausted));
  EXPECT_EQ(fitting.count(), 0u);
}

TEST(DeviceQueueTest, S6WorkThatMakesRoomIsCompletedOnceAndItsOwnerToldToComeAgain) {
  Answer crowd;
  Answer honest;
  FairQueue::Options options;
  options.reply_capacity = 2;
  DeviceQueue queue(options);
  const auto deadline = std::chrono::steady_clock::now() + seconds(20);
  for (int i = 0; i < 2; ++i) queue.Submit(SignRequest{}, {deadline, WorkClass::kReply, "crowd"}, crowd.Done());
  queue.Submit(SignRequest{}, {deadline, WorkClass::kReply, "honest"}, honest.Done());
  EXPECT_EQ(crowd.count(), 1u) << "before Submit returns";
  EXPECT_THAT(crowd.Wait(), StatusIs(absl::StatusCode::kResourceExhausted));
  for (int i = 0; i < 2; ++i) queue.Take()->Finish(Signature{});
  EXPECT_EQ(crowd.count(), 2u);
  EXPECT_OK(honest.Wait());
}

TEST(DeviceQueueTest, CancelCompletesWaitingWorkOnceAndLeavesRunningWorkAlone) {
  Answer running;
  Answer waiting;
  DeviceQueue queue;
  const auto first = queue.Submit(SignRequest{}, In(seconds(20)), running.Done());
  auto turn = queue.Take();
  const auto second = queue.Submit(SignRequest{}, In(seconds(20)), waiting.Done());
  queue.Cancel(first);
  queue.Cancel(second);
  queue.Cancel(second);
  queue.Cancel(12345);
  EXPECT_EQ(running.count(), 0u);
  EXPECT_EQ(waiting.count(), 1u);
  EXPECT_THAT(waiting.Wait(), StatusIs(absl::StatusCode::kCancelled));
  turn->Fail(absl::UnavailableError("away"));
  EXPECT_THAT(running.Wait(), StatusIs(absl::StatusCode::kUnavailable));
}

TEST(DeviceQueueTest, CloseCancelsWhatWaitsAndEndsTake) {
  Answer running;
  Answer waiting;
  Answer late;
  DeviceQueue queue;
  queue.Submit(SignRequest{}, In(seconds(20)), running.Done());
  auto turn = queue.Take();
  std::atomic<bool> ended = false;
  std::thread other([&] { ended = !queue.Take().has_value() || !queue.Take().has_value(); });
  queue.Submit(SignRequest{}, In(seconds(20)), waiting.Done());
  queue.Close();
  other.join();
  EXPECT_TRUE(ended);
  queue.Submit(SignRequest{}, In(seconds(20)), late.Done());
  EXPECT_THAT(late.Wait(), StatusIs(absl::StatusCode::kCancelled));
  EXPECT_EQ(running.count(), 0u);
  queue.Abandon();
  EXPECT_THAT(running.Wait(), StatusIs(absl::StatusCode::kCancelled));
  turn->Finish(Signature{});
  EXPECT_EQ(running.count(), 1u);
}

TEST(DeviceQueueTest, AnOwnerThatDropsItsWorkIsReported) {
  Answer answer;
  DeviceQueue queue;
  queue.Submit(SignRequest{}, In(seconds(20)), answer.Done());
  { const auto turn = queue.Take(); }
  EXPECT_THAT(answer.Wait(), StatusIs(absl::StatusCode::kInternal));
}

TEST(DeviceQueueTest, TakeEndsAtItsTimeAndWhenNudged) {
  DeviceQueue queue;
  EXPECT_FALSE(queue.Take(std::chrono::steady_clock::now()).has_value());
  queue.Nudge();
  EXPECT_FALSE(queue.Take().has_value());
}

TEST(DeviceQueueTest, PausedWorkWaitsAndCanBeCancelled) {
  Answer first;
  Answer second;
  DeviceQueue queue;
  queue.SetPaused(true);
  const auto id = queue.Submit(SignRequest{}, In(seconds(20)), first.Done());
  queue.Submit(SignRequest{}, In(seconds(20)), second.Done());
  EXPECT_FALSE(queue.Take(std::chrono::steady_clock::now()).has_value());
  queue.Cancel(id);
  EXPECT_THAT(first.Wait(), StatusIs(absl::StatusCode::kCancelled));
  queue.SetPaused(false);
  auto turn = queue.Take();
  ASSERT_TRUE(turn.has_value());
  turn->Finish(Signature{});
  EXPECT_OK(second.Wait());
}

TEST(DeviceQueueTest, IsStalledWhileWorkWaitsAndNoOwnerLooksOrHasAnyWithinItsTime) {
  Answer answer;
  DeviceQueue queue;
  const auto later = [] { return std::chrono::steady_clock::now() + std::chrono::minutes(1); };
  EXPECT_EQ(queue.Stalled(later()).count(), 0) << "nothing waits";
  queue.Submit(SignRequest{}, In(seconds(200)), answer.Done());
  EXPECT_GE(queue.Stalled(later()), seconds(59)) << "nobody looks";
  auto turn = queue.Take();
  queue.Submit(SignRequest{}, In(seconds(200)), answer.Done());
  EXPECT_EQ(queue.Stalled(later()).count(), 0) << "the owner has one within its time";
  turn->Finish(Signature{});
  EXPECT_GE(queue.Stalled(later()), seconds(59)) << "it does not come back for the other";
  auto second = queue.Take();
  EXPECT_EQ(queue.Stalled(later()).count(), 0);
  queue.Submit(SignRequest{}, In(seconds(200)), answer.Done());
  second->Finish(Signature{});
  queue.SetPaused(true);
  EXPECT_FALSE(queue.Take(std::chrono::steady_clock::now()).has_value());
  EXPECT_EQ(queue.Stalled(later()).count(), 0) << "it is not to take any";
  queue.Close();
}

TEST(DeviceQueueTest, AWorkWhoseTimeIsOverDoesNotExcuseItsOwner) {
  Answer late;
  Answer waiting;
  DeviceQueue queue;
  queue.Submit(SignRequest{}, In(milliseconds(20)), late.Done());
  const auto turn = queue.Take();
  queue.Submit(SignRequest{}, In(seconds(200)), waiting.Done());
  EXPECT_THAT(late.Wait(), StatusIs(absl::StatusCode::kDeadlineExceeded));
  EXPECT_TRUE(WaitFor([&] { return queue.Stalled() > milliseconds(20); }));
  queue.Close();
}

TEST(DeviceQueueTest, S6ReplyWithoutATokenWaitsForIt) {
  Answer answers;
  FairQueue::Options options;
  options.reply_burst = 1;
  options.replies_per_second = 50;
  DeviceQueue queue(options);
  const auto began = std::chrono::steady_clock::now();
  for (int i = 0; i < 3; ++i) {
    queue.Submit(SignRequest{}, {began + seconds(20), WorkClass::kReply, "peer"}, answers.Done());
  }
  for (int i = 0; i < 3; ++i) queue.Take()->Finish(Signature{});
  EXPECT_GE(std::chrono::steady_clock::now() - began, milliseconds(40));
  EXPECT_EQ(answers.count(), 3u);
}

TEST(DeviceQueueTest, CompletesEachWorkOnceWhenEverythingHappensAtOnce) {
  DeviceQueue queue;
  constexpr int kThreads = 4;
  constexpr int kEach = 500;
  std::vector<std::atomic<int>> completions(kThreads * kEach);
  std::thread owner([&] {
    while (!queue.closed()) {
      if (auto turn = queue.Take()) turn->Finish(Signature{});
    }
  });
  std::vector<std::thread> callers;
  for (int thread = 0; thread < kThreads; ++thread) {
    callers.emplace_back([&, thread] {
      for (int i = 0; i < kEach; ++i) {
        auto& count = completions[thread * kEach + i];
        const auto id = queue.Submit(SignRequest{}, In(std::chrono::microseconds(i % 5 * 20)),
                                     [&count](const absl::StatusOr<Signature>&) { ++count; });
        if (i % 3 == 0) queue.Cancel(id);
      }
    });
  }
  for (std::thread& caller : callers) caller.join();
  queue.Close();
  owner.join();
  queue.Abandon();
  for (const auto& count : completions) {
    ASSERT_TRUE(WaitFor([&count] { return count > 0; }));
    ASSERT_EQ(count, 1);
  }
}

}  // namespace
}  // namespace ddskey
