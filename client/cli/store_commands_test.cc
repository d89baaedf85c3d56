#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/stat.h>

#include "client/cli/backup_file.h"
#include "client/cli/fake_admin_client.h"
#include "test/support/temp_dir.h"

namespace ddskey::cli {
namespace {

using ::ddskey::test::ReadFile;
using ::ddskey::test::TempDir;
using ::testing::AllOf;
using ::testing::HasSubstr;
using ::testing::Not;

v1::CheckIdentityResponse Check(const std::string& name, bool good, const std::string& problem,
                                const std::string& fix) {
  v1::CheckIdentityResponse response;
  response.set_name(name);
  v1::KeyCheck& check = *response.add_checks();
  check.set_number(2);
  check.set_state("current");
  check.set_good(good);
  check.set_problem(problem);
  check.set_fix(fix);
  return response;
}

v1::BackupIdentity Stored(const std::string& name) {
  v1::BackupIdentity identity;
  identity.set_name(name);
  identity.set_uuid("uuid of " + name);
  identity.add_generations()->set_blob(std::string("\0sealed", 7));
  return identity;
}

TEST(StoreCheckTest, SaysWhatIsWrongAndWhatMendsIt) {
  Script script;
  script.store.add_names("listener");
  script.store.add_names("purged meanwhile");
  script.store.add_names("talker");
  script.checks["listener"] = Check("listener", true, "it has no certificate yet", "ddskeyctl csr listener");
  script.checks["talker"] = Check("talker", true, "", "");
  const Outcome good = RunWith(script, {"store", "check"});
  EXPECT_EQ(good.code, 0) << good.err;
  EXPECT_THAT(good.out, AllOf(HasSubstr("talker    2           current  good\n"), HasSubstr("ddskeyctl csr listener")));
  script.checks["talker"] = Check("talker", false, "sealed by another\x1b device", "ddskeyctl identity renew talker");
  const Outcome bad = RunWith(script, {"store", "check"});
  EXPECT_EQ(bad.code, 1);
  EXPECT_THAT(bad.out,
              AllOf(HasSubstr("talker    2           current  BAD\n"),
                    HasSubstr("talker, generation 2: sealed by another\\x1b device\n  ddskeyctl identity renew "
                              "talker\n")));
  EXPECT_THAT(bad.err, HasSubstr("1 key is not good"));
  EXPECT_THAT(RunWith(script, {"store", "check", "--json"}).out, HasSubstr("\"good\": false"));
}

TEST(StoreCheckTest, EndsWithTheErrorOfADamagedStore) {
  Script script;
  script.status = absl::DataLossError("the keystore is damaged");
  EXPECT_THAT(RunWith(script, {"store", "check"}).err, HasSubstr("is damaged"));
}

TEST(BackupTest, WritesWhatCanBeRestored) {
  const TempDir dir;
  const std::string file = dir.File("backup");
  Script script;
  script.identities = {Stored("talker")};
  EXPECT_THAT(RunWith(script, {"backup", dir.File("one")}).out, HasSubstr("Wrote 1 identity to "));
  script.identities = {Stored("listener"), Stored("talker")};
  const Outcome outcome = RunWith(script, {"backup", file});
  EXPECT_EQ(outcome.code, 0) << outcome.err;
  EXPECT_THAT(outcome.out, HasSubstr("Wrote 2 identities to "));
  struct stat found = {};
  ASSERT_EQ(stat(file.c_str(), &found), 0);
  EXPECT_EQ(found.st_mode & 07777, 0600U);
  EXPECT_THAT(outcome.out, HasSubstr("SHA-256: " + DigestOf(ReadFile(file))));
  EXPECT_EQ(RunWith(script, {"backup", file}).code, 1) << "it does not overwrite";

  Script other;
  other.taken = {"talker"};
  other.checks["listener"] = Check("listener", false, "another device", "ddskeyctl identity renew listener");
  const Outcome restored = RunWith(other, {"restore", file, "--sha256", DigestOf(ReadFile(file))});
  EXPECT_EQ(restored.code, 0) << restored.err;
  ASSERT_EQ(other.restored.size(), 1U);
  EXPECT_EQ(other.restored[0].SerializeAsString(), script.identities[0].SerializeAsString());
  EXPECT_THAT(restored.out,
              HasSubstr("listener  restored; needs a new key         ddskeyctl identity renew listener\n"));
  EXPECT_THAT(restored.out, HasSubstr("talker    left as it is: the name is taken"));
}

TEST(BackupTest, AnEmptyKeystoreHasABackupToo) {
  const TempDir dir;
  Script script;
  ASSERT_EQ(RunWith(script, {"backup", dir.File("backup")}).code, 0);
  EXPECT_EQ(RunWith(script, {"restore", dir.File("backup")}).code, 0);
  EXPECT_TRUE(script.restored.empty());
}

TEST(RestoreTest, TakesNothingFromAFileThatIsNotWhole) {
  const TempDir dir;
  v1::Backup backup;
  *backup.add_identities() = Stored("talker");
  const std::string whole = EncodeBackup(backup);
  std::string altered = whole;
  altered.back() = static_cast<char>(altered.back() ^ 1);
  int number = 0;
  for (const std::string& content : {std::string(), std::string("ddskeyd backup 2\n"), whole.substr(0, 60),
                                     whole.substr(0, whole.size() - 1), altered, whole + "x", "x" + whole}) {
    Script script;
    const Outcome outcome = RunWith(script, {"restore", dir.Write(std::to_string(++number), content)});
    EXPECT_EQ(outcome.code, 1) << number;
    EXPECT_EQ(script.calls, 0) << number;
  }
  Script script;
  const Outcome outcome = RunWith(script, {"restore", dir.Write("whole", whole), "--sha256", std::string(64, '0')});
  EXPECT_THAT(outcome.err, HasSubstr("this is another backup"));
  EXPECT_EQ(script.calls, 0);
}

TEST(RestoreTest, GoesOnAfterAnIdentityThatCannotBeRestored) {
  const TempDir dir;
  v1::Backup backup;
  *backup.add_identities() = Stored("talker");
  Script script;
  script.status = absl::InvalidArgumentError("the certificate is for another key");
  const Outcome outcome = RunWith(script, {"restore", dir.Write("whole", EncodeBackup(backup))});
  EXPECT_EQ(outcome.code, 1);
  EXPECT_THAT(outcome.out, HasSubstr("talker  failed  the certificate is for another key"));
  EXPECT_THAT(outcome.err, AllOf(HasSubstr("1 of 1"), Not(HasSubstr("restored;"))));
}

}  // namespace
}  // namespace ddskey::cli
