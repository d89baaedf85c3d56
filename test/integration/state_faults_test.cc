// What happens when a file of the daemon's own is damaged or set back; docs/operations.md has a row for each.
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/stat.h>

#include <filesystem>
#include <functional>
#include <memory>
#include <ostream>
#include <string>
#include <utility>
#include <vector>

#include "test/support/pki.h"
#include "test/support/process.h"
#include "test/support/swtpm.h"
#include "test/support/temp_dir.h"
#include "test/support/test_daemon.h"
#include "test/support/test_participant.h"

namespace ddskey {
namespace {

using ::ddskey::test::TestDaemon;
using ::ddskey::test::TestParticipant;
using ::testing::HasSubstr;

// Change is what happens to a file: it gets its content now and that of an older copy, and returns the new one.
using Change = std::function<std::string(const std::string& now, const std::string& older)>;

std::string Truncated(const std::string& now, const std::string&) { return now.substr(0, now.size() / 2); }
std::string Emptied(const std::string&, const std::string&) { return ""; }
std::string Older(const std::string&, const std::string& older) { return older; }
std::string Garbage(const std::string&, const std::string&) { return std::string(8192, '\x5a'); }

// Flipped has one bit changed `offset` octets after the first `mark`.
Change Flipped(const std::string& mark, size_t offset) {
  return [mark, offset](std::string now, const std::string&) {
    const size_t at = now.find(mark);
    EXPECT_NE(at, std::string::npos);
    if (at != std::string::npos) now[at + offset] = static_cast<char>(now[at + offset] ^ 0x10);
    return now;
  };
}

enum class Outcome {
  // Nothing is noticed: handshakes go on with the tickets there are.
  kGoesOn,
  // The participants have to validate their identities again, which a shim does by itself.
  kValidatesAgain,
  // The daemon does not start, and says why; it does with the file as it was.
  kDoesNotStart,
  // The daemon serves, but the key cannot be used, and says why; it can be with the file as it was.
  kKeyUnusable,
  // The daemon serves what it knew then.
  kKnowsOnlyTheOlder,
};

struct Case {
  const char* name;
  const char* file;
  Change change;
  Outcome outcome;
  // In what the daemon says, where it says something.
  const char* words;
};

void PrintTo(const Case& item, std::ostream* out) { *out << item.name; }

class StateFaultsTest : public ::testing::TestWithParam<Case> {
 protected:
  std::string Enroll(const std::string& name) { return daemon_.Enroll(name, ca_, test::Named(name)); }
  void Put(const std::string& content) {
    std::filesystem::remove(path_);
    daemon_.dir().Write(GetParam().file, content);
    ASSERT_EQ(chmod(path_.c_str(), 0600), 0);
  }
  // Start runs the daemon outside of TestDaemon, which ends the test if it does not serve.
  bool Starts() {
    test::Process::Options options;
    options.output = daemon_.dir().File("second.log");
    const auto process =
        test::Process::Start({"daemon/ddskeyd", "--config", daemon_.dir().File("config.textproto")}, options);
    const bool ended =
        test::WaitFor([&] { return !process->Running() || daemon_.admin().GetStatus({}).ok(); }) && !process->Running();
    said_ = process->Output();
    return !ended;
  }
  std::unique_ptr<TestParticipant> Participant(const std::string& name, const std::string& certificate, char tag) {
    return std::make_unique<TestParticipant>(daemon_.socket(), name, certificate, tag);
  }
  // Mend puts the file back as it was.
  void Mend() {
    Put(now_);
    daemon_.Start();
    EXPECT_TRUE(one_->Validate().ok());
    EXPECT_TRUE(two_->Validate().ok());
    EXPECT_TRUE(Shake(*one_, *two_).ok());
    EXPECT_EQ(daemon_.Status().unusable_keys(), 0U);
  }

