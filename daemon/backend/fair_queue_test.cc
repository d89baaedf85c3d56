#include "daemon/backend/fair_queue.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <chrono>
#include <map>
#include <random>
#include <string>
#include <vector>

#include "test/support/status_matchers.h"

namespace ddskey {
namespace {

using std::chrono::milliseconds;
using std::chrono::seconds;
using test::StatusIs;
using ::testing::ElementsAre;
using ::testing::IsEmpty;

constexpr FairQueue::Time kStart{std::chrono::hours(1)};

// Bench submits works, whose ids grow from 1, and takes them out.
class Bench {
 public:
  explicit Bench(const FairQueue::Options& options = {}) : queue(options) {}

  absl::Status Push(WorkClass work_class, const std::string& fairness, FairQueue::Time deadline = kStart + seconds(100),
                    const std::string& group = "") {
    const WorkOptions options{deadline, work_class, fairness, group};
    auto room = queue.MakeRoom(options, now);
    if (!room.ok()) return room.status();
    if (room->has_value()) displaced.push_back((*room)->options.fairness);
    queue.Push({++last_id, options, CreateRequest{}, KeyBackend::CreateDone()}, now);
    return absl::OkStatus();
  }
  // Push adds `count` works and returns how many found room.
  int PushMany(int count, WorkClass work_class, const std::string& fairness, const std::string& group = "") {
    int pushed = 0;
    for (int i = 0; i < count; ++i) pushed += Push(work_class, fairness, kStart + seconds(100), group).ok() ? 1 : 0;
    return pushed;
  }
  // Order pops everything that may go now and returns the fairness ids.
  std::vector<std::string> Order() {
    std::vector<std::string> order;
    while (auto entry = queue.Pop(now)) order.push_back(entry->options.fairness);
    return order;
  }

