#include "daemon/custodian/change_notice.h"

#include <gtest/gtest.h>

#include <thread>
#include <vector>

namespace ddskey {
namespace {

TEST(ChangeNoticeTest, IsAnotherRevisionAfterEachChange) {
  ChangeNotice notice;
  const uint64_t before = notice.revision();
  EXPECT_NE(before, 0U);
  EXPECT_EQ(notice.revision(), before);
  notice.Bump();
  EXPECT_NE(notice.revision(), before);
}

TEST(ChangeNoticeTest, StartsElsewhereInEachDaemon) { EXPECT_NE(ChangeNotice().revision(), ChangeNotice().revision()); }

TEST(ChangeNoticeTest, TellsItsListenerOfEachChangeUntilThereIsAnother) {
  ChangeNotice notice;
  std::vector<uint64_t> heard;
  notice.Listen([&] { heard.push_back(notice.revision()); });
  notice.Bump();
  notice.Bump();
  notice.Listen(nullptr);
  notice.Bump();
  ASSERT_EQ(heard.size(), 2U);
  EXPECT_EQ(heard[1], heard[0] + 1);
}

TEST(ChangeNoticeTest, LosesNoChangeOfSeveralThreads) {
  constexpr int kThreads = 4;
  constexpr int kChanges = 1000;
  ChangeNotice notice;
  const uint64_t before = notice.revision();
  int heard = 0;
  notice.Listen([&heard] { ++heard; });
  std::vector<std::thread> threads;
  for (int i = 0; i < kThreads; ++i) {
    threads.emplace_back([&notice] {
      for (int change = 0; change < kChanges; ++change) notice.Bump();
    });
  }
  for (std::thread& thread : threads) thread.join();
  EXPECT_EQ(notice.revision() - before, uint64_t{kThreads} * kChanges);
  EXPECT_EQ(heard, kThreads * kChanges);
}

}  // namespace
}  // namespace ddskey
