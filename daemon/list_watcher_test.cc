#include "daemon/list_watcher.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/stat.h>

#include <cstdio>
#include <memory>
#include <string>

#include "daemon/keystore/key_store.h"
#include "test/support/pki.h"
#include "test/support/status_matchers.h"
#include "test/support/temp_dir.h"

namespace ddskey {
namespace {

using test::TestCa;
using ::testing::HasSubstr;

class ListWatcherTest : public ::testing::Test {
 protected:
  void SetUp() override {
    ASSERT_OK_AND_ASSIGN(keys_, KeyStore::Open(dir_.File("keystore.db")));
    ASSERT_OK_AND_ASSIGN(lists_, FileLists::Open({{path_, {}}}, *keys_, clock_));
    watcher_ = std::make_unique<ListWatcher>(*lists_, changes_, clock_);
  }

  void Replace(const std::string& content) const {
    dir_.Write("new", content);
    ASSERT_EQ(std::rename(dir_.File("new").c_str(), path_.c_str()), 0);
  }

  // Changes is how many changes the rounds of `rounds` are.
  uint64_t Changes(int rounds = 1) {
    const uint64_t before = changes_.revision();
    for (int i = 0; i < rounds; ++i) watcher_->Round();
    return changes_.revision() - before;
  }

  std::string Numbered(int number, absl::Duration age = absl::Hours(1)) const {
    char octets[9];
    std::snprintf(octets, sizeof(octets), "0202%04x", 0x1000 + number);
    return ca_.Crl({}, begin_ - age, begin_ + absl::Hours(9), {{"2.5.29.20", "DER:" + std::string(octets)}});
  }

  std::string Number() const {
    const auto states = lists_->states();
    return states[0].lists.empty() ? "none" : states[0].lists[0].number();
  }

  const test::TempDir dir_;
  const std::string path_ = dir_.File("ca.crl");
  const TestCa ca_ = TestCa::Root("identity CA");
  const absl::Time begin_ = absl::Now();
  absl::Time now_ = begin_;
  const std::function<absl::Time()> clock_ = [this] { return now_; };
  ChangeNotice changes_;
  std::unique_ptr<KeyStore> keys_;
  std::unique_ptr<FileLists> lists_;
  std::unique_ptr<ListWatcher> watcher_;
};

TEST_F(ListWatcherTest, SaysThatSomethingChangedOnceForEachListThatIsTaken) {
  EXPECT_EQ(Changes(), 0U) << "there is no file";
  EXPECT_THAT(lists_->states()[0].problem, HasSubstr("No such file"));
  Replace(Numbered(1));
  EXPECT_EQ(Changes(), 1U);
  EXPECT_EQ(Number(), "1001");
  EXPECT_EQ(Changes(5), 0U);
  Replace(Numbered(0x100));
  EXPECT_EQ(Changes(), 1U);
  EXPECT_EQ(Number(), "1100");
}

TEST_F(ListWatcherTest, S17AFileThatIsReplacedAHundredTimesIsReadOnce) {
  for (int i = 1; i <= 100; ++i) Replace(Numbered(i));
  EXPECT_EQ(Changes(3), 1U);
  EXPECT_EQ(Number(), "1064");
}

TEST_F(ListWatcherTest, S14AFileThatOthersMayWriteIsNotUsed) {
  Replace(Numbered(1));
  EXPECT_EQ(Changes(2), 1U);
  Replace(Numbered(2));
  ASSERT_EQ(chmod(path_.c_str(), 0666), 0);
  EXPECT_EQ(Changes(2), 0U);
  EXPECT_EQ(Number(), "1001");
  EXPECT_THAT(lists_->states()[0].problem, HasSubstr("chmod go-w"));
  ASSERT_EQ(chmod(path_.c_str(), 0644), 0);
  EXPECT_EQ(Changes(), 1U);
  EXPECT_EQ(Number(), "1002");
}

TEST_F(ListWatcherTest, S17AFileOver8MiBIsNotUsed) {
  Replace(Numbered(1));
  EXPECT_EQ(Changes(2), 1U);
  const std::string list = Numbered(2);
  Replace(list + std::string(RevocationList::kLargestDocument - list.size() + 1, '\n'));
  EXPECT_EQ(Changes(2), 0U);
  EXPECT_THAT(lists_->states()[0].problem, HasSubstr("larger than"));
  Replace(list + std::string(RevocationList::kLargestDocument - list.size(), '\n'));
  EXPECT_EQ(Changes(2), 1U);
  EXPECT_EQ(Number(), "1002");
}

TEST_F(ListWatcherTest, AFileThatIsWrittenInPlaceIsUsedWhenItIsWhole) {
  Replace(Numbered(1));
  EXPECT_EQ(Changes(2), 1U);
  const std::string list = Numbered(2);
  dir_.Write("ca.crl", list.substr(0, list.size() / 2));
  EXPECT_EQ(Changes(2), 0U);
  EXPECT_EQ(Number(), "1001");
  dir_.Write("ca.crl", list);
  EXPECT_EQ(Changes(2), 1U);
  EXPECT_EQ(Number(), "1002");
}

TEST_F(ListWatcherTest, AListFromTheFutureIsTakenWhenItsTimeHasComeThoughTheFileStaysTheSame) {
  Replace(Numbered(1, -absl::Hours(2)));
  EXPECT_EQ(Changes(3), 0U);
  now_ += absl::Hours(2);
  EXPECT_EQ(Changes(3), 1U);
  EXPECT_EQ(Number(), "1001");
}

TEST_F(ListWatcherTest, PausesForAQuarterOfASecond) {
  const auto pause = watcher_->Round();
  EXPECT_GE(pause, std::chrono::milliseconds(250));
  EXPECT_LE(pause, std::chrono::milliseconds(500));
}

}  // namespace
}  // namespace ddskey
