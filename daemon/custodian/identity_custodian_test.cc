#include "daemon/custodian/identity_custodian.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <future>
#include <memory>
#include <mutex>
#include <string>
#include <utility>
#include <vector>

#include "absl/time/clock.h"
#include "daemon/custodian/identity_life.h"
#include "test/fakes/fake_key_backend.h"
#include "test/fakes/made_generation.h"
#include "test/support/pki.h"
#include "test/support/status_matchers.h"
#include "test/support/temp_dir.h"

namespace ddskey {
namespace {

using ::ddskey::test::StatusIs;
using ::testing::Contains;
using ::testing::ElementsAre;
using ::testing::HasSubstr;

constexpr auto kPrecondition = absl::StatusCode::kFailedPrecondition;
constexpr auto kDenied = absl::StatusCode::kPermissionDenied;
constexpr char kPolicy[] = R"(
rule { name: "admin" effect: ALLOW caller { uid: 0 } key: "*" operation: [IDENTITY_RENEW, IDENTITY_STATE] })";

// NotedAudit keeps "operation key outcome" of each record.
class NotedAudit final : public AuditLog {
 public:
  void Record(const AuditRecord& record) override {
    const std::lock_guard lock(mutex_);
    lines_.push_back(record.operation + " " + record.key + (record.outcome.ok() ? " allowed" : " refused"));
  }
  void Flush() override {}
  std::vector<std::string> Take() {
    const std::lock_guard lock(mutex_);
    return std::exchange(lines_, {});
  }

 private:
  std::mutex mutex_;
  std::vector<std::string> lines_;
};

Subject Root() { return {.uid = 0, .gid = 0, .groups = {}, .pid = 10, .start_time = 1}; }
Subject Stranger() { return {.uid = 1000, .gid = 1000, .groups = {}, .pid = 20, .start_time = 1}; }

// One identity, "talker", with a certificate, on a device that the test holds.
class IdentityCustodianTest : public ::testing::Test {
 protected:
  IdentityCustodianTest() {
    keys_ = *KeyStore::Open(dir_.File("keystore.db"));
    auto backend = std::make_unique<test::FakeKeyBackend>();
    device_ = backend.get();
    std::vector<BackendSet::Entry> entries;
    entries.push_back({"fake", *keys_->RegisterBackend("fake", "fake"), std::move(backend)});
    backends_ = std::make_unique<BackendSet>(std::move(entries));
    pool_ = std::make_unique<WorkerPool>(2);
    custodian_ = std::make_unique<IdentityCustodian>(IdentityCustodian::Parts{*pool_, *authorizer_, *keys_, *backends_,
                                                                              *validator_, changes_, book_,
                                                                              [this] { return absl::Now() + later_; }});
    KeyGeneration first = MakeKey(KeyPurpose::kHandshake);
    EXPECT_OK(keys_->CreateIdentity(name_, first));
    first_ = Certify(first.public_key, "talker");
    EXPECT_OK(keys_->InstallCertificate(name_, Talker()->current().uuid, first_, ca_.certificate()));
  }
  ~IdentityCustodianTest() override { pool_.reset(); }

  KeyGeneration MakeKey(KeyPurpose purpose) {
    return test::MadeGeneration(*device_, backends_->entries().front().uuid, purpose);
  }

  std::string Certify(const std::string& public_key, const std::string& name,
                      absl::Time not_after = absl::Now() + absl::Hours(24 * 365)) const {
    test::CertificateOptions options;
    options.subject = {{"O", "Lab"}, {"CN", name}};
    options.not_after = not_after;
    return ca_.Issue(public_key, options);
  }

  template <typename T, typename Method, typename... Arguments>
  absl::StatusOr<T> Wait(Method method, Arguments... arguments) {
    std::promise<absl::StatusOr<T>> promise;
    (custodian_.get()->*method)(std::move(arguments)...,
                                [&promise](absl::StatusOr<T> result) { promise.set_value(std::move(result)); });
    return promise.get_future().get();
  }
  absl::StatusOr<RenewalRequest> Renew(Renewal renewal, const Subject& caller = Root()) {
    return Wait<RenewalRequest>(&IdentityCustodian::Renew, caller, std::move(renewal));
  }
  absl::Status Complete(const std::string& chain, const Subject& caller = Root()) {
    return Wait<KeyDescription>(&IdentityCustodian::Complete, caller, "talker", chain).status();
  }
  absl::Status Abandon(const Subject& caller = Root()) {
    return Wait<KeyDescription>(&IdentityCustodian::Abandon, caller, "talker").status();
  }
  absl::Status RollBack(const Subject& caller = Root()) {
    return Wait<KeyDescription>(&IdentityCustodian::RollBack, caller, "talker").status();
  }
  absl::Status SetEnabled(bool enabled, const Subject& caller = Root()) {
    return Wait<KeyDescription>(&IdentityCustodian::SetEnabled, caller, "talker", enabled).status();
  }

