// A crash at every single change of a file that an operation makes, one after the other.

#include <gtest/gtest.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <csignal>
#include <filesystem>
#include <functional>
#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include "daemon/keystore/crash_vfs.h"
#include "daemon/keystore/sqlite_key_store.h"
#include "proto/contract/status_macros.h"
#include "test/support/status_matchers.h"
#include "test/support/temp_dir.h"

namespace ddskey {
namespace {

const KeyName& Talker() {
  static const KeyName& name = *new KeyName(*KeyName::Parse("talker"));
  return name;
}
const KeyName& Listener() {
  static const KeyName& name = *new KeyName(*KeyName::Parse("listener"));
  return name;
}

KeyGeneration Generation(const std::string& uuid, const std::string& backend) {
  KeyGeneration generation;
  generation.uuid = uuid;
  generation.backend_uuid = backend;
  // More than one page.
  generation.blob = std::string(10'000, uuid.back());
  return generation;
}

// Content is everything that a keystore holds, as text.
std::string Content(const KeyStore& store) {
  std::string content;
  for (const auto& identity : store.List()) {
    const KeyGeneration& key = identity->current();
    absl::StrAppend(&content, identity->name.text(), identity->deleted ? " deleted " : " ", key.uuid, " ", key.blob,
                    " ", key.certificate_chain, " ", identity->generations.size(), " ", identity->trust.anchors, "\n");
  }
  return content;
}

class KeyStoreCrashPointTest : public testing::Test {
 protected:
  using Operation = std::function<absl::Status(KeyStore& store, const std::string& backend)>;

  void SetUp() override {
    const auto store = KeyStore::Open(path_);
    ASSERT_TRUE(store.ok()) << store.status();
    const auto backend = (*store)->RegisterBackend("software", "software");
    ASSERT_TRUE(backend.ok()) << backend.status();
    ASSERT_OK((*store)->CreateIdentity(Talker(), Generation("u-1", *backend)));
    ASSERT_OK((*store)->InstallCertificate(Talker(), "u-1", std::string(9'000, 'c'), std::string(9'000, 'a')));
    before_ = Content(**store);
  }

  // InChild runs `work` in a child process that can be made to crash, and returns how it ended.
  static int InChild(const std::function<bool()>& work) {
    const pid_t child = fork();
    if (child == 0) {
      prctl(PR_SET_PDEATHSIG, SIGKILL);
      test::InstallCrashVfs();
      _exit(work() ? 0 : 1);
    }
    int status = 0;
    EXPECT_EQ(waitpid(child, &status, 0), child);
    return status;
  }

  // Crash runs `operation` on copies of the keystore, with a crash at each of its changes in turn, and checks what is
  // there afterwards: all of it or nothing, and all if it had been acknowledged. `fewest` changes are expected.
  void Crash(const Operation& operation, int fewest) {
    const std::string after = After(operation);
    for (int change = 1;; ++change) {
      const std::string path = Copy("crash.db");
      const int status = InChild([&] {
        const auto store = KeyStore::Open(path);
        if (!store.ok()) return false;
        const auto backend = (*store)->RegisterBackend("software", "software");
        test::CrashAt(change);
        const bool done = operation(**store, *backend).ok();
        test::CrashAt(0);
        return done;
      });
      ASSERT_OK_AND_ASSIGN(const auto store, KeyStore::Open(path));
      if (WIFEXITED(status)) {
        EXPECT_EQ(WEXITSTATUS(status), 0);
        EXPECT_EQ(Content(*store), after);
        EXPECT_GT(change, fewest);
        return;
      }
      const std::string content = Content(*store);
      EXPECT_TRUE(content == before_ || content == after) << "half-made by a crash at change " << change;
    }
  }

  std::string After(const Operation& operation) {
    const std::string path = Copy("after.db");
    const auto store = KeyStore::Open(path);
    EXPECT_TRUE(store.ok()) << store.status();
    EXPECT_OK(operation(**store, *(*store)->RegisterBackend("software", "software")));
    EXPECT_NE(Content(**store), before_);
    return Content(**store);
  }

  std::string Copy(const std::string& name) {
    for (const char* suffix : {"", "-journal", ".lock", ".new", ".new-journal"}) {
      std::filesystem::remove(dir_.File(name + suffix));
    }
    dir_.Write(name, test::ReadFile(path_));
    EXPECT_EQ(chmod(dir_.File(name).c_str(), 0600), 0);
    return dir_.File(name);
  }

  const test::TempDir dir_;
  const std::string path_ = dir_.File("keystore.db");
  std::string before_;
};

TEST_F(KeyStoreCrashPointTest, CreatesAKeyOrDoesNot) {
  Crash([](KeyStore& store,
           const std::string& backend) { return store.CreateIdentity(Listener(), Generation("u-2", backend)); },
        10);
}

TEST_F(KeyStoreCrashPointTest, InstallsACertificateWithItsAnchorsOrDoesNot) {
  Crash(
      [](KeyStore& store, const std::string&) {
        return store.InstallCertificate(Talker(), "u-1", std::string(20'000, 'C'), std::string(20'000, 'A'));
      },
      10);
}

TEST_F(KeyStoreCrashPointTest, SwitchesGenerationsOrDoesNot) {
  Crash(
      [](KeyStore& store, const std::string& backend) -> absl::Status {
        ASSIGN_OR_RETURN(const auto talker, store.Find(Talker()));
        Identity changed = *talker;
        changed.generations.front().state = GenerationState::kOld;
        changed.generations.push_back(Generation("u-2", backend));
        changed.generations.back().number = 2;
        return store.ReplaceIdentity(talker, changed);
      },
      10);
}

TEST_F(KeyStoreCrashPointTest, DeletesAKeyOrDoesNot) {
  Crash([](KeyStore& store, const std::string&) { return store.DeleteIdentity(Talker()); }, 5);
}

TEST_F(KeyStoreCrashPointTest, PurgesAKeyOrDoesNot) {
  Crash([](KeyStore& store, const std::string&) { return store.PurgeIdentity(Talker()); }, 10);
}

TEST_F(KeyStoreCrashPointTest, MakesANewKeystoreOrNone) {
  for (int change = 1;; ++change) {
    const std::string path = Copy("fresh.db");
    std::filesystem::remove(path);
    const int status = InChild([&] {
      test::CrashAt(change);
      return KeyStore::Open(path).ok();
    });
    ASSERT_OK_AND_ASSIGN(const auto store, KeyStore::Open(path));
    EXPECT_EQ(Content(*store), "");
    EXPECT_EQ(store->instance_uuid().size(), 36U);
    if (!WIFEXITED(status)) continue;
    EXPECT_EQ(WEXITSTATUS(status), 0);
    EXPECT_GT(change, 10);
    break;
  }
}

TEST_F(KeyStoreCrashPointTest, MigratesAKeystoreOrLeavesItAsItWas) {
  std::vector<Migration> later(Migrations().begin(), Migrations().end());
  later.push_back({later.back().version + 1,
                   "ALTER TABLE identity ADD COLUMN room TEXT; UPDATE identity SET room = 'kitchen', anchors = x'61';"
                   "CREATE TABLE more (x BLOB); INSERT INTO more VALUES (zeroblob(20000))"});
  int crashed_after = 0;
  for (int change = 1;; ++change) {
    const std::string path = Copy("old.db");
    const std::string copy = path + ".version-" + std::to_string(Migrations().back().version);
    std::filesystem::remove(copy);
    const int status = InChild([&] {
      test::CrashAt(change);
      return SqliteKeyStore::Open(path, later).ok();
    });
    // Whoever opens it next, the old daemon or the new one, finds the key. A copy that is there is complete.
    if (const auto old = KeyStore::Open(path); old.ok()) {
      EXPECT_EQ(Content(**old), before_) << change;
    } else {
      EXPECT_THAT(old, test::StatusIs(absl::StatusCode::kFailedPrecondition, testing::HasSubstr("newer")));
      ++crashed_after;
    }
    if (std::filesystem::exists(copy)) {
      ASSERT_OK_AND_ASSIGN(const auto kept, KeyStore::Open(copy));
      EXPECT_EQ(Content(*kept), before_) << change;
    }
    ASSERT_OK_AND_ASSIGN(const auto migrated, SqliteKeyStore::Open(path, later));
    EXPECT_EQ((*migrated->Find(Talker()))->trust.anchors, "a") << change;
    if (!WIFEXITED(status)) continue;
    EXPECT_EQ(WEXITSTATUS(status), 0);
    EXPECT_GT(change, 15);
    break;
  }
  EXPECT_GT(crashed_after, 0);
}

}  // namespace
}  // namespace ddskey
