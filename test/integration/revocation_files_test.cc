// Files of revocation lists that the configuration names, against the real daemon.
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/stat.h>
#include <unistd.h>

#include <chrono>
#include <cstdio>
#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include "daemon/trust/revocation_list.h"
#include "test/support/pki.h"
#include "test/support/process.h"
#include "test/support/temp_dir.h"
#include "test/support/test_daemon.h"
#include "test/support/test_participant.h"

namespace ddskey {
namespace {

using ::ddskey::test::Named;
using ::ddskey::test::TestCa;
using ::ddskey::test::TestDaemon;
using ::ddskey::test::TestKey;
using ::ddskey::test::TestParticipant;
using ::ddskey::test::WaitFor;
using ::testing::HasSubstr;
using ::testing::StartsWith;

class RevocationFilesTest : public ::testing::Test {
 protected:
  void SetUp() override {
    ASSERT_TRUE(alice_.Validate().ok());
    ASSERT_TRUE(bob_.Validate().ok());
    const auto request = alice_.Request(bob_);
    ASSERT_TRUE(request.status.ok()) << request.status.message;
    request_ = request.value.message();
  }

  static TestDaemon::Options Configured(const std::string& path, const std::string& other) {
    TestDaemon::Options options;
    options.more = absl::StrCat("revocation_list_file { path: \"", path, "\" }\nrevocation_list_file { path: \"", other,
                                "\" key: \"nobody-*\" }\n");
    return options;
  }

  // Refusal is what Bob says to Alice's Request with `peer_` as her certificate; empty if he answers it.
  std::string Refusal() { return bob_.Reply(alice_, test::WithCertificate(request_, peer_), 0).status.message; }
  bool IsRevoked() { return Refusal().starts_with("[revoked]"); }

  void Replace(const std::string& content) const { Replace("ca.crl", content); }
  void Replace(const std::string& name, const std::string& content) const {
    files_.Write("new", content);
    ASSERT_EQ(std::rename(files_.File("new").c_str(), files_.File(name).c_str()), 0);
  }

  std::string Numbered(const std::vector<std::string>& revoked, int number) const {
    char octets[9];
    std::snprintf(octets, sizeof(octets), "0202%04x", 0x1000 + number);
    return ca_.Crl(revoked, begin_, begin_ + absl::Hours(24), {{"2.5.29.20", "DER:" + std::string(octets)}});
  }

  v1::RevocationListFileStatus Status() { return daemon_.Status().revocation_list_files(0); }
  bool HasProblem(const std::string& text) { return Status().problem().find(text) != std::string::npos; }