  const test::TestCa ca_ = test::TestCa::Root("identity CA");
  TestDaemon daemon_;
  const std::string path_ = daemon_.dir().File(GetParam().file);
  std::string now_;
  std::string said_;
  std::unique_ptr<TestParticipant> one_;
  std::unique_ptr<TestParticipant> two_;
};

TEST_P(StateFaultsTest, HasTheOutcomeThatIsWrittenDown) {
  one_ = Participant("one", Enroll("one"), '1');
  daemon_.Kill();
  const std::string older = std::filesystem::exists(path_) ? test::ReadFile(path_) : "";
  daemon_.Start();
  two_ = Participant("two", Enroll("two"), '2');
  ASSERT_TRUE(one_->Validate().ok());
  ASSERT_TRUE(two_->Validate().ok());
  ASSERT_TRUE(Shake(*one_, *two_).ok());
  daemon_.Kill();
  now_ = std::filesystem::exists(path_) ? test::ReadFile(path_) : "";
  Put(GetParam().change(now_, older));

  switch (GetParam().outcome) {
    case Outcome::kGoesOn:
      daemon_.Start();
      EXPECT_TRUE(Shake(*one_, *two_).ok());
      EXPECT_EQ(daemon_.Status().keys(), 2U);
      break;
    case Outcome::kValidatesAgain:
      daemon_.Start();
      EXPECT_FALSE(Shake(*one_, *two_).ok());
      EXPECT_TRUE(one_->Validate().ok());
      EXPECT_TRUE(two_->Validate().ok());
      EXPECT_TRUE(Shake(*one_, *two_).ok());
      EXPECT_EQ(daemon_.Status().keys(), 2U);
      break;
    case Outcome::kDoesNotStart:
      EXPECT_FALSE(Starts());
      EXPECT_THAT(said_, HasSubstr(GetParam().words));
      Mend();
      break;
    case Outcome::kKeyUnusable: {
      daemon_.Start();
      std::string said = daemon_.Status().backends(0).problem();
      const CallStatus met = [&] {
        if (const CallStatus status = one_->Validate(); !status.ok()) return status;
        if (const CallStatus status = two_->Validate(); !status.ok()) return status;
        return Shake(*one_, *two_);
      }();
      EXPECT_FALSE(met.ok());
      v1::GetKeyRequest request;
      request.set_name("one");
      if (const auto key = daemon_.admin().GetKey(request); key.ok()) said += key->key().backend_problem();
      said += met.message;
      EXPECT_THAT(said, HasSubstr(GetParam().words));
      daemon_.Kill();
      Mend();
      break;
    }
    case Outcome::kKnowsOnlyTheOlder:
      daemon_.Start();
      EXPECT_EQ(daemon_.Status().keys(), 1U);
      EXPECT_TRUE(one_->Validate().ok());
      EXPECT_FALSE(two_->Validate().ok());
      daemon_.Kill();
      Mend();
      break;
  }
}

const Case kCases[] = {
    {"KeystoreTruncated", "state/keystore.db", &Truncated, Outcome::kDoesNotStart, "restore it from a copy"},
    {"KeystoreEmptied", "state/keystore.db", &Emptied, Outcome::kDoesNotStart, "restore it from a copy"},
    {"KeystoreHeaderFlipped", "state/keystore.db", Flipped("SQLite format 3", 3), Outcome::kDoesNotStart,
     "restore it from a copy"},
    {"KeystoreSealedKeyFlipped", "state/keystore.db", Flipped("DKS1", 60), Outcome::kKeyUnusable, "damaged"},
    {"KeystoreSetBack", "state/keystore.db", &Older, Outcome::kKnowsOnlyTheOlder, ""},
    {"JournalOfGarbage", "state/keystore.db-journal", &Garbage, Outcome::kGoesOn, ""},
    {"JournalEmptied", "state/keystore.db-journal", &Emptied, Outcome::kGoesOn, ""},
    {"LockOfGarbage", "state/keystore.db.lock", &Garbage, Outcome::kGoesOn, ""},
    {"SecretTruncated", "state/software.secret", &Truncated, Outcome::kKeyUnusable, "octets; it should have 32"},
    {"SecretFlipped", "state/software.secret", Flipped("", 5), Outcome::kKeyUnusable, "its secret was replaced"},
    {"SecretOfAnotherInstallation", "state/software.secret", &Garbage, Outcome::kKeyUnusable, "it should have 32"},
    {"SecretSetBack", "state/software.secret", &Older, Outcome::kGoesOn, ""},
    {"TicketRootsTruncated", "run/ticket-roots", &Truncated, Outcome::kValidatesAgain, ""},
    {"TicketRootsEmptied", "run/ticket-roots", &Emptied, Outcome::kValidatesAgain, ""},
    {"TicketRootsFlipped", "run/ticket-roots", Flipped("ddskrt01", 60), Outcome::kValidatesAgain, ""},
    {"TicketRootsOfGarbage", "run/ticket-roots", &Garbage, Outcome::kValidatesAgain, ""},
    {"TicketRootsSetBack", "run/ticket-roots", &Older, Outcome::kGoesOn, ""},
};

INSTANTIATE_TEST_SUITE_P(Files, StateFaultsTest, ::testing::ValuesIn(kCases),
                         [](const auto& info) { return std::string(info.param.name); });

TEST(TpmKeyTest, OneThatIsDamagedInTheKeystoreIsNotUsedAndOthersAre) {
  const test::Swtpm tpm;
  TestDaemon daemon(TestDaemon::WithTpm(tpm.tcti()));
  const test::TestCa ca = test::TestCa::Root("identity CA");
  TestParticipant one(daemon.socket(), "one", daemon.Enroll("one", ca, test::Named("one")), '1');
  TestParticipant two(daemon.socket(), "two", daemon.Enroll("two", ca, test::Named("two")), '2');
  TestParticipant three(daemon.socket(), "three", daemon.Enroll("three", ca, test::Named("three")), '3');
  const std::string path = daemon.dir().File("state/keystore.db");
  daemon.Kill();
  const std::string whole = test::ReadFile(path);
  const size_t key = whole.find("DKT1");
  ASSERT_NE(key, std::string::npos);
  // In the Name of its parent, in its public area, and in what the TPM has encrypted.
  for (const size_t offset : {12U, 80U, 200U}) {
    std::string flipped = whole;
    flipped[key + offset] = static_cast<char>(flipped[key + offset] ^ 1);
    daemon.dir().Write("state/keystore.db", flipped);
    daemon.Start();
    int good = 0;
    std::string said;
    for (const auto& [a, b] : {std::pair(&one, &two), {&two, &three}, {&three, &one}}) {
      ASSERT_TRUE(a->Validate().ok());
      ASSERT_TRUE(b->Validate().ok());
      const CallStatus met = Shake(*a, *b);
      if (met.ok()) ++good;
      said += met.message;
    }
    EXPECT_EQ(good, 1) << offset << said;
    EXPECT_THAT(said, ::testing::AnyOf(HasSubstr("damaged"), HasSubstr("another TPM"))) << offset;
    daemon.Kill();
  }
  daemon.dir().Write("state/keystore.db", whole);
  daemon.Start();
  ASSERT_TRUE(one.Validate().ok());
  ASSERT_TRUE(two.Validate().ok());
  EXPECT_TRUE(Shake(one, two).ok());
}

TEST(LockTest, ADaemonWhoseLockFileWasReplacedStillHasTheKeystoreForItself) {
  TestDaemon daemon;
  const std::string lock = daemon.dir().File("state/keystore.db.lock");
  std::filesystem::remove(lock);
  std::string output;
  EXPECT_NE(test::Run({"daemon/ddskeyd", "--config", daemon.dir().File("config.textproto")}, &output), 0);
  EXPECT_THAT(output, HasSubstr("open in another process"));
  daemon.Status();
}

TEST(SecretTest, ASecretThatIsGoneIsNotMadeAnewWhileKeysNeedIt) {
  TestDaemon daemon;
  const test::TestCa ca = test::TestCa::Root("identity CA");
  TestParticipant one(daemon.socket(), "one", daemon.Enroll("one", ca, test::Named("one")), '1');
  TestParticipant two(daemon.socket(), "two", daemon.Enroll("two", ca, test::Named("two")), '2');
  daemon.Kill();
  const std::string path = daemon.dir().File("state/software.secret");
  std::filesystem::rename(path, path + ".away");
  daemon.Start();
  EXPECT_THAT(daemon.Status().backends(0).problem(), HasSubstr("the secret is gone"));
  EXPECT_FALSE(std::filesystem::exists(path));
  ASSERT_TRUE(one.Validate().ok());
  ASSERT_TRUE(two.Validate().ok());
  EXPECT_EQ(Shake(one, two).code, CallCode::kUnavailable);
  // It comes back without a restart.
  std::filesystem::rename(path + ".away", path);
  EXPECT_TRUE(test::WaitFor([&] { return daemon.Status().backends(0).healthy(); }));
  EXPECT_TRUE(Shake(one, two).ok());
}

}  // namespace
}  // namespace ddskey
