// Keys that come from elsewhere, and key files that leave: what the keystore says of them.

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <future>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "absl/time/clock.h"
#include "daemon/custodian/key_custodian.h"
#include "test/fakes/fake_key_backend.h"
#include "test/fakes/made_generation.h"
#include "test/support/status_matchers.h"
#include "test/support/temp_dir.h"

namespace ddskey {
namespace {

using ::ddskey::test::IsOk;
using ::ddskey::test::StatusIs;
using ::testing::HasSubstr;
using ::testing::StartsWith;

constexpr char kPolicy[] = R"(
rule { name: "admin" effect: ALLOW caller { uid: 0 } key: "*" operation: [KEY_IMPORT, KEY_EXPORT] })";

class NoAudit final : public AuditLog {
 public:
  void Record(const AuditRecord&) override {}
  void Flush() override {}
};

// HeldBackend has work of the test's choosing done: it keeps whom to tell.
class HeldBackend final : public test::FakeKeyBackend {
 public:
  WorkId SubmitImport(ForeignKey, KeyPurpose, WorkOptions, CreateDone done) override {
    imports.Put(std::move(done));
    return 0;
  }
  WorkId SubmitExport(SealedKey, std::shared_ptr<const SecretBytes>, WorkOptions, ExportDone done) override {
    exports.Put(std::move(done));
    return 0;
  }

  // Slot hands one value over to another thread.
  template <typename T>
  class Slot {
   public:
    void Put(T value) { promise_.set_value(std::move(value)); }
    T Take() {
      T value = promise_.get_future().get();
      promise_ = {};
      return value;
    }

   private:
    std::promise<T> promise_;
  };
  Slot<CreateDone> imports;
  Slot<ExportDone> exports;
};

class KeyFileCustodianTest : public ::testing::Test {
 protected:
  KeyFileCustodianTest() {
    auto backend = std::make_unique<HeldBackend>();
    device_ = backend.get();
    std::vector<BackendSet::Entry> entries;
    entries.push_back({"fake", *keys_->RegisterBackend("fake", "fake"), std::move(backend)});
    backends_ = std::make_unique<BackendSet>(std::move(entries));
    pool_ = std::make_unique<WorkerPool>(2);
    custodian_ = std::make_unique<KeyCustodian>(KeyCustodian::Parts{
        *pool_, authorizer_, *keys_, *backends_, *validator_, changes_, [] { return absl::Now(); }, book_});
    EXPECT_OK(keys_->CreateIdentity(talker_, MakeKey()));
  }
  ~KeyFileCustodianTest() override { pool_.reset(); }

  KeyGeneration MakeKey() { return test::MadeGeneration(*device_, backends_->entries().front().uuid); }
  KeyGeneration Talker() const { return (*keys_->Find(talker_))->current(); }

  std::future<absl::StatusOr<std::string>> Export() {
    auto promise = std::make_shared<std::promise<absl::StatusOr<std::string>>>();
    custodian_->Export(Root(), "talker", nullptr, [this, promise](absl::StatusOr<std::string> file) {
      marked_when_told_ = Talker().left_custody;
      promise->set_value(std::move(file));
    });
    return promise->get_future();
  }
  std::future<absl::StatusOr<KeyDescription>> Import(const std::string& name) {
    auto promise = std::make_shared<std::promise<absl::StatusOr<KeyDescription>>>();
    custodian_->Import(Root(), {.name = name, .backend = "", .purpose = "", .key = {}},
                       [promise](absl::StatusOr<KeyDescription> key) { promise->set_value(std::move(key)); });
    return promise->get_future();
  }
  static Subject Root() { return {.uid = 0, .gid = 0, .groups = {}, .pid = 10, .start_time = 1}; }

  const KeyName talker_ = *KeyName::Parse("talker");
  const test::TempDir dir_;
  const std::unique_ptr<KeyStore> keys_ = *KeyStore::Open(dir_.File("keystore.db"));
  const std::unique_ptr<CertificateValidator> validator_ = CertificateValidator::Create();
  NoAudit audit_;
  Authorizer authorizer_{*Policy::Parse(kPolicy, "policy", {}), audit_};
  ChangeNotice changes_;
  ParticipantBook book_{[](pid_t, uint64_t) { return true; }};
  HeldBackend* device_ = nullptr;
  std::unique_ptr<BackendSet> backends_;
  std::unique_ptr<WorkerPool> pool_;
  std::unique_ptr<KeyCustodian> custodian_;
  bool marked_when_told_ = false;
};

TEST_F(KeyFileCustodianTest, S12MarksAKeyBeforeItsFileIsGivenOut) {
  auto file = Export();
  device_->exports.Take()(std::string("\x30\x00", 2));
  ASSERT_OK_AND_ASSIGN(const std::string pem, file.get());
  EXPECT_THAT(pem, StartsWith("-----BEGIN TSS2 PRIVATE KEY-----\nMAA=\n"));
  EXPECT_TRUE(marked_when_told_);
}

TEST_F(KeyFileCustodianTest, S12GivesNoFileOutThatItCannotMark) {
  auto file = Export();
  const auto done = device_->exports.Take();
  ASSERT_OK(keys_->DeleteIdentity(talker_));
  done(std::string("\x30\x00", 2));
  EXPECT_THAT(file.get(), StatusIs(absl::StatusCode::kAborted));
  EXPECT_FALSE(Talker().left_custody);
}

TEST_F(KeyFileCustodianTest, AFileThatWasNotMadeMarksNothing) {
  auto file = Export();
  device_->exports.Take()(absl::UnavailableError("the device is away"));
  EXPECT_THAT(file.get(), StatusIs(absl::StatusCode::kUnavailable));
  EXPECT_FALSE(Talker().left_custody);
}

TEST_F(KeyFileCustodianTest, S12OfTwoImportsOfOneKeyAtOnceOneIsRefused) {
  const KeyGeneration made = MakeKey();
  const SealedKey sealed = {made.algorithm, made.purpose, made.blob, made.public_key};
  auto first = Import("first");
  const auto first_done = device_->imports.Take();
  auto second = Import("second");
  const auto second_done = device_->imports.Take();
  first_done(sealed);
  second_done(sealed);
  const auto one = first.get();
  const auto other = second.get();
  EXPECT_NE(one.ok(), other.ok());
  EXPECT_THAT(one.ok() ? other : one, StatusIs(absl::StatusCode::kAlreadyExists, HasSubstr("this key is in")));
  const auto kept = keys_->Find(*KeyName::Parse(one.ok() ? "first" : "second"));
  ASSERT_THAT(kept, IsOk());
  EXPECT_TRUE((*kept)->current().imported);
}

TEST_F(KeyFileCustodianTest, S12TakesNoKeyThatIsKeptUnderAnOldGenerationOrADeletedName) {
  const KeyGeneration old = Talker();
  Identity renewed = **keys_->Find(talker_);
  renewed.generations.front().state = GenerationState::kOld;
  renewed.generations.front().replaced = absl::Now();
  renewed.generations.push_back(MakeKey());
  renewed.generations.back().number = 2;
  ASSERT_OK(keys_->ReplaceIdentity(*keys_->Find(talker_), renewed));
  ASSERT_OK(keys_->DeleteIdentity(talker_));
  auto again = Import("again");
  device_->imports.Take()(SealedKey{old.algorithm, old.purpose, old.blob, old.public_key});
  EXPECT_THAT(again.get(), StatusIs(absl::StatusCode::kAlreadyExists, HasSubstr("not purged")));
}

}  // namespace
}  // namespace ddskey