  FairQueue queue;
  FairQueue::Time now = kStart;
  FairQueue::WorkId last_id = 0;
  // The fairness ids of works that made room.
  std::vector<std::string> displaced;
};

FairQueue::Options Unlimited() {
  FairQueue::Options options;
  options.replies_per_second = 0;
  return options;
}

std::vector<FairQueue::WorkId> IdsOf(const std::vector<FairQueue::Entry>& entries) {
  std::vector<FairQueue::WorkId> ids;
  for (const auto& entry : entries) ids.push_back(entry.id);
  return ids;
}

TEST(FairQueueTest, ServesOriginsInTurnAndEachInOrder) {
  Bench bench;
  bench.PushMany(3, WorkClass::kCompletion, "a");
  bench.PushMany(1, WorkClass::kCompletion, "b");
  bench.PushMany(2, WorkClass::kCompletion, "c");
  std::vector<FairQueue::WorkId> order;
  while (auto entry = bench.queue.Pop(bench.now)) order.push_back(entry->id);
  EXPECT_THAT(order, ElementsAre(1, 4, 5, 2, 6, 3));
}

TEST(FairQueueTest, S6CompletionsGoFirstAndRepliesStillMove) {
  Bench bench(Unlimited());
  bench.PushMany(4, WorkClass::kReply, "r");
  bench.PushMany(3, WorkClass::kCompletion, "c");
  EXPECT_THAT(bench.Order(), ElementsAre("c", "r", "c", "r", "c", "r", "r"));
}

TEST(FairQueueTest, S6CompletionsGetHalfOfTheDeviceEvenIfRepliesTakeLonger) {
  Bench bench(Unlimited());
  bench.PushMany(60, WorkClass::kReply, "r");
  bench.PushMany(60, WorkClass::kCompletion, "c");
  std::map<std::string, milliseconds> used;
  for (int i = 0; i < 60; ++i) {
    const auto entry = bench.queue.Pop(bench.now);
    const milliseconds cost(entry->options.work_class == WorkClass::kReply ? 10 : 1);
    bench.queue.Charge(entry->options.work_class, cost);
    used[entry->options.fairness] += cost;
  }
  EXPECT_GE(used["c"] + milliseconds(10), used["r"]);
  EXPECT_GT(used["r"], milliseconds(0));
}

TEST(FairQueueTest, S6TimeUsedAloneIsNoCredit) {
  Bench bench(Unlimited());
  bench.PushMany(1, WorkClass::kCompletion, "c");
  EXPECT_TRUE(bench.queue.Pop(bench.now).has_value());
  bench.queue.Charge(WorkClass::kCompletion, seconds(30));
  bench.PushMany(1, WorkClass::kReply, "r");
  EXPECT_TRUE(bench.queue.Pop(bench.now).has_value());
  bench.queue.Charge(WorkClass::kReply, milliseconds(10));
  bench.PushMany(20, WorkClass::kReply, "r");
  bench.PushMany(20, WorkClass::kCompletion, "c");
  const std::vector<std::string> order = bench.Order();
  EXPECT_THAT(std::vector(order.begin(), order.begin() + 4), ElementsAre("c", "r", "c", "r"));
}

TEST(FairQueueTest, S6OneCertificateBuysFourRepliesAndThenTwoASecond) {
  Bench bench;
  bench.PushMany(8, WorkClass::kReply, "peer");
  EXPECT_EQ(bench.Order().size(), 4u);
  EXPECT_EQ(bench.queue.NextToken(), kStart + milliseconds(500));
  bench.now += milliseconds(499);
  EXPECT_THAT(bench.Order(), IsEmpty());
  bench.now += milliseconds(1);
  EXPECT_EQ(bench.Order().size(), 1u);
  bench.now += seconds(1);
  EXPECT_EQ(bench.Order().size(), 2u);
  bench.now += seconds(60);
  EXPECT_EQ(bench.Order().size(), 1u);
  bench.now += seconds(60);
  bench.PushMany(8, WorkClass::kReply, "peer");
  EXPECT_EQ(bench.Order().size(), 4u) << "a bucket holds four";
}

TEST(FairQueueTest, S6RateOfOneCertificateDelaysNoOther) {
  Bench bench;
  bench.PushMany(20, WorkClass::kReply, "flood");
  bench.PushMany(3, WorkClass::kReply, "honest");
  const std::vector<std::string> order = bench.Order();
  EXPECT_EQ(std::count(order.begin(), order.end(), "honest"), 3);
  EXPECT_EQ(std::count(order.begin(), order.end(), "flood"), 4);
}

TEST(FairQueueTest, S6SpentTokensAreRememberedWhileNothingWaits) {
  Bench bench;
  for (int i = 0; i < 4; ++i) {
    ASSERT_OK(bench.Push(WorkClass::kReply, "peer"));
    ASSERT_EQ(bench.Order().size(), 1u);
  }
  ASSERT_OK(bench.Push(WorkClass::kReply, "peer"));
  EXPECT_THAT(bench.Order(), IsEmpty());
}

TEST(FairQueueTest, S6MemoryOfSpentTokensIsBounded) {
  FairQueue::Options options;
  options.remembered_ids = 10;
  Bench bench(options);
  for (int i = 0; i < 1000; ++i) {
    ASSERT_OK(bench.Push(WorkClass::kReply, "peer" + std::to_string(i)));
    ASSERT_EQ(bench.Order().size(), 1u);
    ASSERT_LE(bench.queue.remembered(), 11u);
  }
  bench.now += seconds(10);
  ASSERT_OK(bench.Push(WorkClass::kReply, "another"));
  EXPECT_EQ(bench.queue.remembered(), 1u) << "full buckets are forgotten";
}

TEST(FairQueueTest, CompletionsAndRepliesWithoutOriginAreNotRateLimited) {
  Bench bench;
  bench.PushMany(50, WorkClass::kCompletion, "a");
  bench.PushMany(50, WorkClass::kReply, "");
  EXPECT_EQ(bench.Order().size(), 100u);
}

TEST(FairQueueTest, S6RepliesCannotFillTheQueueAgainstCompletions) {
  Bench bench;
  for (int peer = 0; peer < 12; ++peer) bench.PushMany(64, WorkClass::kReply, std::to_string(peer));
  EXPECT_EQ(bench.queue.size(), 768u);
  EXPECT_EQ(bench.PushMany(300, WorkClass::kCompletion, ""), 256);
  EXPECT_THAT(bench.Push(WorkClass::kCompletion, "late"), StatusIs(absl::StatusCode::kResourceExhausted));
  EXPECT_THAT(bench.displaced, IsEmpty());
}

TEST(FairQueueTest, S6CapturedCertificatesThatFillTheQueueMakeRoomForAnotherPeer) {
  Bench bench;
  for (int peer = 0; peer < 12; ++peer) bench.PushMany(64, WorkClass::kReply, "captured" + std::to_string(peer));
  ASSERT_EQ(bench.queue.size(), 768u);
  EXPECT_OK(bench.Push(WorkClass::kReply, "honest"));
  EXPECT_EQ(bench.queue.size(), 768u);
  ASSERT_EQ(bench.displaced.size(), 1u);
  EXPECT_EQ(bench.displaced.back().substr(0, 8), "captured");
  // It goes on until all have the same, and then nobody displaces anybody.
  for (int peer = 0; peer < 2000; ++peer) {
    bench.Push(WorkClass::kReply, "honest" + std::to_string(peer)).IgnoreError();
  }
  EXPECT_EQ(bench.queue.size(), 768u);
  const size_t displaced = bench.displaced.size();
  EXPECT_THAT(bench.Push(WorkClass::kReply, "late"), StatusIs(absl::StatusCode::kResourceExhausted));
  EXPECT_EQ(bench.displaced.size(), displaced);
  bench.now += seconds(60);
  const std::vector<std::string> order = bench.Order();
  EXPECT_EQ(std::count(order.begin(), order.end(), "honest"), 1) << "who got in early stays in";
}

TEST(FairQueueTest, S6WhatGivesWayIsTheNewestOfTheLongestLane) {
  FairQueue::Options options;
  options.reply_capacity = 5;
  Bench bench(options);
  bench.PushMany(2, WorkClass::kReply, "a");
  bench.PushMany(3, WorkClass::kReply, "b");
  EXPECT_OK(bench.Push(WorkClass::kReply, "c"));
  EXPECT_FALSE(bench.queue.Remove(5, bench.now).has_value());
  EXPECT_THAT(bench.Push(WorkClass::kReply, "c"), StatusIs(absl::StatusCode::kResourceExhausted))
      << "two, two and one are fair";
  EXPECT_THAT(bench.displaced, ElementsAre("b"));
}

TEST(FairQueueTest, S6ProcessesOfOneUserShareItsTurn) {
  Bench bench;
  for (int process = 0; process < 20; ++process) {
    bench.PushMany(10, WorkClass::kCompletion, "process" + std::to_string(process), "uid 1");
  }
  bench.PushMany(3, WorkClass::kCompletion, "honest", "uid 2");
  const std::vector<std::string> order = bench.Order();
  ASSERT_EQ(order.size(), 203u);
  EXPECT_EQ(std::count(order.begin(), order.begin() + 6, "honest"), 3);
  // Its processes take turns within it.
  EXPECT_EQ(order[6], "process3");
  EXPECT_EQ(order[7], "process4");
  EXPECT_EQ(bench.queue.remembered(), 0u);
}

TEST(FairQueueTest, S6AUserWhoseProcessesFillTheQueueMakesRoomForOthers) {
  Bench bench;
  for (int process = 0; process < 20; ++process) {
    bench.PushMany(64, WorkClass::kCompletion, "process" + std::to_string(process), "uid 1");
  }
  ASSERT_EQ(bench.queue.size(), 1024u);
  EXPECT_THAT(bench.Push(WorkClass::kCompletion, "process0", kStart + seconds(1), "uid 1"),
              StatusIs(absl::StatusCode::kResourceExhausted));
  EXPECT_OK(bench.Push(WorkClass::kCompletion, "another", kStart + seconds(1), "uid 1"));
  EXPECT_EQ(bench.PushMany(64, WorkClass::kCompletion, "honest", "uid 2"), 64);
  EXPECT_EQ(bench.PushMany(256, WorkClass::kReply, ""), 256) << "what replies have for sure";
  EXPECT_EQ(bench.queue.size(), 1024u);
  const std::vector<std::string> order = bench.Order();
  EXPECT_EQ(std::count(order.begin(), order.end(), "honest"), 64);
}

TEST(FairQueueTest, S6EveryOrderOfPushesAndPopsKeepsTheQueueWhole) {
  FairQueue::Options options;
  options.capacity = 40;
  options.reply_capacity = 30;
  options.capacity_per_id = 12;
  options.remembered_ids = 3;
  Bench bench(options);
  std::mt19937 random(1);
  size_t expected = 0;
  for (int i = 0; i < 20000; ++i) {
    const std::string fairness = std::to_string(random() % 9);
    const auto work_class = random() % 2 == 0 ? WorkClass::kReply : WorkClass::kCompletion;
    const std::string group = work_class == WorkClass::kReply ? "" : std::to_string(random() % 3);
    switch (random() % 8) {
      case 0:
        expected -= bench.queue.Pop(bench.now).has_value() ? 1 : 0;
        break;
      case 1:
        expected -= bench.queue.Remove(bench.last_id - random() % 40, bench.now).has_value() ? 1 : 0;
        break;
      case 2:
        bench.now += milliseconds(random() % 300);
        expected -= bench.queue.Expire(bench.now).size();
        break;
      default: {
        const size_t displaced = bench.displaced.size();
        const bool pushed = bench.Push(work_class, fairness, bench.now + milliseconds(random() % 5000), group).ok();
        expected += pushed ? 1 : 0;
        expected -= bench.displaced.size() - displaced;
      }
    }
    ASSERT_EQ(bench.queue.size(), expected);
    ASSERT_LE(expected, 40u);
  }
  EXPECT_EQ(bench.queue.Clear(bench.now).size(), expected);
  EXPECT_LE(bench.queue.remembered(), 3u);
}

TEST(FairQueueTest, OneOriginHasSixtyFourPlacesInEachClass) {
  Bench bench;
  EXPECT_EQ(bench.PushMany(100, WorkClass::kReply, "a"), 64);
  EXPECT_EQ(bench.PushMany(100, WorkClass::kCompletion, "a"), 64);
  EXPECT_OK(bench.Push(WorkClass::kReply, "b"));
}

TEST(FairQueueTest, ExpiresInTheOrderOfDeadlinesWhereverWorkWaits) {
  Bench bench;
  ASSERT_OK(bench.Push(WorkClass::kReply, "peer", kStart + seconds(3)));
  ASSERT_OK(bench.Push(WorkClass::kCompletion, "c", kStart + seconds(1)));
  ASSERT_OK(bench.Push(WorkClass::kCompletion, "c", kStart + seconds(2)));
  EXPECT_EQ(bench.queue.NextDeadline(), kStart + seconds(1));
  EXPECT_THAT(bench.queue.Expire(kStart), IsEmpty());
  EXPECT_THAT(IdsOf(bench.queue.Expire(kStart + seconds(2))), ElementsAre(2, 3));
  EXPECT_THAT(IdsOf(bench.queue.Expire(kStart + seconds(3))), ElementsAre(1));
  EXPECT_EQ(bench.queue.NextDeadline(), FairQueue::Time::max());
}

TEST(FairQueueTest, WhatWaitsForATokenExpiresToo) {
  Bench bench;
  bench.PushMany(4, WorkClass::kReply, "peer");
  bench.Order();
  ASSERT_OK(bench.Push(WorkClass::kReply, "peer", kStart + milliseconds(100)));
  EXPECT_THAT(bench.Order(), IsEmpty());
  EXPECT_EQ(bench.queue.Expire(kStart + milliseconds(100)).size(), 1u);
  bench.now += seconds(1);
  EXPECT_THAT(bench.Order(), IsEmpty());
  EXPECT_EQ(bench.queue.NextToken(), FairQueue::Time::max());
}

TEST(FairQueueTest, RemovedWorkIsGoneAndTheRestKeepsItsTurn) {
  Bench bench;
  bench.PushMany(2, WorkClass::kCompletion, "a");
  bench.PushMany(2, WorkClass::kCompletion, "b");
  EXPECT_TRUE(bench.queue.Remove(3, bench.now).has_value());
  EXPECT_FALSE(bench.queue.Remove(3, bench.now).has_value());
  EXPECT_TRUE(bench.queue.Remove(1, bench.now).has_value());
  EXPECT_THAT(bench.Order(), ElementsAre("a", "b"));
  EXPECT_FALSE(bench.queue.Remove(2, bench.now).has_value());
  EXPECT_EQ(bench.queue.size(), 0u);
  EXPECT_EQ(bench.queue.remembered(), 0u);
}

TEST(FairQueueTest, ClearTakesOutEverything) {
  Bench bench;
  bench.PushMany(10, WorkClass::kReply, "peer");
  bench.PushMany(10, WorkClass::kCompletion, "");
  EXPECT_EQ(bench.queue.Clear(bench.now).size(), 20u);
  EXPECT_EQ(bench.queue.size(), 0u);
  EXPECT_THAT(bench.Order(), IsEmpty());
}

}  // namespace
}  // namespace ddskey
