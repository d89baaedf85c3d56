// Files that are no good keystores: each is refused with a sentence, and none is changed.

#include <gtest/gtest.h>
#include <sqlite3.h>
#include <sys/stat.h>

#include <random>
#include <string>

#include "daemon/keystore/key_store.h"
#include "test/support/status_matchers.h"
#include "test/support/temp_dir.h"

namespace ddskey {
namespace {

using test::StatusIs;
using ::testing::HasSubstr;

constexpr auto kDataLoss = absl::StatusCode::kDataLoss;
constexpr auto kPrecondition = absl::StatusCode::kFailedPrecondition;

class KeyStoreDamageTest : public testing::Test {
 protected:
  void SetUp() override {
    const auto store = KeyStore::Open(path_);
    ASSERT_TRUE(store.ok()) << store.status();
    const auto backend = (*store)->RegisterBackend("software", "software");
    ASSERT_TRUE(backend.ok()) << backend.status();
    for (int i = 0; i < 20; ++i) {
      KeyGeneration generation;
      generation.backend_uuid = *backend;
      generation.blob = std::string(500, 'b');
      ASSERT_OK((*store)->CreateIdentity(*KeyName::Parse("key" + std::to_string(i)), generation));
    }
  }

  // Put replaces the keystore.
  void Put(const std::string& content) {
    dir_.Write("keystore.db", content);
    ASSERT_EQ(chmod(path_.c_str(), 0600), 0);
  }

  // Edit runs `statements` in the closed keystore, as somebody with a database tool might.
  void Edit(const std::string& statements) {
    sqlite3* connection = nullptr;
    ASSERT_EQ(sqlite3_open(path_.c_str(), &connection), SQLITE_OK);
    char* error = nullptr;
    EXPECT_EQ(sqlite3_exec(connection, statements.c_str(), nullptr, nullptr, &error), SQLITE_OK) << error;
    sqlite3_close(connection);
  }

