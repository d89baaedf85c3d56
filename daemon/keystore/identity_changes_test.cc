// Generations of identities: another one beside the current, one transaction that switches, and whole identities.

#include <gtest/gtest.h>

#include <memory>
#include <string>
#include <vector>

#include "daemon/keystore/key_store.h"
#include "test/support/status_matchers.h"
#include "test/support/temp_dir.h"

namespace ddskey {
namespace {

using test::StatusIs;
using ::testing::HasSubstr;
using ::testing::Not;

constexpr auto kInvalid = absl::StatusCode::kInvalidArgument;
constexpr auto kAborted = absl::StatusCode::kAborted;

const absl::Time kReplaced = absl::FromUnixMicros(1'700'000'001'000'002);

class IdentityChangesTest : public testing::Test {
 protected:
  void SetUp() override {
    Reopen();
    ASSERT_OK(store_->CreateIdentity(name_, Generation("u-1", 1, GenerationState::kCurrent)));
  }

  void Reopen() {
    store_.reset();
    auto opened = KeyStore::Open(path_);
    ASSERT_TRUE(opened.ok()) << opened.status();
    store_ = *std::move(opened);
    backend_ = *store_->RegisterBackend("software", "software");
  }

  KeyGeneration Generation(const std::string& uuid, uint32_t number, GenerationState state) const {
    KeyGeneration generation;
    generation.uuid = uuid;
    generation.number = number;
    generation.state = state;
    generation.backend_uuid = backend_;
    generation.blob = "sealed octets of " + uuid;
    generation.public_key = uuid;
    generation.created = absl::FromUnixMicros(1'700'000'000'123'456);
    if (state == GenerationState::kOld) generation.replaced = kReplaced;
    return generation;
  }

  std::shared_ptr<const Identity> Talker() const { return *store_->Find(name_); }

  const test::TempDir dir_;
  const std::string path_ = dir_.File("keystore.db");
  const KeyName name_ = *KeyName::Parse("talker");
  std::unique_ptr<KeyStore> store_;
  std::string backend_;
};

TEST_F(IdentityChangesTest, SwitchesGenerationsInOneChangeAndKeepsTheNameOfTheIdentity) {
  ASSERT_OK(store_->InstallCertificate(name_, "u-1", "first", "anchors"));
  IdentityTrust trust = Talker()->trust;
  trust.ocsp_response = "of the first";
  ASSERT_OK(store_->SetTrust(name_, Talker(), trust));
  Identity changed = *Talker();
  changed.generations.push_back(Generation("u-2", 2, GenerationState::kNext));
  ASSERT_OK(store_->ReplaceIdentity(Talker(), changed));
  EXPECT_EQ(Talker()->trust.ocsp_response, "of the first");
  EXPECT_EQ(Talker()->current().uuid, "u-1");
  ASSERT_NE(Talker()->next(), nullptr);
  EXPECT_EQ(Talker()->next()->uuid, "u-2");

  changed = *Talker();
  changed.generations[0].state = GenerationState::kOld;
  changed.generations[0].replaced = kReplaced;
  changed.generations[1].state = GenerationState::kCurrent;
  changed.generations[1].certificate_chain = "second";
  ASSERT_OK(store_->ReplaceIdentity(Talker(), changed));
  for (int i = 0; i < 2; ++i) {
    EXPECT_EQ(Talker()->uuid, "u-1");
    EXPECT_EQ(Talker()->current().uuid, "u-2");
    EXPECT_EQ(Talker()->current().certificate_chain, "second");
    EXPECT_EQ(Talker()->current().replaced, absl::InfinitePast());
    EXPECT_EQ(Talker()->next(), nullptr);
    EXPECT_EQ(Talker()->generations[0].state, GenerationState::kOld);
    EXPECT_EQ(Talker()->generations[0].replaced, kReplaced);
    EXPECT_EQ(Talker()->generations[0].certificate_chain, "first");
    EXPECT_EQ(Talker()->trust.anchors, "anchors");
    EXPECT_EQ(Talker()->trust.ocsp_response, "");
    Reopen();
  }
}

TEST_F(IdentityChangesTest, S12RemembersWhichKeysWereImportedAndWhichLeftCustody) {
  Identity changed = *Talker();
  changed.generations.push_back(Generation("u-2", 2, GenerationState::kNext));
  changed.generations[0].left_custody = true;
  changed.generations[1].imported = true;
  ASSERT_OK(store_->ReplaceIdentity(Talker(), changed));
  for (int i = 0; i < 2; ++i) {
    EXPECT_TRUE(Talker()->generations[0].left_custody);
    EXPECT_FALSE(Talker()->generations[0].imported);
    EXPECT_FALSE(Talker()->generations[1].left_custody);
    EXPECT_TRUE(Talker()->generations[1].imported);
    Reopen();
  }
}

TEST_F(IdentityChangesTest, MakesAUuidForAnotherGenerationWhereThereIsNone) {
  ASSERT_OK(store_->CreateIdentity(*KeyName::Parse("listener"), Generation("", 1, GenerationState::kCurrent)));
  for (const char* name : {"talker", "listener"}) {
    const auto before = *store_->Find(*KeyName::Parse(name));
    Identity changed = *before;
    changed.generations.push_back(Generation("", 2, GenerationState::kNext));
    ASSERT_OK(store_->ReplaceIdentity(before, changed));
    EXPECT_EQ((*store_->Find(*KeyName::Parse(name)))->next()->uuid.size(), 36U);
  }
}

TEST_F(IdentityChangesTest, ErasesAGenerationThatGoesAndKeepsTheNameOfTheIdentity) {
  Identity changed = *Talker();
  changed.generations = {Generation("u-2", 2, GenerationState::kCurrent)};
  ASSERT_OK(store_->ReplaceIdentity(Talker(), changed));
  EXPECT_THAT(test::ReadFile(path_), Not(HasSubstr("sealed octets of u-1")));
  Reopen();
  EXPECT_EQ(Talker()->uuid, "u-1");
  EXPECT_EQ(Talker()->generations.size(), 1U);
}

TEST_F(IdentityChangesTest, KeepsWhetherAnIdentityIsDisabledOrDeleted) {
  for (const bool on : {true, false}) {
    Identity changed = *Talker();
    changed.disabled = on;
    changed.deleted = on;
    ASSERT_OK(store_->ReplaceIdentity(Talker(), changed));
    EXPECT_EQ(Talker()->disabled, on);
    Reopen();
    EXPECT_EQ(Talker()->disabled, on);
    EXPECT_EQ(Talker()->deleted, on);
  }
}

TEST_F(IdentityChangesTest, LosesNoneOfTwoChanges) {
  const auto before = Talker();
  Identity changed = *before;
  changed.disabled = true;
  ASSERT_OK(store_->ReplaceIdentity(before, changed));
  changed.disabled = false;
  EXPECT_THAT(store_->ReplaceIdentity(before, changed), StatusIs(kAborted));
  EXPECT_TRUE(Talker()->disabled);
  ASSERT_OK(store_->PurgeIdentity(name_));
  EXPECT_THAT(store_->ReplaceIdentity(before, changed), StatusIs(kAborted));
}

TEST_F(IdentityChangesTest, RefusesGenerationsThatAreNotInOrder) {
  const KeyGeneration current = Generation("u-1", 1, GenerationState::kCurrent);
  const KeyGeneration next = Generation("u-2", 2, GenerationState::kNext);
  KeyGeneration strange = Generation("u-3", 3, GenerationState::kOld);
  strange.state = static_cast<GenerationState>(9);
  KeyGeneration unknown = Generation("u-3", 3, GenerationState::kOld);
  unknown.algorithm = static_cast<KeyAlgorithm>(99);
  KeyGeneration same_number = next;
  same_number.number = 1;
  KeyGeneration same_uuid = next;
  same_uuid.uuid = "u-1";
  KeyGeneration second_next = Generation("u-3", 3, GenerationState::kNext);
  KeyGeneration second_current = Generation("u-3", 3, GenerationState::kCurrent);
  const std::vector<std::vector<KeyGeneration>> wrong = {{},
                                                         {next},
                                                         {current, strange},
                                                         {current, unknown},
                                                         {current, same_number},
                                                         {current, same_uuid},
                                                         {current, next, second_next},
                                                         {current, second_current}};
  for (const auto& generations : wrong) {
    Identity changed = *Talker();
    changed.generations = generations;
    EXPECT_THAT(store_->ReplaceIdentity(Talker(), changed), StatusIs(kInvalid));
    changed.name = *KeyName::Parse("other");
    EXPECT_THAT(store_->AddIdentity(changed), StatusIs(kInvalid));
  }
  Reopen();
  EXPECT_EQ(store_->List().size(), 1U);
  EXPECT_EQ(Talker()->generations.size(), 1U);
}

TEST_F(IdentityChangesTest, AddsAWholeIdentity) {
  Identity whole = {
      .name = *KeyName::Parse("listener"),
      .deleted = false,
      .generations = {Generation("l-1", 3, GenerationState::kOld), Generation("l-2", 5, GenerationState::kCurrent),
                      Generation("l-3", 6, GenerationState::kNext)},
      .trust = {},
      .uuid = "l-0",
      .disabled = true};
  whole.trust.anchors = "anchors";
  whole.trust.revocation_lists = {{"issuer", "key", "1", "list"}};
  whole.trust.options.key_usage = Strictness::kRequire;
  ASSERT_OK(store_->AddIdentity(whole));
  EXPECT_THAT(store_->AddIdentity(whole), StatusIs(absl::StatusCode::kAlreadyExists));
  Reopen();
  ASSERT_OK_AND_ASSIGN(const auto found, store_->Find(whole.name));
  EXPECT_EQ(found->uuid, "l-0");
  EXPECT_TRUE(found->disabled);
  ASSERT_EQ(found->generations.size(), 3U);
  EXPECT_EQ(found->current().number, 5U);
  EXPECT_EQ(found->next()->blob, "sealed octets of l-3");
  EXPECT_EQ(found->trust.anchors, "anchors");
  EXPECT_EQ(found->trust.revocation_lists.size(), 1U);
  EXPECT_EQ(found->trust.options, whole.trust.options);
}

}  // namespace
}  // namespace ddskey
