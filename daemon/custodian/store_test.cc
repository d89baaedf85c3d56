// The keystore as a whole: whether its keys work, and copies of it.

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <future>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "absl/time/clock.h"
#include "daemon/custodian/backup_custodian.h"
#include "daemon/custodian/identity_life.h"
#include "daemon/custodian/store_checker.h"
#include "test/fakes/fake_key_backend.h"
#include "test/fakes/made_generation.h"
#include "test/support/pki.h"
#include "test/support/status_matchers.h"
#include "test/support/temp_dir.h"

namespace ddskey {
namespace {

using ::ddskey::test::StatusIs;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::SizeIs;

constexpr auto kDenied = absl::StatusCode::kPermissionDenied;
constexpr auto kInvalid = absl::StatusCode::kInvalidArgument;
constexpr char kPolicy[] = R"(
rule { name: "admin" effect: ALLOW caller { uid: 0 } key: "*" operation: [STORE_CHECK, BACKUP, RESTORE] })";

class NoAudit final : public AuditLog {
 public:
  void Record(const AuditRecord&) override {}
  void Flush() override {}
};

Subject Root() { return {.uid = 0, .gid = 0, .groups = {}, .pid = 10, .start_time = 1}; }
Subject Stranger() { return {.uid = 1000, .gid = 1000, .groups = {}, .pid = 20, .start_time = 1}; }

// SigningBackend notes what it was asked to sign.
class SigningBackend final : public test::FakeKeyBackend {
 public:
  WorkId SubmitSign(SealedKey key, SignatureScheme scheme, std::string digest, WorkOptions options,
                    SignDone done) override {
    digests.push_back(digest);
    return FakeKeyBackend::SubmitSign(std::move(key), scheme, std::move(digest), std::move(options), std::move(done));
  }
  std::vector<std::string> digests;
};

class StoreTest : public ::testing::Test {
 protected:
  StoreTest() {
    auto backend = std::make_unique<SigningBackend>();
    device_ = backend.get();
    std::vector<BackendSet::Entry> entries;
    entries.push_back({"fake", *keys_->RegisterBackend("fake", "fake"), std::move(backend)});
    backends_ = std::make_unique<BackendSet>(std::move(entries));
    pool_ = std::make_unique<WorkerPool>(2);
    checker_ = std::make_unique<StoreChecker>(StoreChecker::Parts{*pool_, authorizer_, *keys_, *backends_, *validator_,
                                                                  [this] { return absl::Now() + later_; }});
    backup_ = std::make_unique<BackupCustodian>(BackupCustodian::Parts{*pool_, authorizer_, *keys_});
    Add("talker", KeyPurpose::kHandshake);
  }
  ~StoreTest() override { pool_.reset(); }

  KeyGeneration MakeKey(KeyPurpose purpose) {
    return test::MadeGeneration(*device_, backends_->entries().front().uuid, purpose);
  }

  // Add makes an identity with a certificate.
  void Add(const std::string& name, KeyPurpose purpose) {
    const KeyGeneration key = MakeKey(purpose);
    ASSERT_OK(keys_->CreateIdentity(*KeyName::Parse(name), key));
    const std::string uuid = Find(name)->current().uuid;
    ASSERT_OK(keys_->InstallCertificate(*KeyName::Parse(name), uuid, ca_.Issue(key.public_key), ca_.certificate()));
  }
  std::shared_ptr<const Identity> Find(const std::string& name) const { return *keys_->Find(*KeyName::Parse(name)); }