  const test::TempDir dir_;
  const std::string path_ = dir_.File("keystore.db");
};

TEST_F(KeyStoreDamageTest, RefusesWhatIsNoDatabase) {
  for (const std::string& content : {std::string(), std::string("x"), std::string(20'000, 'x')}) {
    Put(content);
    EXPECT_THAT(KeyStore::Open(path_), StatusIs(kDataLoss, HasSubstr("restore it from a copy")));
    EXPECT_EQ(test::ReadFile(path_), content);
  }
}

TEST_F(KeyStoreDamageTest, RefusesTruncatedFiles) {
  const std::string good = test::ReadFile(path_);
  ASSERT_GT(good.size(), 20'000U);
  for (size_t size = 512; size < good.size(); size += 4096) {
    Put(good.substr(0, size));
    EXPECT_THAT(KeyStore::Open(path_), StatusIs(kDataLoss, HasSubstr("restore it from a copy"))) << size;
  }
}

TEST_F(KeyStoreDamageTest, RefusesOverwrittenPages) {
  const std::string good = test::ReadFile(path_);
  std::mt19937 random(11);
  for (size_t page = 0; page < good.size() / 4096; ++page) {
    std::string bad = good;
    for (size_t i = 0; i < 4096; ++i) bad[page * 4096 + i] = static_cast<char>(random());
    Put(bad);
    EXPECT_THAT(KeyStore::Open(path_), StatusIs(kDataLoss, HasSubstr("restore it from a copy"))) << page;
  }
}

TEST_F(KeyStoreDamageTest, SurvivesEverySingleOctetOfAPageAltered) {
  const std::string good = test::ReadFile(path_);
  for (size_t at = 0; at < good.size(); at += 61) {
    std::string bad = good;
    bad[at] = static_cast<char>(bad[at] ^ 0xff);
    Put(bad);
    const auto opened = KeyStore::Open(path_);
    if (opened.ok()) continue;
    EXPECT_NE(opened.status().code(), absl::StatusCode::kInternal) << at << " " << opened.status();
  }
}

TEST_F(KeyStoreDamageTest, RefusesRowsThatMakeNoSense) {
  const std::string good = test::ReadFile(path_);
  for (const char* edit : {"DELETE FROM store", "DELETE FROM generation", "UPDATE generation SET state = 3",
                           "UPDATE generation SET algorithm = 77", "UPDATE identity SET name = '../' || name",
                           "DELETE FROM backend", "UPDATE generation SET identity_id = identity_id + 1000"}) {
    Put(good);
    Edit(edit);
    EXPECT_THAT(KeyStore::Open(path_), StatusIs(kDataLoss, HasSubstr("restore it from a copy"))) << edit;
  }
}

TEST_F(KeyStoreDamageTest, RefusesDatabasesOfOthers) {
  Put("");
  Edit("CREATE TABLE music (title TEXT)");
  EXPECT_THAT(KeyStore::Open(path_), StatusIs(kPrecondition, HasSubstr("not a keystore")));
  Put("");
  Edit("CREATE TABLE music (title TEXT); PRAGMA user_version = 1; PRAGMA application_id = 7");
  EXPECT_THAT(KeyStore::Open(path_), StatusIs(kPrecondition, HasSubstr("not a keystore")));
}

TEST_F(KeyStoreDamageTest, AJournalOfAnOlderChangeLeavesWholeKeysOrIsRefused) {
  // SQLite undoes what a journal says was begun, also in a file that has moved on since.
  sqlite3* connection = nullptr;
  ASSERT_EQ(sqlite3_open(path_.c_str(), &connection), SQLITE_OK);
  ASSERT_EQ(sqlite3_exec(connection, "BEGIN; UPDATE generation SET blob = x'00'", nullptr, nullptr, nullptr),
            SQLITE_OK);
  ASSERT_EQ(sqlite3_db_cacheflush(connection), SQLITE_OK);
  const std::string journal = test::ReadFile(path_ + "-journal");
  ASSERT_GT(journal.size(), 4096U);
  sqlite3_close(connection);
  {
    ASSERT_OK_AND_ASSIGN(const auto store, KeyStore::Open(path_));
    ASSERT_EQ(store->List().size(), 20U) << "the change was not undone";
    ASSERT_OK_AND_ASSIGN(const std::string backend, store->RegisterBackend("software", "software"));
    for (int i = 0; i < 20; ++i) {
      if (i % 2 == 0) {
        ASSERT_OK(store->PurgeIdentity(*KeyName::Parse("key" + std::to_string(i))));
      }
      KeyGeneration generation;
      generation.backend_uuid = backend;
      generation.blob = std::string(700, 'n');
      ASSERT_OK(store->CreateIdentity(*KeyName::Parse("new" + std::to_string(i)), generation));
    }
  }
  const std::string now = test::ReadFile(path_);
  int refused = 0;
  // The whole journal, and with fewer and fewer of its pages.
  for (size_t pages = journal.size() / 4096; pages > 0; pages /= 2) {
    Put(now);
    chmod(dir_.Write("keystore.db-journal", journal.substr(0, pages * 4096)).c_str(), 0600);
    const auto store = KeyStore::Open(path_);
    if (!store.ok()) {
      ++refused;
      EXPECT_THAT(store.status(), StatusIs(kDataLoss, HasSubstr("restore it from a copy"))) << pages;
      continue;
    }
    for (const auto& identity : (*store)->List()) {
      const std::string& blob = identity->current().blob;
      EXPECT_TRUE(blob == std::string(500, 'b') || blob == std::string(700, 'n')) << pages;
    }
  }
  EXPECT_GT(refused, 0);
}

TEST_F(KeyStoreDamageTest, RefusesADatabaseThatAnotherProgramHasOpen) {
  sqlite3* connection = nullptr;
  ASSERT_EQ(sqlite3_open(path_.c_str(), &connection), SQLITE_OK);
  ASSERT_EQ(sqlite3_exec(connection, "BEGIN; SELECT * FROM store", nullptr, nullptr, nullptr), SQLITE_OK);
  EXPECT_THAT(KeyStore::Open(path_), StatusIs(kPrecondition, HasSubstr("open in another process")));
  sqlite3_close(connection);
  EXPECT_OK(KeyStore::Open(path_));
}

TEST_F(KeyStoreDamageTest, BeginsAnewWhereTheFirstStartWasCutOff) {
  const std::string fresh = dir_.File("fresh.db");
  dir_.Write("fresh.db.new", "half a database");
  dir_.Write("fresh.db.new-journal", "half a journal");
  ASSERT_OK_AND_ASSIGN(const auto store, KeyStore::Open(fresh));
  EXPECT_TRUE(store->List().empty());
}

}  // namespace
}  // namespace ddskey
