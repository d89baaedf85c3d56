#include "daemon/custodian/expiry_watch.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <memory>
#include <string>
#include <vector>

#include "test/support/pki.h"
#include "test/support/status_matchers.h"
#include "test/support/temp_dir.h"

namespace ddskey {
namespace {

using test::TestCa;
using ::testing::AllOf;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;

class ExpiryWatchTest : public ::testing::Test {
 protected:
  void SetUp() override {
    ASSERT_OK_AND_ASSIGN(keys_, KeyStore::Open(dir_.File("keystore.db")));
    ASSERT_OK_AND_ASSIGN(files_, FileLists::Open({{"/lists/a.crl", {}}}, *keys_, [this] { return now_; }));
    watch_ = std::make_unique<ExpiryWatch>(*keys_, *files_);
    ASSERT_OK_AND_ASSIGN(const std::string backend, keys_->RegisterBackend("software", "software"));
    KeyGeneration generation;
    generation.uuid = "u-1";
    generation.backend_uuid = backend;
    ASSERT_OK(keys_->CreateIdentity(name_, generation));
  }

  // Certify gives the identity a certificate of 100 days that has `left`, of a CA that lives long.
  void Certify(absl::Duration left) {
    test::CertificateOptions options;
    options.not_before = now_ + left - absl::Hours(24 * 100);
    options.not_after = now_ + left;
    ASSERT_OK(keys_->InstallCertificate(name_, "u-1", ca_.Issue(test::TestKey::Generate().public_key(), options),
                                        ca_.certificate()));
  }

  std::vector<std::string> Warn(absl::Duration later = absl::ZeroDuration()) { return watch_->Warn(now_ + later); }

  static absl::Duration Days(int days) { return absl::Hours(24 * days); }

  const test::TempDir dir_;
  const absl::Time now_ = absl::FromUnixSeconds(absl::ToUnixSeconds(absl::Now()));
  const TestCa ca_ = TestCa::Root("identity CA");
  const KeyName name_ = *KeyName::Parse("talker");
  std::unique_ptr<KeyStore> keys_;
  std::unique_ptr<FileLists> files_;
  std::unique_ptr<ExpiryWatch> watch_;
};

TEST_F(ExpiryWatchTest, Warns30And7And1DaysBeforeTheEndAndAtTheEndOnceEach) {
  Certify(Days(40));
  EXPECT_THAT(Warn(), IsEmpty());
  for (const int days : {30, 7, 1}) {
    EXPECT_THAT(Warn(Days(40 - days) - absl::Hours(1)), IsEmpty()) << days;
    EXPECT_THAT(Warn(Days(40 - days)),
                ElementsAre(AllOf(HasSubstr("key \"talker\": its certificate (CN=participant,O=Lab) ends at"),
                                  HasSubstr("in " + std::to_string(days) + " days"),
                                  HasSubstr("ddskeyctl identity renew talker"))));
    EXPECT_THAT(Warn(Days(40 - days) + absl::Minutes(1)), IsEmpty()) << days;
  }
  EXPECT_THAT(Warn(Days(40)), ElementsAre(HasSubstr("ended at")));
  EXPECT_THAT(Warn(Days(50)), IsEmpty());
}

TEST_F(ExpiryWatchTest, SaysOnlyTheLastOfSeveralThatAreDueAndSaysItAgainInAnotherDaemon) {
  Certify(absl::Hours(12));
  EXPECT_THAT(Warn(), ElementsAre(HasSubstr("in 0 days and 12 hours")));
  EXPECT_THAT(Warn(), IsEmpty());
  watch_ = std::make_unique<ExpiryWatch>(*keys_, *files_);
  EXPECT_THAT(Warn(), ElementsAre(HasSubstr("in 0 days and 12 hours")));
}

TEST_F(ExpiryWatchTest, IsSilentAboutARenewedCertificateUntilThatEnds) {
  Certify(Days(5));
  EXPECT_EQ(Warn().size(), 1U);
  Certify(Days(90));
  EXPECT_THAT(Warn(), IsEmpty());
  EXPECT_EQ(Warn(Days(61)).size(), 1U);
}

TEST_F(ExpiryWatchTest, WarnsOfCasAndListsOfStoreAndFilesButNotOfThoseThatAlwaysEndSoon) {
  const TestCa old =
      TestCa::Root("old CA", test::TestKeyType::kEcP256, {.not_before = now_ - Days(300), .not_after = now_ + Days(6)});
  ASSERT_OK_AND_ASSIGN(const auto identity, keys_->Find(name_));
  IdentityTrust trust = identity->trust;
  trust.anchors = old.certificate();
  trust.revocation_lists.push_back(
      {.issuer = "old", .authority_key = "", .number = "", .pem = old.Crl({}, now_ - Days(60), now_ + Days(20))});
  ASSERT_OK(keys_->SetTrust(name_, identity, trust));
  // Of three days: to be warned about on the last one only.
  EXPECT_TRUE(files_->Take(0, ca_.Crl({}, now_ - Days(1), now_ + Days(2))).changed);
  EXPECT_THAT(Warn(), ElementsAre(HasSubstr("the identity CA CN=old CA,O=Lab"),
                                  HasSubstr("key \"talker\": the revocation list of CN=old CA,O=Lab")));
  EXPECT_THAT(Warn(Days(1)), ElementsAre(HasSubstr("the revocation list of CN=identity CA,O=Lab ends")));
}

TEST_F(ExpiryWatchTest, TellsWhatEndsTheSoonestFirstWithTheDaysThatAreLeft) {
  Certify(Days(10) + absl::Hours(3));
  EXPECT_TRUE(files_->Take(0, ca_.Crl({}, now_ - Days(1), now_ + Days(2))).changed);
  const std::vector<Ending> endings = watch_->Endings();
  ASSERT_EQ(endings.size(), 3U);
  EXPECT_EQ(endings[0].kind, Ending::Kind::kRevocationList);
  EXPECT_EQ(endings[0].key_name, "");
  EXPECT_EQ(endings[1].kind, Ending::Kind::kCertificate);
  EXPECT_EQ(endings[1].days_left(now_), 10);
  EXPECT_EQ(endings[1].days_left(now_ + Days(10)), 0);
  EXPECT_EQ(endings[1].days_left(now_ + Days(11)), -1);
  EXPECT_EQ(endings[2].kind, Ending::Kind::kAnchor);
}

TEST_F(ExpiryWatchTest, ADeletedIdentityHasNoEnd) {
  Certify(Days(5));
  ASSERT_OK(keys_->DeleteIdentity(name_));
  EXPECT_THAT(Warn(), IsEmpty());
  EXPECT_THAT(watch_->Endings(), IsEmpty());
}

}  // namespace
}  // namespace ddskey
