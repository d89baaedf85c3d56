// Schemas of other versions: older ones are migrated and kept, newer ones refused, failures undone.

#include <gtest/gtest.h>
#include <sqlite3.h>
#include <sys/stat.h>

#include <filesystem>
#include <string>
#include <vector>

#include "daemon/keystore/schema.h"
#include "daemon/keystore/sqlite_key_store.h"
#include "test/support/status_matchers.h"
#include "test/support/temp_dir.h"

namespace ddskey {
namespace {

using test::StatusIs;
using ::testing::HasSubstr;

class KeyStoreMigrationTest : public testing::Test {
 protected:
  void SetUp() override {
    ASSERT_OK_AND_ASSIGN(const auto store, KeyStore::Open(path_));
    ASSERT_OK_AND_ASSIGN(const std::string backend, store->RegisterBackend("software", "software"));
    instance_ = store->instance_uuid();
    KeyGeneration generation;
    generation.uuid = "u-1";
    generation.backend_uuid = backend;
    generation.blob = "sealed";
    ASSERT_OK(store->CreateIdentity(*KeyName::Parse("talker"), generation));
  }

  // Later is what a later version might know: today's schemas, and `more`.
  static std::vector<Migration> Later(const std::vector<const char*>& more) {
    std::vector<Migration> migrations(Migrations().begin(), Migrations().end());
    for (const char* statements : more) migrations.push_back({migrations.back().version + 1, statements});
    return migrations;
  }

  // Query returns the first value of a statement in the file `path`, read by SQLite alone.
  static std::string Query(const std::string& path, const char* statement) {
    sqlite3* connection = nullptr;
    sqlite3_stmt* prepared = nullptr;
    std::string value = "error";
    EXPECT_EQ(sqlite3_open_v2(path.c_str(), &connection, SQLITE_OPEN_READONLY, nullptr), SQLITE_OK);
    if (sqlite3_prepare_v2(connection, statement, -1, &prepared, nullptr) == SQLITE_OK &&
        sqlite3_step(prepared) == SQLITE_ROW) {
      value = reinterpret_cast<const char*>(sqlite3_column_text(prepared, 0));
    }
    sqlite3_finalize(prepared);
    sqlite3_close(connection);
    return value;
  }

  void ExpectTalker(const KeyStore& store) {
    EXPECT_EQ(store.instance_uuid(), instance_);
    ASSERT_OK_AND_ASSIGN(const auto identity, store.Find(*KeyName::Parse("talker")));
    EXPECT_EQ(identity->current().blob, "sealed");
  }

