#include "daemon/custodian/trust_cache.h"

#include <gtest/gtest.h>

#include <string>

#include "test/support/pki.h"
#include "test/support/status_matchers.h"
#include "test/support/temp_dir.h"

namespace ddskey {
namespace {

using test::StatusIs;
using test::TestCa;
using test::TestKey;
using ::testing::HasSubstr;

// Two fleets with a CA each; a peer of each, which the fleet's identity validates.
class TrustCacheTest : public ::testing::Test {
 protected:
  struct Fleet {
    TestCa ca;
    std::string peer;
    std::string key;
  };

  void SetUp() override {
    ASSERT_OK_AND_ASSIGN(keys_, KeyStore::Open(dir_.File("keystore.db")));
    ASSERT_OK_AND_ASSIGN(backend_, keys_->RegisterBackend("software", "software"));
    for (const Fleet* fleet : {&a_, &b_}) Add(*fleet);
    ASSERT_OK_AND_ASSIGN(files_, FileLists::Open({{"/a", {"a"}}, {"/b", {"b"}}, {"/all", {}}}, *keys_, &absl::Now));
    trust_ = std::make_unique<TrustCache>(files_.get());
  }

  static Fleet Make(const std::string& key) {
    const TestCa ca = TestCa::Root("CA of " + key);
    return {ca, ca.Issue(TestKey::Generate().public_key()), key};
  }

  void Add(const Fleet& fleet) {
    KeyGeneration generation;
    generation.backend_uuid = backend_;
    ASSERT_OK(keys_->CreateIdentity(*KeyName::Parse(fleet.key), generation));
    SetLists(fleet, "");
  }

  // SetLists installs lists in the identity's own store.
  void SetLists(const Fleet& fleet, const std::string& pem) {
    ASSERT_OK_AND_ASSIGN(const auto identity, keys_->Find(*KeyName::Parse(fleet.key)));
    IdentityTrust trust = identity->trust;
    trust.anchors = fleet.ca.certificate();
    trust.revocation_lists.clear();
    if (!pem.empty()) trust.revocation_lists.push_back({.issuer = "x", .authority_key = "", .number = "", .pem = pem});
    ASSERT_OK(keys_->SetTrust(identity->name, identity, trust));
  }

  absl::Status Validate(const Fleet& fleet) {
    const auto identity = keys_->Find(*KeyName::Parse(fleet.key));
    const auto store = trust_->Of(*identity);
    if (!store.ok()) return store.status();
    return validator_->Validate(fleet.peer, **store, now_).status();
  }

  // Validations says how many validations `Validate` of both fleets costs.
  uint64_t Validations() {
    const uint64_t before = validator_->validations();
    Validate(a_).IgnoreError();
    Validate(b_).IgnoreError();
    return validator_->validations() - before;
  }

  static std::string Numbered(const TestCa& ca, const std::string& number,
                              const std::vector<std::string>& revoked = {}) {
    // Of one moment, so that lists differ in nothing but what is said.
    static const absl::Time begin = absl::Now() - absl::Hours(1);
    return ca.Crl(revoked, begin, begin + absl::Hours(49), {{"2.5.29.20", "DER:0201" + number}});
  }

  const test::TempDir dir_;
  const Fleet a_ = Make("a");
  const Fleet b_ = Make("b");
  absl::Time now_ = absl::Now();
  std::string backend_;
  std::unique_ptr<KeyStore> keys_;
  std::unique_ptr<FileLists> files_;
  std::unique_ptr<TrustCache> trust_;
  const std::unique_ptr<CertificateValidator> validator_ = CertificateValidator::Create();
};

TEST_F(TrustCacheTest, AListOfAFileIsInForceForTheNextValidation) {
  EXPECT_OK(Validate(a_));
  EXPECT_TRUE(files_->Take(2, Numbered(a_.ca, "01", {a_.peer})).changed);
  EXPECT_THAT(Validate(a_), StatusIs(absl::StatusCode::kPermissionDenied, HasSubstr("[revoked]")));
  EXPECT_TRUE(files_->Take(2, Numbered(a_.ca, "02")).changed);
  EXPECT_OK(Validate(a_));
}

TEST_F(TrustCacheTest, TheNewerOfStoreAndFileWins) {
  SetLists(a_, Numbered(a_.ca, "05"));
  EXPECT_TRUE(files_->Take(0, Numbered(a_.ca, "04", {a_.peer})).changed);
  EXPECT_OK(Validate(a_));
  EXPECT_TRUE(files_->Take(0, Numbered(a_.ca, "06", {a_.peer})).changed);
  EXPECT_FALSE(Validate(a_).ok());
  SetLists(a_, Numbered(a_.ca, "07"));
  EXPECT_OK(Validate(a_));
}

TEST_F(TrustCacheTest, S8AListOfAnotherKeysFileCostsNoValidation) {
  EXPECT_EQ(Validations(), 2U);
  EXPECT_EQ(Validations(), 0U);
  const auto identity = keys_->Find(*KeyName::Parse("b"));
  ASSERT_OK_AND_ASSIGN(const auto before, trust_->Of(*identity));
  EXPECT_TRUE(files_->Take(0, Numbered(a_.ca, "01")).changed);
  EXPECT_EQ(Validations(), 1U) << "that of a's peer";
  ASSERT_OK_AND_ASSIGN(const auto after, trust_->Of(*identity));
  EXPECT_EQ(before, after) << "nor is b's trust made again";
}

TEST_F(TrustCacheTest, S8AListThatIsNotUsedCostsNoValidation) {
  EXPECT_TRUE(files_->Take(0, Numbered(a_.ca, "05")).changed);
  EXPECT_EQ(Validations(), 2U);
  EXPECT_FALSE(files_->Take(0, Numbered(a_.ca, "04")).changed);
  EXPECT_FALSE(files_->Take(0, std::string("half a li")).changed);
  EXPECT_EQ(Validations(), 0U);
}

TEST_F(TrustCacheTest, S8AChangedStoreOrClockCostsTheValidationsItMust) {
  EXPECT_EQ(Validations(), 2U);
  SetLists(a_, Numbered(a_.ca, "01"));
  EXPECT_EQ(Validations(), 1U);
  now_ += absl::Hours(1);
  EXPECT_EQ(Validations(), 0U) << "nothing ends within the hour";
  now_ += absl::Hours(48);
  EXPECT_EQ(Validations(), 1U) << "a's list is past its nextUpdate";
  now_ -= absl::Hours(49);
  EXPECT_EQ(Validations(), 0U) << "what was found before holds again";
  EXPECT_OK(Validate(a_));
}

TEST_F(TrustCacheTest, S8AFileWithTheListThatIsInstalledAlreadyChangesNothing) {
  const std::string list = Numbered(a_.ca, "01");
  SetLists(a_, list);
  EXPECT_EQ(Validations(), 2U);
  EXPECT_TRUE(files_->Take(0, list).changed);
  EXPECT_EQ(Validations(), 0U);
}

TEST_F(TrustCacheTest, ManyIdentitiesShareAParsedList) {
  EXPECT_TRUE(files_->Take(2, Numbered(a_.ca, "01")).changed);
  const auto anchors = *Certificate::ParsePem(a_.ca.certificate());
  const auto one = files_->in_force()->For("one", anchors, {});
  const auto two = files_->in_force()->For("two", anchors, {});
  ASSERT_EQ(one.size(), 1U);
  ASSERT_EQ(two.size(), 1U);
  EXPECT_EQ(one[0].crl(), two[0].crl());
}

}  // namespace
}  // namespace ddskey