  std::shared_ptr<const Identity> Talker() const { return *keys_->Find(name_); }

  // RenewWhole renews the identity and returns the new certificate.
  std::string RenewWhole() {
    EXPECT_OK(Renew({.name = "talker", .algorithm = "", .backend = ""}).status());
    const std::string certificate = Certify(Talker()->next()->public_key, "talker");
    EXPECT_OK(Complete(certificate));
    return certificate;
  }

  absl::Duration later_;
  const test::TempDir dir_;
  const KeyName name_ = *KeyName::Parse("talker");
  const test::TestCa ca_ = test::TestCa::Root("identity CA");
  NotedAudit audit_;
  std::unique_ptr<KeyStore> keys_;
  test::FakeKeyBackend* device_ = nullptr;
  std::unique_ptr<BackendSet> backends_;
  std::unique_ptr<Authorizer> authorizer_ = std::make_unique<Authorizer>(*Policy::Parse(kPolicy, "policy", {}), audit_);
  std::unique_ptr<CertificateValidator> validator_ = CertificateValidator::Create();
  ChangeNotice changes_;
  ParticipantBook book_{[](pid_t, uint64_t) { return true; }};
  std::unique_ptr<WorkerPool> pool_;
  std::unique_ptr<IdentityCustodian> custodian_;
  std::string first_;
};

TEST_F(IdentityCustodianTest, MakesTheNextKeyBesideTheCurrentOne) {
  ASSERT_OK_AND_ASSIGN(const RenewalRequest renewal, Renew({.name = "talker", .algorithm = "rsa-2048", .backend = ""}));
  EXPECT_THAT(renewal.csr_pem, HasSubstr("BEGIN CERTIFICATE REQUEST"));
  EXPECT_EQ(Talker()->current().certificate_chain, first_);
  ASSERT_NE(Talker()->next(), nullptr);
  EXPECT_EQ(Talker()->next()->algorithm, KeyAlgorithm::kRsa2048);
  EXPECT_EQ(renewal.key.generations.size(), 2U);
  EXPECT_THAT(audit_.Take(), ElementsAre("RenewIdentity talker allowed"));
}

TEST_F(IdentityCustodianTest, AKeyWhoseBindingToRegistersIsDamagedIsNotFollowedByOneWithout) {
  const KeyName name = *KeyName::Parse("bound");
  KeyGeneration damaged = MakeKey(KeyPurpose::kHandshake);
  damaged.blob = "DKP1" + damaged.blob;
  ASSERT_OK(keys_->CreateIdentity(name, damaged));
  ASSERT_OK(keys_->InstallCertificate(name, (*keys_->Find(name))->current().uuid, Certify(damaged.public_key, "bound"),
                                      ca_.certificate()));
  EXPECT_THAT(Renew({.name = "bound", .algorithm = "", .backend = "fake"}), StatusIs(absl::StatusCode::kDataLoss));
}

TEST_F(IdentityCustodianTest, AskedAgainAnswersForTheSameKey) {
  ASSERT_OK(Renew({.name = "talker", .algorithm = "", .backend = ""}).status());
  const std::string next = Talker()->next()->uuid;
  ASSERT_OK(Renew({.name = "talker", .algorithm = "", .backend = ""}).status());
  ASSERT_OK(Renew({.name = "talker", .algorithm = "ec-p256", .backend = "fake"}).status());
  EXPECT_EQ(Talker()->next()->uuid, next);
  EXPECT_THAT(Renew({.name = "talker", .algorithm = "rsa-2048", .backend = ""}),
              StatusIs(absl::StatusCode::kAlreadyExists, HasSubstr("--abandon")));
}

TEST_F(IdentityCustodianTest, RefusesToRenewWhatCannotBeRenewed) {
  EXPECT_THAT(Renew({.name = "ghost", .algorithm = "", .backend = ""}), StatusIs(absl::StatusCode::kNotFound));
  EXPECT_THAT(Renew({.name = "talker", .algorithm = "dsa", .backend = ""}),
              StatusIs(absl::StatusCode::kInvalidArgument, HasSubstr("algorithm")));
  EXPECT_THAT(Renew({.name = "talker", .algorithm = "", .backend = "other"}),
              StatusIs(absl::StatusCode::kNotFound, HasSubstr("backend")));
  ASSERT_OK(keys_->CreateIdentity(*KeyName::Parse("bare"), MakeKey(KeyPurpose::kHandshake)));
  EXPECT_THAT(Renew({.name = "bare", .algorithm = "", .backend = ""}),
              StatusIs(kPrecondition, HasSubstr("; see: ddskeyctl csr bare --subject /O=ORGANIZATION/CN=bare")));
  KeyGeneration derive = MakeKey(KeyPurpose::kHandshake);
  derive.purpose = KeyPurpose::kDerive;
  ASSERT_OK(keys_->CreateIdentity(*KeyName::Parse("derive"), derive));
  EXPECT_THAT(Renew({.name = "derive", .algorithm = "", .backend = ""}),
              StatusIs(kPrecondition, HasSubstr("deriving")));
  EXPECT_EQ(Talker()->generations.size(), 1U);
}

TEST_F(IdentityCustodianTest, ACertificatePutsTheNextKeyInForce) {
  const uint64_t before = changes_.revision();
  ASSERT_OK(Renew({.name = "talker", .algorithm = "", .backend = ""}).status());
  const std::string certificate = Certify(Talker()->next()->public_key, "talker");
  ASSERT_OK(Complete("text before\n" + certificate));
  EXPECT_EQ(Talker()->current().number, 2U);
  EXPECT_EQ(Talker()->current().certificate_chain, certificate);
  EXPECT_EQ(Talker()->generations.front().state, GenerationState::kOld);
  EXPECT_NE(changes_.revision(), before);
  // The answer was lost.
  const auto identity = Talker();
  EXPECT_OK(Complete(certificate));
  EXPECT_EQ(Talker(), identity);
  EXPECT_THAT(audit_.Take(), ElementsAre("RenewIdentity talker allowed", "CompleteRenewal talker allowed",
                                         "CompleteRenewal talker allowed"));
}

TEST_F(IdentityCustodianTest, RefusesCertificatesThatAreNotOfTheNextKeyOfThisIdentity) {
  EXPECT_THAT(Complete(Certify(test::TestKey::Generate().public_key(), "talker")),
              StatusIs(kPrecondition, HasSubstr("no next generation")));
  ASSERT_OK(Renew({.name = "talker", .algorithm = "", .backend = ""}).status());
  const std::string next = Talker()->next()->public_key;
  const auto before = Talker();
  EXPECT_THAT(Complete(first_), StatusIs(kPrecondition, HasSubstr("another key")));
  EXPECT_THAT(Complete(Certify(next, "listener")), StatusIs(kPrecondition, HasSubstr("is another identity")));
  EXPECT_THAT(Complete(Certify(next, "talker", absl::Now() - absl::Hours(1))),
              StatusIs(kPrecondition, HasSubstr("not good")));
  const test::TestCa other = test::TestCa::Root("identity CA");
  test::CertificateOptions options;
  options.subject = {{"O", "Lab"}, {"CN", "talker"}};
  EXPECT_THAT(Complete(other.Issue(next, options)), StatusIs(kPrecondition, HasSubstr("ddskeyctl trust add")));
  EXPECT_THAT(Complete("no certificate"), StatusIs(absl::StatusCode::kInvalidArgument));
  EXPECT_EQ(Talker(), before);
  ASSERT_OK(keys_->DeleteIdentity(name_));
  EXPECT_THAT(Complete(Certify(next, "talker")), StatusIs(absl::StatusCode::kNotFound));
}

TEST_F(IdentityCustodianTest, AnAbandonedKeyIsGone) {
  EXPECT_THAT(Abandon(), StatusIs(kPrecondition));
  ASSERT_OK(Renew({.name = "talker", .algorithm = "", .backend = ""}).status());
  const std::string next = Talker()->next()->public_key;
  ASSERT_OK(Abandon());
  EXPECT_EQ(Talker()->generations.size(), 1U);
  EXPECT_THAT(Complete(Certify(next, "talker")), StatusIs(kPrecondition));
}

TEST_F(IdentityCustodianTest, GoesBackToTheKeyBeforeWhileItsCertificateIsGood) {
  EXPECT_THAT(RollBack(), StatusIs(kPrecondition, HasSubstr("to go back to")));
  const std::string second = RenewWhole();
  ASSERT_OK(RollBack());
  EXPECT_EQ(Talker()->current().certificate_chain, first_);
  ASSERT_OK(RollBack());
  EXPECT_EQ(Talker()->current().certificate_chain, second);
  IdentityTrust trust = Talker()->trust;
  trust.revocation_lists = {{.issuer = "ca", .authority_key = "", .number = "1", .pem = ca_.Crl({first_})}};
  ASSERT_OK(keys_->SetTrust(name_, Talker(), trust));
  EXPECT_THAT(RollBack(), StatusIs(kPrecondition, HasSubstr("revoked")));
  later_ = absl::Hours(24 * 400);
  EXPECT_THAT(RollBack(), StatusIs(kPrecondition));
  EXPECT_EQ(Talker()->current().certificate_chain, second);
}

TEST_F(IdentityCustodianTest, DisablesAndEnablesAndBringsBackWhatWasDeleted) {
  const uint64_t before = changes_.revision();
  ASSERT_OK(SetEnabled(false));
  EXPECT_TRUE(Talker()->disabled);
  EXPECT_NE(changes_.revision(), before);
  ASSERT_OK(SetEnabled(false));
  ASSERT_OK(SetEnabled(true));
  EXPECT_FALSE(Talker()->disabled);
  ASSERT_OK(keys_->DeleteIdentity(name_));
  EXPECT_THAT(SetEnabled(false), StatusIs(absl::StatusCode::kNotFound));
  ASSERT_OK(SetEnabled(true));
  EXPECT_FALSE(Talker()->deleted);
  ASSERT_OK(keys_->PurgeIdentity(name_));
  EXPECT_THAT(SetEnabled(true), StatusIs(absl::StatusCode::kNotFound));
}

TEST_F(IdentityCustodianTest, RefusesWhoeverPolicyDoesNotAllow) {
  RenewWhole();
  audit_.Take();
  const auto before = Talker();
  EXPECT_THAT(Renew({.name = "talker", .algorithm = "", .backend = ""}, Stranger()),
              StatusIs(kDenied, HasSubstr("IDENTITY_RENEW")));
  EXPECT_THAT(Complete(first_, Stranger()), StatusIs(kDenied));
  EXPECT_THAT(Abandon(Stranger()), StatusIs(kDenied));
  EXPECT_THAT(RollBack(Stranger()), StatusIs(kDenied));
  EXPECT_THAT(SetEnabled(false, Stranger()), StatusIs(kDenied, HasSubstr("IDENTITY_STATE")));
  EXPECT_EQ(Talker(), before);
  EXPECT_THAT(audit_.Take(), ElementsAre("RenewIdentity talker refused", "CompleteRenewal talker refused",
                                         "AbandonRenewal talker refused", "RollBackIdentity talker refused",
                                         "DisableIdentity talker refused"));
}

TEST_F(IdentityCustodianTest, AnOldKeyStaysUntilItsParticipantsAreGone) {
  const std::string old = Talker()->current().uuid;
  book_.Note(Stranger(), Guid{1}, old);
  RenewWhole();
  later_ = kReplacedStays + absl::Minutes(11);
  custodian_->RetireOld();
  EXPECT_EQ(Talker()->generations.size(), 2U);

  ParticipantBook empty([](pid_t, uint64_t) { return true; });
  const IdentityCustodian::Parts parts = {*pool_,      *authorizer_, *keys_, *backends_,
                                          *validator_, changes_,     empty,  [this] { return absl::Now() + later_; }};
  later_ = absl::ZeroDuration();
  IdentityCustodian later(parts);
  later_ = kReplacedStays - absl::Minutes(1);
  later.RetireOld();
  EXPECT_EQ(Talker()->generations.size(), 2U) << "there is time to go back to it";
  later_ = kReplacedStays + absl::Minutes(1);
  IdentityCustodian restarted(parts);
  restarted.RetireOld();
  EXPECT_EQ(Talker()->generations.size(), 2U) << "participants may still come back";
  audit_.Take();
  later.RetireOld();
  EXPECT_EQ(Talker()->generations.size(), 1U);
  EXPECT_THAT(audit_.Take(), Contains("RetireGeneration talker allowed"));
}

TEST_F(IdentityCustodianTest, AnOldKeyWhoseCertificateHasExpiredGoes) {
  const std::string old = Talker()->current().uuid;
  book_.Note(Stranger(), Guid{1}, old);
  RenewWhole();
  later_ = absl::Hours(24 * 366);
  custodian_->RetireOld();
  EXPECT_EQ(Talker()->generations.size(), 1U);
}

}  // namespace
}  // namespace ddskey