  absl::StatusOr<std::vector<KeyCheck>> Check(const std::string& name, const Subject& caller = Root()) {
    std::promise<absl::StatusOr<std::vector<KeyCheck>>> promise;
    checker_->CheckIdentity(caller, name,
                            [&](absl::StatusOr<std::vector<KeyCheck>> done) { promise.set_value(std::move(done)); });
    return promise.get_future().get();
  }
  absl::StatusOr<std::vector<std::string>> CheckStore(const Subject& caller = Root()) {
    std::promise<absl::StatusOr<std::vector<std::string>>> promise;
    checker_->CheckStore(caller,
                         [&](absl::StatusOr<std::vector<std::string>> done) { promise.set_value(std::move(done)); });
    return promise.get_future().get();
  }
  absl::StatusOr<std::shared_ptr<const Snapshot>> Read(uint64_t snapshot, const Subject& caller = Root()) {
    std::promise<absl::StatusOr<std::shared_ptr<const Snapshot>>> promise;
    backup_->Read(caller, snapshot,
                  [&](absl::StatusOr<std::shared_ptr<const Snapshot>> done) { promise.set_value(std::move(done)); });
    return promise.get_future().get();
  }
  // Restore adds `identity` with generations that were made by a backend of this name and kind.
  absl::Status Restore(const Identity& identity, const std::pair<std::string, std::string>& backend = {"fake", "fake"},
                       const Subject& caller = Root()) {
    const std::vector<StoredBackend> backends(identity.generations.size(),
                                              {.uuid = "", .name = backend.first, .kind = backend.second});
    std::promise<absl::Status> promise;
    backup_->Restore(caller, identity.name.text(), identity, backends,
                     [&](const absl::Status& done) { promise.set_value(done); });
    return promise.get_future().get();
  }

