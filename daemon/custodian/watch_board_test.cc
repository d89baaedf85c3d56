#include "daemon/custodian/watch_board.h"

#include <gtest/gtest.h>

#include <atomic>
#include <chrono>
#include <future>
#include <memory>
#include <thread>
#include <vector>

#include "test/support/process.h"
#include "test/support/status_matchers.h"

namespace ddskey {
namespace {

using ::ddskey::test::StatusIs;
using ::ddskey::test::WaitFor;
using std::chrono::milliseconds;
using Clock = std::chrono::steady_clock;

constexpr milliseconds kLong(600'000);
constexpr milliseconds kAtOnce(0);

// Answer is that of one held call.
class Answer {
 public:
  WatchBoard::Done done() {
    return [this](absl::StatusOr<uint64_t> revision) { promise_.set_value(std::move(revision)); };
  }
  absl::StatusOr<uint64_t> Get() { return future_.get(); }
  bool is_there() const { return future_.wait_for(kAtOnce) == std::future_status::ready; }

 private:
  std::promise<absl::StatusOr<uint64_t>> promise_;
  std::future<absl::StatusOr<uint64_t>> future_ = promise_.get_future();
};

class WatchBoardTest : public ::testing::Test {
 protected:
  ChangeNotice notice_;
  WatchBoard board_{notice_, kAtOnce};
};

TEST_F(WatchBoardTest, HoldsACallUntilSomethingChanges) {
  Answer answer;
  board_.Hold(notice_.revision(), kLong, answer.done());
  EXPECT_EQ(board_.held(), 1U);
  EXPECT_FALSE(answer.is_there());
  notice_.Bump();
  EXPECT_THAT(answer.Get(), test::IsOkAndHolds(notice_.revision()));
  EXPECT_EQ(board_.held(), 0U);
}

TEST_F(WatchBoardTest, AnswersWhatTheCallerHasMissed) {
  const uint64_t before = notice_.revision();
  notice_.Bump();
  Answer missed;
  board_.Hold(before, kLong, missed.done());
  EXPECT_THAT(missed.Get(), test::IsOkAndHolds(notice_.revision()));
  Answer another_daemon;
  board_.Hold(before + 12345, kLong, another_daemon.done());
  EXPECT_THAT(another_daemon.Get(), test::IsOkAndHolds(notice_.revision()));
}

TEST_F(WatchBoardTest, AnswersAtOnceWhoKnowsNothingOrDoesNotWait) {
  Answer first;
  board_.Hold(0, kLong, first.done());
  EXPECT_TRUE(first.is_there());
  Answer impatient;
  board_.Hold(notice_.revision(), kAtOnce, impatient.done());
  EXPECT_TRUE(impatient.is_there());
  EXPECT_EQ(board_.held(), 0U);
}

TEST_F(WatchBoardTest, EndsAWaitWithTheSameRevisionWhenItsTimeIsUp) {
  Answer longer;
  board_.Hold(notice_.revision(), kLong, longer.done());
  Answer shorter;
  board_.Hold(notice_.revision(), milliseconds(1), shorter.done());
  EXPECT_THAT(shorter.Get(), test::IsOkAndHolds(notice_.revision()));
  EXPECT_FALSE(longer.is_there());
  board_.Close();
}

TEST_F(WatchBoardTest, S17KeepsNothingOfAClientThatHasGone) {
  Answer answer;
  const uint64_t number = board_.Hold(notice_.revision(), kLong, answer.done());
  board_.Release(number);
  EXPECT_THAT(answer.Get(), StatusIs(absl::StatusCode::kCancelled));
  EXPECT_EQ(board_.held(), 0U);
  board_.Release(number);
  notice_.Bump();
}

TEST_F(WatchBoardTest, S17AnswersEverybodyWhenItCloses) {
  std::vector<std::unique_ptr<Answer>> answers;
  for (int i = 0; i < 10'000; ++i) {
    answers.push_back(std::make_unique<Answer>());
    board_.Hold(notice_.revision(), kLong, answers.back()->done());
  }
  board_.Close();
  for (const auto& answer : answers) EXPECT_THAT(answer->Get(), StatusIs(absl::StatusCode::kUnavailable));
  Answer late;
  board_.Hold(notice_.revision(), kLong, late.done());
  EXPECT_THAT(late.Get(), StatusIs(absl::StatusCode::kUnavailable));
}

TEST_F(WatchBoardTest, AnswersEveryCallOnceHoweverItEnds) {
  std::atomic<int> answers = 0;
  std::vector<std::thread> threads;
  constexpr int kThreads = 4;
  constexpr int kCalls = 500;
  for (int i = 0; i < kThreads; ++i) {
    threads.emplace_back([&, i] {
      for (int call = 0; call < kCalls; ++call) {
        const uint64_t number =
            board_.Hold(notice_.revision(), milliseconds(1 + call % 3), [&answers](const auto&) { ++answers; });
        if (i % 2 == 0) board_.Release(number);
        if (call % 10 == 0) notice_.Bump();
      }
    });
  }
  for (std::thread& thread : threads) thread.join();
  EXPECT_TRUE(WaitFor([&] { return answers == kThreads * kCalls; })) << answers;
  EXPECT_EQ(board_.held(), 0U);
}

TEST(WatchBoardGatherTest, S17TellsChangesThatFollowEachOtherCloselyAsOne) {
  constexpr milliseconds kGather(50);
  ChangeNotice notice;
  WatchBoard board(notice, kGather);
  std::atomic<bool> ended = false;
  std::thread changes([&] {
    while (!ended) {
      notice.Bump();
      std::this_thread::yield();
    }
  });
  const auto begin = Clock::now();
  constexpr int kRounds = 6;
  uint64_t seen = notice.revision();
  for (int i = 0; i < kRounds; ++i) {
    Answer answer;
    board.Hold(seen, kLong, answer.done());
    seen = *answer.Get();
  }
  EXPECT_GE(Clock::now() - begin, kGather * (kRounds - 1));
  ended = true;
  changes.join();
  notice.Bump();
  // The last change is told, too.
  Answer last;
  board.Hold(seen, kLong, last.done());
  EXPECT_THAT(last.Get(), test::IsOkAndHolds(notice.revision()));
}

}  // namespace
}  // namespace ddskey
