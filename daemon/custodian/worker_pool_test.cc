#include "daemon/custodian/worker_pool.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <future>
#include <mutex>
#include <optional>
#include <string>
#include <vector>

#include "test/support/process.h"

namespace ddskey {
namespace {

using ::testing::ElementsAre;

Subject Caller(uid_t uid, pid_t pid) { return {.uid = uid, .gid = uid, .groups = {}, .pid = pid, .start_time = 1}; }

// One thread, which is held until Go; what is posted before waits.
class WorkerPoolTest : public ::testing::Test {
 protected:
  WorkerPoolTest() {
    pool_->Resume([released = released_.get_future().share(), this] {
      held_.set_value();
      released.wait();
    });
    held_.get_future().wait();
  }
  ~WorkerPoolTest() override {
    if (pool_.has_value()) Go();
  }

  void Post(uid_t uid, pid_t pid, const std::string& name) { pool_->Post(Caller(uid, pid), Note(name)); }
  WorkerPool::Work Note(const std::string& name) {
    return [this, name] {
      const std::lock_guard lock(mutex_);
      order_.push_back(name);
    };
  }
  // Go runs everything and returns the order.
  std::vector<std::string> Go() {
    released_.set_value();
    pool_.reset();
    return order_;
  }

  std::promise<void> held_;
  std::promise<void> released_;
  std::mutex mutex_;
  std::vector<std::string> order_;
  std::optional<WorkerPool> pool_{std::in_place, 1};
};

TEST_F(WorkerPoolTest, S17UsersTakeTurnsHoweverMuchOnePosts) {
  for (const char* name : {"a1", "a2", "a3", "a4"}) Post(1000, 10, name);
  Post(1001, 20, "b1");
  Post(1001, 20, "b2");
  EXPECT_THAT(Go(), ElementsAre("a1", "b1", "a2", "b2", "a3", "a4"));
}

TEST_F(WorkerPoolTest, S17ProcessesOfAUserTakeTurnsWithinItsOwn) {
  for (const char* name : {"a1", "a2", "a3"}) Post(1000, 10, name);
  Post(1000, 11, "a'1");
  Post(1000, 12, "a''1");
  Post(1001, 20, "b1");
  EXPECT_THAT(Go(), ElementsAre("a1", "b1", "a'1", "a''1", "a2", "a3"));
}

TEST_F(WorkerPoolTest, WhatGoesOnComesFirst) {
  Post(1000, 10, "call");
  pool_->Resume(Note("answer"));
  EXPECT_THAT(Go(), ElementsAre("answer", "call"));
}

TEST_F(WorkerPoolTest, HangsWhileWorkWaitsAndNoneIsBegun) {
  EXPECT_EQ(pool_->HangsFor().count(), 0) << "nothing waits";
  Post(1000, 10, "call");
  EXPECT_LT(pool_->HangsFor(), std::chrono::minutes(1));
  EXPECT_TRUE(test::WaitFor([&] { return pool_->HangsFor() > std::chrono::milliseconds(20); }));
  released_.set_value();
  EXPECT_TRUE(test::WaitFor([&] { return pool_->HangsFor().count() == 0; }));
  pool_.reset();
}

}  // namespace
}  // namespace ddskey