  const absl::Time begin_ = absl::Now() - absl::Hours(1);
  const test::TempDir files_;
  const TestCa ca_ = TestCa::Root("identity CA");
  const std::string peer_ = ca_.Issue(TestKey::Generate().public_key(), Named("alice"));
  TestDaemon daemon_{Configured(files_.File("ca.crl"), files_.File("other.crl"))};
  TestParticipant alice_{daemon_.socket(), "alice", daemon_.Enroll("alice", ca_, Named("alice")), 'a'};
  TestParticipant bob_{daemon_.socket(), "bob", daemon_.Enroll("bob", ca_, Named("bob")), 'b'};
  v1::DataHolder request_;
};

TEST_F(RevocationFilesTest, AListIsInForceWhenItsFileIsReplacedAndStaysSoWhateverBecomesOfTheFile) {
  EXPECT_THAT(Status().problem(), HasSubstr("No such file"));
  EXPECT_EQ(Refusal(), "");
  Replace(Numbered({peer_}, 5));
  EXPECT_TRUE(WaitFor([this] { return IsRevoked(); }));
  EXPECT_EQ(Status().problem(), "");
  EXPECT_EQ(Status().lists(0).number(), "1005");
  EXPECT_EQ(Status().lists(0).revoked(), 1U);

  // Half-written, too large, of others, absent, older: never used, each with its reason.
  files_.Write("ca.crl", Numbered({}, 6).substr(0, 100));
  EXPECT_TRUE(WaitFor([this] { return HasProblem("malformed"); })) << Status().problem();
  Replace(std::string(RevocationList::kLargestDocument + 1, '\n'));
  EXPECT_TRUE(WaitFor([this] { return HasProblem("larger than"); })) << Status().problem();
  ASSERT_EQ(chmod(files_.File("ca.crl").c_str(), 0666), 0);
  EXPECT_TRUE(WaitFor([this] { return HasProblem("chmod go-w"); })) << Status().problem();
  ASSERT_EQ(unlink(files_.File("ca.crl").c_str()), 0);
  EXPECT_TRUE(WaitFor([this] { return HasProblem("No such file"); })) << Status().problem();
  Replace(Numbered({}, 4));
  EXPECT_TRUE(WaitFor([this] { return HasProblem("lower than 0x1005"); })) << Status().problem();
  EXPECT_TRUE(IsRevoked());
  EXPECT_THAT(daemon_.Log(), HasSubstr("lower than 0x1005"));

  // S-8: not even after a restart.
  daemon_.Kill();
  daemon_.Start();
  EXPECT_TRUE(HasProblem("lower than 0x1005")) << Status().problem();
  EXPECT_TRUE(IsRevoked());

  // A newer one, in DER, lets her in again.
  Replace(RevocationList::ParsePem(Numbered({}, 6))->front().der());
  EXPECT_TRUE(WaitFor([this] { return Refusal().empty(); }));
  EXPECT_EQ(Status().problem(), "");
}

TEST_F(RevocationFilesTest, AdministratorsAreHeldToTheListsOfFilesAsHandshakesAre) {
  v1::SetTrustOptionsRequest request;
  request.set_key_name("bob");
  request.set_missing_revocation_list(v1::STRICTNESS_REQUIRE);
  EXPECT_FALSE(daemon_.admin().SetTrustOptions(request).ok()) << "there is no list yet";
  Replace(Numbered({}, 1));
  EXPECT_TRUE(WaitFor([this] { return Status().lists_size() == 1; }));
  const auto set = daemon_.admin().SetTrustOptions(request);
  EXPECT_TRUE(set.ok()) << set.status();
  EXPECT_EQ(Refusal(), "");
}

TEST_F(RevocationFilesTest, AFileForOtherKeysChangesNothingForThisOne) {
  Replace("other.crl", Numbered({peer_}, 1));
  EXPECT_TRUE(WaitFor([this] { return daemon_.Status().revocation_list_files(1).lists_size() == 1; }));
  EXPECT_EQ(Refusal(), "");
}

TEST_F(RevocationFilesTest, OfStoreAndFileTheNewerListCounts) {
  v1::InstallRevocationListsRequest install;
  install.set_key_name("bob");
  install.set_revocation_lists(Numbered({peer_}, 5));
  ASSERT_TRUE(daemon_.admin().InstallRevocationLists(install).ok());
  EXPECT_TRUE(IsRevoked());
  Replace(Numbered({}, 4));
  EXPECT_TRUE(WaitFor([this] { return Status().lists_size() == 1; }));
  EXPECT_TRUE(IsRevoked());
  Replace(Numbered({}, 6));
  EXPECT_TRUE(WaitFor([this] { return Refusal().empty(); }));
}

TEST_F(RevocationFilesTest, S17AFileThatIsReplacedAHundredTimesASecondCostsNobodyAnything) {
  // With 5.5 MiB in each, and every other one cut in half.
  const std::string large =
      ca_.Crl({}, begin_, begin_ + absl::Hours(24),
              {{"2.5.29.20", "DER:02021001"}, {"1.2.3.4", "DER:0483580000" + std::string(2 * 0x580000, '0')}});
  const std::string half = large.substr(0, large.size() / 2);
  files_.Write("whole", large);
  files_.Write("half", half);
  const auto end = std::chrono::steady_clock::now() + std::chrono::seconds(2);
  size_t handshakes = 0;
  for (int i = 0; std::chrono::steady_clock::now() < end; ++i) {
    // A hard link costs no copy.
    ASSERT_EQ(link(files_.File(i % 2 == 0 ? "whole" : "half").c_str(), files_.File("new").c_str()), 0);
    ASSERT_EQ(std::rename(files_.File("new").c_str(), files_.File("ca.crl").c_str()), 0);
    if (i % 20 == 0) handshakes += Refusal().empty() ? 1 : 0;
    usleep(10'000);
  }
  EXPECT_GT(handshakes, 0U);
  Replace(Numbered({peer_}, 2));
  EXPECT_TRUE(WaitFor([this] { return IsRevoked(); }));
  const std::string log = daemon_.Log();
  size_t lines = 0;
  for (size_t at = log.find("revocation list file"); at != std::string::npos;
       at = log.find("revocation list file", at + 1)) {
    ++lines;
  }
  EXPECT_LT(lines, 40U) << "no more than a few a second";
}

}  // namespace
}  // namespace ddskey