  const test::TempDir dir_;
  const std::string path_ = dir_.File("keystore.db");
  const uint32_t now_ = Migrations().back().version;
  const std::string copy_ = path_ + ".version-" + std::to_string(now_);
  std::string instance_;
};

TEST_F(KeyStoreMigrationTest, NumbersItsMigrationsWithoutGaps) {
  uint32_t expected = 0;
  for (const Migration& migration : Migrations()) EXPECT_EQ(migration.version, ++expected);
}

TEST_F(KeyStoreMigrationTest, MigratesAnOlderSchemaThroughEveryStepAndKeepsACopy) {
  const auto later = Later({"ALTER TABLE identity ADD COLUMN room TEXT", "UPDATE identity SET room = 'kitchen'"});
  {
    ASSERT_OK_AND_ASSIGN(const auto store, SqliteKeyStore::Open(path_, later));
    EXPECT_EQ(store->schema_version(), now_ + 2);
    ExpectTalker(*store);
  }
  EXPECT_EQ(Query(path_, "SELECT room FROM identity"), "kitchen");
  EXPECT_EQ(Query(path_, "PRAGMA user_version"), std::to_string(now_ + 2));
  // The copy is a complete keystore of the old schema, and as private.
  struct stat found = {};
  ASSERT_EQ(stat(copy_.c_str(), &found), 0);
  EXPECT_EQ(found.st_mode & 07777, 0600U);
  ASSERT_OK_AND_ASSIGN(const auto old, KeyStore::Open(copy_));
  EXPECT_EQ(old->schema_version(), now_);
  ExpectTalker(*old);
}

TEST_F(KeyStoreMigrationTest, RevocationListsOfTheFirstSchemaStayWithDefaultOptions) {
  const std::string path = dir_.File("first.db");
  ASSERT_OK(SqliteKeyStore::Open(path, Migrations().first(1)).status());
  sqlite3* connection = nullptr;
  ASSERT_EQ(sqlite3_open(path.c_str(), &connection), SQLITE_OK);
  EXPECT_EQ(sqlite3_exec(connection, R"(
      INSERT INTO backend VALUES ('b', 'software', 'software', 0);
      INSERT INTO identity (id, name, anchors, created) VALUES (1, 'talker', x'61', 0);
      INSERT INTO generation (uuid, identity_id, number, state, backend_uuid, algorithm, purpose, blob, public_key,
                              created) VALUES ('u', 1, 1, 2, 'b', 1, 1, x'00', x'00', 0);
      INSERT INTO revocation_list VALUES (1, x'69', x'31', x'6c', 0))",
                         nullptr, nullptr, nullptr),
            SQLITE_OK);
  sqlite3_close(connection);
  ASSERT_OK_AND_ASSIGN(const auto store, KeyStore::Open(path));
  ASSERT_OK_AND_ASSIGN(const auto identity, store->Find(*KeyName::Parse("talker")));
  EXPECT_EQ(identity->uuid, "u");
  EXPECT_FALSE(identity->disabled);
  EXPECT_FALSE(identity->current().imported);
  EXPECT_FALSE(identity->current().left_custody);
  EXPECT_EQ(identity->trust.options, ValidationOptions());
  ASSERT_EQ(identity->trust.revocation_lists.size(), 1U);
  EXPECT_EQ(identity->trust.revocation_lists.front().pem, "l");
  EXPECT_EQ(identity->trust.revocation_lists.front().number, "1");
}

TEST_F(KeyStoreMigrationTest, RefusesANewerSchemaAndLeavesItAlone) {
  ASSERT_OK(SqliteKeyStore::Open(path_, Later({"CREATE TABLE later (x INTEGER)"})));
  const std::string before = test::ReadFile(path_);
  EXPECT_THAT(KeyStore::Open(path_), StatusIs(absl::StatusCode::kFailedPrecondition,
                                              HasSubstr("newer ddskeyd (schema " + std::to_string(now_ + 1))));
  EXPECT_EQ(test::ReadFile(path_), before);
}

TEST_F(KeyStoreMigrationTest, UndoesAMigrationThatFailsHalfWay) {
  const std::vector<std::vector<const char*>> failures = {
      {"DELETE FROM generation; CREATE TABLE half (x INTEGER); SELECT * FROM nowhere"},
      {"DELETE FROM generation; ALTER TABLE identity ADD COLUMN room TEXT", "this is no SQL"}};
  for (const auto& failure : failures) {
    EXPECT_FALSE(SqliteKeyStore::Open(path_, Later(failure)).ok());
    EXPECT_EQ(Query(path_, "SELECT count(*) FROM sqlite_schema WHERE name = 'half'"), "0");
    EXPECT_EQ(Query(path_, "PRAGMA user_version"), std::to_string(now_));
    ASSERT_OK_AND_ASSIGN(const auto store, KeyStore::Open(path_));
    ExpectTalker(*store);
  }
}

TEST_F(KeyStoreMigrationTest, AnUnfinishedCopyOfAnEarlierAttemptIsNoObstacle) {
  dir_.Write("keystore.db.version-" + std::to_string(now_) + ".new", "half a copy");
  dir_.Write("keystore.db.version-" + std::to_string(now_), "an old copy");
  ASSERT_OK(SqliteKeyStore::Open(path_, Later({"CREATE TABLE later (x INTEGER)"})));
  ASSERT_OK_AND_ASSIGN(const auto old, KeyStore::Open(copy_));
  ExpectTalker(*old);
  EXPECT_FALSE(std::filesystem::exists(copy_ + ".new"));
}

TEST_F(KeyStoreMigrationTest, ANewStoreGoesThroughEveryMigrationWithoutACopy) {
  const std::string fresh = dir_.File("fresh.db");
  ASSERT_OK_AND_ASSIGN(const auto store, SqliteKeyStore::Open(fresh, Later({"CREATE TABLE later (x INTEGER)"})));
  EXPECT_EQ(store->schema_version(), now_ + 1);
  for (const auto& file : std::filesystem::directory_iterator(dir_.path())) {
    EXPECT_EQ(file.path().string().find("fresh.db.version"), std::string::npos) << file.path();
  }
}

}  // namespace
}  // namespace ddskey