  absl::Duration later_;
  const test::TempDir dir_;
  const test::TestCa ca_ = test::TestCa::Root("identity CA");
  NoAudit audit_;
  std::unique_ptr<KeyStore> keys_ = *KeyStore::Open(dir_.File("keystore.db"));
  SigningBackend* device_ = nullptr;
  std::unique_ptr<BackendSet> backends_;
  Authorizer authorizer_{*Policy::Parse(kPolicy, "policy", {}), audit_};
  std::unique_ptr<CertificateValidator> validator_ = CertificateValidator::Create();
  std::unique_ptr<WorkerPool> pool_;
  std::unique_ptr<StoreChecker> checker_;
  std::unique_ptr<BackupCustodian> backup_;
};

TEST_F(StoreTest, S1EachKeySignsSomethingElseEachTimeThatNobodyChose) {
  for (int i = 0; i < 2; ++i) {
    ASSERT_OK_AND_ASSIGN(const auto checks, Check("talker"));
    ASSERT_THAT(checks, SizeIs(1));
    EXPECT_TRUE(checks[0].good) << checks[0].problem;
    EXPECT_EQ(checks[0].problem, "");
  }
  ASSERT_THAT(device_->digests, SizeIs(2));
  EXPECT_NE(device_->digests[0], device_->digests[1]);
  EXPECT_THAT(CheckStore(), test::IsOkAndHolds(ElementsAre("talker")));
}

TEST_F(StoreTest, SaysOfAKeyThatDoesNotLoadHowToComeByAnother) {
  Identity changed = *Find("talker");
  changed.generations.front().blob = "sealed by another device";
  ASSERT_OK(keys_->ReplaceIdentity(Find("talker"), changed));
  ASSERT_OK_AND_ASSIGN(const auto checks, Check("talker"));
  EXPECT_FALSE(checks[0].good);
  EXPECT_THAT(checks[0].problem, HasSubstr("cannot be used"));
  EXPECT_EQ(checks[0].fix, "ddskeyctl identity renew talker");
  device_->FailNext(absl::UnavailableError("the device is away"));
  ASSERT_OK_AND_ASSIGN(const auto away, Check("talker"));
  EXPECT_THAT(away[0].fix, HasSubstr("bring its backend back"));
}

TEST_F(StoreTest, SaysOfAKeyWhoseBackendIsGoneWhatToDo) {
  KeyGeneration key = MakeKey(KeyPurpose::kHandshake);
  key.blob = "sealed by another device";
  ASSERT_OK_AND_ASSIGN(key.backend_uuid, keys_->RegisterBackend("tpm", "tpm2"));
  ASSERT_OK(keys_->CreateIdentity(*KeyName::Parse("listener"), key));
  ASSERT_OK_AND_ASSIGN(const auto checks, Check("listener"));
  EXPECT_FALSE(checks[0].good);
  EXPECT_THAT(checks[0].problem, HasSubstr("not configured"));
  EXPECT_THAT(checks[0].fix, HasSubstr("identity delete listener --purge"));
}

TEST_F(StoreTest, SaysOfCertificatesThatDoNotFitOrAreNotGood) {
  const std::string uuid = Find("talker")->current().uuid;
  const KeyName name = *KeyName::Parse("talker");
  later_ = absl::Hours(24 * 4000);
  ASSERT_OK_AND_ASSIGN(auto checks, Check("talker"));
  EXPECT_FALSE(checks[0].good);
  EXPECT_THAT(checks[0].problem, HasSubstr("not good now"));
  EXPECT_EQ(checks[0].fix, "ddskeyctl identity renew talker");
  later_ = absl::ZeroDuration();
  ASSERT_OK(keys_->InstallCertificate(name, uuid, ca_.Issue(test::TestKey::Generate().public_key()), ""));
  ASSERT_OK_AND_ASSIGN(checks, Check("talker"));
  EXPECT_FALSE(checks[0].good);
  EXPECT_THAT(checks[0].problem, HasSubstr("not one of this key"));
  EXPECT_THAT(checks[0].fix, HasSubstr("cert install talker"));
}

TEST_F(StoreTest, ChecksEveryGenerationByWhatItIsFor) {
  KeyGeneration next = MakeKey(KeyPurpose::kHandshake);
  next.uuid = "second";
  const Identity renewed = *Switched(*WithNext(*Find("talker"), next), ca_.Issue(next.public_key), absl::Now());
  KeyGeneration third = MakeKey(KeyPurpose::kHandshake);
  third.uuid = "third";
  ASSERT_OK(keys_->ReplaceIdentity(Find("talker"), *WithNext(renewed, third)));
  ASSERT_OK_AND_ASSIGN(const auto checks, Check("talker"));
  ASSERT_THAT(checks, SizeIs(3));
  for (const KeyCheck& check : checks) EXPECT_TRUE(check.good) << check.number << check.problem;
  EXPECT_EQ(checks[0].state, GenerationState::kOld);
  EXPECT_EQ(checks[2].problem, "it has no certificate yet");
  EXPECT_EQ(checks[2].fix, "ddskeyctl identity renew talker");
}

TEST_F(StoreTest, SaysOfAKeyWithoutACertificateHowToComeByOne) {
  ASSERT_OK(keys_->CreateIdentity(*KeyName::Parse("bare"), MakeKey(KeyPurpose::kHandshake)));
  ASSERT_OK_AND_ASSIGN(const auto checks, Check("bare"));
  ASSERT_THAT(checks, SizeIs(1));
  EXPECT_EQ(checks[0].fix, "ddskeyctl csr bare --subject /O=ORGANIZATION/CN=bare");
}

TEST_F(StoreTest, TellsRootThatItNeedsARule) {
  authorizer_.Replace(*Policy::Parse("", "policy", {}));
  EXPECT_THAT(Check("talker", Root()), StatusIs(kDenied, HasSubstr("root needs a rule in it")));
  EXPECT_THAT(Check("talker", Stranger()), StatusIs(kDenied, HasSubstr("administration needs root or a rule")));
}

TEST_F(StoreTest, RefusesWhoeverPolicyDoesNotAllow) {
  EXPECT_THAT(Check("talker", Stranger()), StatusIs(kDenied, HasSubstr("STORE_CHECK")));
  EXPECT_THAT(CheckStore(Stranger()), StatusIs(kDenied));
  EXPECT_THAT(Read(0, Stranger()), StatusIs(kDenied, HasSubstr("BACKUP")));
  EXPECT_THAT(Restore(*Find("talker"), {"fake", "fake"}, Stranger()), StatusIs(kDenied, HasSubstr("RESTORE")));
  EXPECT_TRUE(device_->digests.empty());
  EXPECT_THAT(Check("ghost"), StatusIs(absl::StatusCode::kNotFound));
}

TEST_F(StoreTest, ACopyStaysAsItWasWhileTheKeystoreChanges) {
  ASSERT_OK_AND_ASSIGN(const auto first, Read(0));
  ASSERT_OK(keys_->PurgeIdentity(*KeyName::Parse("talker")));
  ASSERT_OK_AND_ASSIGN(const auto again, Read(first->id));
  EXPECT_EQ(again, first);
  ASSERT_THAT(again->identities, SizeIs(1));
  EXPECT_EQ(again->backends.front().kind, "fake");
  for (int i = 0; i < 4; ++i) ASSERT_OK(Read(0).status());
  EXPECT_THAT(Read(first->id), StatusIs(absl::StatusCode::kAborted, HasSubstr("begin again")));
}

TEST_F(StoreTest, RestoresAnIdentityWithItsKeysWhereTheNameIsFree) {
  const Identity before = *Find("talker");
  EXPECT_THAT(Restore(before), StatusIs(absl::StatusCode::kAlreadyExists));
  ASSERT_OK(keys_->PurgeIdentity(before.name));
  ASSERT_OK(Restore(before));
  EXPECT_EQ(Find("talker")->uuid, before.uuid);
  EXPECT_EQ(Find("talker")->current().backend_uuid, before.current().backend_uuid);
  ASSERT_OK_AND_ASSIGN(const auto checks, Check("talker"));
  EXPECT_TRUE(checks[0].good);
  Identity lost = before;
  lost.generations.front().blob = "sealed by another device";
  ASSERT_OK(keys_->PurgeIdentity(before.name));
  EXPECT_THAT(Restore(lost, {"tpm", "tpm2"}), test::IsOk());
  ASSERT_OK_AND_ASSIGN(const auto foreign, Check("talker"));
  EXPECT_FALSE(foreign[0].good);
}

TEST_F(StoreTest, FindsRestoredKeysByTheirDeviceWhateverItsBackendWasCalled) {
  const Identity before = *Find("talker");
  const std::string here = before.current().backend_uuid;
  // The last one had lost its name to one of another kind where it comes from.
  for (const auto& [name, kind] : {std::pair("tpm", "fake"), {"fake", "tpm2"}, {"fake (tpm2)", "tpm2"}}) {
    ASSERT_OK(keys_->PurgeIdentity(before.name));
    ASSERT_OK(Restore(before, {name, kind})) << name;
    EXPECT_NE(Find("talker")->current().backend_uuid, here);
    ASSERT_OK_AND_ASSIGN(const auto checks, Check("talker"));
    EXPECT_TRUE(checks[0].good) << checks[0].problem;
  }
  // What has the name here keeps it.
  EXPECT_THAT(keys_->RegisterBackend("fake", "fake"), test::IsOkAndHolds(here));
  ASSERT_OK(keys_->PurgeIdentity(before.name));
  EXPECT_THAT(Restore(before, {"fake (software)", "tpm2"}), StatusIs(kInvalid));
}

TEST_F(StoreTest, S1RestoresNoKeyThatIsKeptUnderAnotherName) {
  Identity other = *Find("talker");
  other.name = *KeyName::Parse("other");
  other.uuid = "another identity";
  other.generations.front().uuid = "another key";
  EXPECT_THAT(Restore(other), StatusIs(kInvalid, HasSubstr("under the name \"talker\"")));
  ASSERT_OK(keys_->DeleteIdentity(*KeyName::Parse("talker")));
  EXPECT_THAT(Restore(other), StatusIs(kInvalid, HasSubstr("not purged")));
  ASSERT_OK(keys_->PurgeIdentity(*KeyName::Parse("talker")));
  EXPECT_OK(Restore(other));
}

TEST_F(StoreTest, RestoresNothingThatDoesNotFitTogether) {
  const Identity good = *Find("talker");
  ASSERT_OK(keys_->PurgeIdentity(good.name));
  std::vector<Identity> wrong(6, good);
  wrong[0].generations.clear();
  wrong[1].generations.front().state = GenerationState::kOld;
  wrong[2].generations.front().certificate_chain = ca_.Issue(test::TestKey::Generate().public_key());
  wrong[3].generations.push_back(good.generations.front());
  wrong[4].uuid.clear();
  wrong[5].trust.anchors = "no CA";
  for (size_t i = 0; i < wrong.size(); ++i) EXPECT_THAT(Restore(wrong[i]), StatusIs(kInvalid)) << i;
  // S-1: a key does not change what it is for.
  Identity mixed = good;
  mixed.generations.push_back(MakeKey(KeyPurpose::kDigest));
  mixed.generations.back().number = 2;
  mixed.generations.back().uuid = "other";
  mixed.generations.back().state = GenerationState::kOld;
  EXPECT_THAT(Restore(mixed), StatusIs(kInvalid, HasSubstr("one purpose")));
  EXPECT_THAT(Restore(good, {"tpm", "Not A Kind"}), StatusIs(kInvalid));
  EXPECT_TRUE(keys_->List().empty());
}

}  // namespace
}  // namespace ddskey
