#include "daemon/keystore/key_store.h"

#include <gtest/gtest.h>
#include <sys/resource.h>
#include <sys/stat.h>

#include <atomic>
#include <csignal>
#include <filesystem>
#include <memory>
#include <string>
#include <thread>
#include <vector>

#include "absl/time/clock.h"
#include "test/support/status_matchers.h"
#include "test/support/temp_dir.h"

namespace ddskey {
namespace {

using test::StatusIs;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::Not;
using ::testing::SizeIs;

constexpr auto kNotFound = absl::StatusCode::kNotFound;
constexpr auto kPrecondition = absl::StatusCode::kFailedPrecondition;
constexpr auto kInvalid = absl::StatusCode::kInvalidArgument;

KeyName Name(const std::string& text) { return *KeyName::Parse(text); }

IdentityTrust TrustOf(const std::string& anchors) {
  IdentityTrust trust;
  trust.anchors = anchors;
  return trust;
}

class KeyStoreTest : public testing::Test {
 protected:
  void SetUp() override { Reopen(); }

  void Reopen() {
    store_.reset();
    auto opened = KeyStore::Open(path_);
    ASSERT_TRUE(opened.ok()) << opened.status();
    store_ = *std::move(opened);
    auto backend = store_->RegisterBackend("software", "software");
    ASSERT_TRUE(backend.ok()) << backend.status();
    backend_ = *backend;
  }

  KeyGeneration Generation(const std::string& uuid) const {
    KeyGeneration generation;
    generation.uuid = uuid;
    generation.backend_uuid = backend_;
    generation.algorithm = KeyAlgorithm::kRsa2048;
    generation.purpose = KeyPurpose::kDigest;
    generation.blob = std::string("sealed\0 octets of ", 18) + uuid;
    generation.public_key = std::string("\x30\x00", 2) + uuid;
    generation.created = absl::FromUnixMicros(1'700'000'000'123'456);
    return generation;
  }

  // NameOf is the name that a backend had last, or nothing.
  std::string NameOf(const std::string& uuid) const {
    for (const StoredBackend& backend : store_->Backends()) {
      if (backend.uuid == uuid) return backend.name;
    }
    return "";
  }

  const test::TempDir dir_;
  const std::string path_ = dir_.File("keystore.db");
  std::unique_ptr<KeyStore> store_;
  std::string backend_;
};

TEST_F(KeyStoreTest, KeepsTrustAcrossARestart) {
  ASSERT_OK(store_->CreateIdentity(Name("talker"), Generation("u-1")));
  ASSERT_OK_AND_ASSIGN(const auto before, store_->Find(Name("talker")));
  const IdentityTrust trust = {.anchors = "anchors",
                               .revocation_lists = {{"a", "", "1f", "list of a"},
                                                    {"b", "", "", "list of b"},
                                                    {"b", "key", "2", "list of b under another key"}},
                               .options = {Strictness::kRequire, Strictness::kWarn, Strictness::kIgnore},
                               .permissions_sha256 = std::string("\0digest", 7),
                               .keep_pem_text = true,
                               .ocsp_response = "response"};
  ASSERT_OK(store_->SetTrust(Name("talker"), before, trust));
  for (int i = 0; i < 2; ++i) {
    ASSERT_OK_AND_ASSIGN(const auto identity, store_->Find(Name("talker")));
    EXPECT_EQ(identity->trust.anchors, "anchors");
    EXPECT_EQ(identity->trust.options, trust.options);
    EXPECT_EQ(identity->trust.permissions_sha256, trust.permissions_sha256);
    EXPECT_TRUE(identity->trust.keep_pem_text);
    EXPECT_EQ(identity->trust.ocsp_response, "response");
    ASSERT_THAT(identity->trust.revocation_lists, SizeIs(3));
    EXPECT_EQ(identity->trust.revocation_lists[0].number, "1f");
    EXPECT_EQ(identity->trust.revocation_lists[1].issuer, "b");
    EXPECT_EQ(identity->trust.revocation_lists[1].pem, "list of b");
    EXPECT_EQ(identity->trust.revocation_lists[2].authority_key, "key");
    Reopen();
  }
  ASSERT_OK(store_->InstallCertificate(Name("talker"), "u-1", "chain", ""));
  ASSERT_OK_AND_ASSIGN(const auto certified, store_->Find(Name("talker")));
  EXPECT_EQ(certified->trust.ocsp_response, "") << "it was about another certificate";
  EXPECT_EQ(certified->trust.permissions_sha256, trust.permissions_sha256);
}

TEST_F(KeyStoreTest, LosesNoneOfTwoChangesOfTrust) {
  ASSERT_OK(store_->CreateIdentity(Name("talker"), Generation("u-1")));
  ASSERT_OK_AND_ASSIGN(const auto before, store_->Find(Name("talker")));
  ASSERT_OK(store_->SetTrust(Name("talker"), before, TrustOf("first")));
  EXPECT_THAT(store_->SetTrust(Name("talker"), before, TrustOf("second")), StatusIs(absl::StatusCode::kAborted));
  EXPECT_EQ((*store_->Find(Name("talker")))->trust.anchors, "first");
  ASSERT_OK(store_->DeleteIdentity(Name("talker")));
  EXPECT_THAT(store_->SetTrust(Name("talker"), before, {}), StatusIs(absl::StatusCode::kNotFound));
}

TEST_F(KeyStoreTest, KeepsEveryFieldAcrossARestart) {
  ASSERT_OK(store_->CreateIdentity(Name("talker"), Generation("u-1")));
  ASSERT_OK(store_->InstallCertificate(Name("talker"), "u-1", "chain", "anchors"));
  for (int i = 0; i < 2; ++i) {
    ASSERT_OK_AND_ASSIGN(const auto identity, store_->Find(Name("talker")));
    EXPECT_EQ(identity->name, Name("talker"));
    EXPECT_FALSE(identity->deleted);
    EXPECT_EQ(identity->trust.anchors, "anchors");
    ASSERT_THAT(identity->generations, SizeIs(1));
    const KeyGeneration& generation = identity->current();
    const KeyGeneration expected = Generation("u-1");
    EXPECT_EQ(generation.number, 1U);
    EXPECT_EQ(generation.state, GenerationState::kCurrent);
    EXPECT_EQ(generation.uuid, "u-1");
    EXPECT_EQ(generation.backend_uuid, backend_);
    EXPECT_EQ(generation.algorithm, KeyAlgorithm::kRsa2048);
    EXPECT_EQ(generation.purpose, KeyPurpose::kDigest);
    EXPECT_EQ(generation.blob, expected.blob);
    EXPECT_EQ(generation.public_key, expected.public_key);
    EXPECT_EQ(generation.certificate_chain, "chain");
    EXPECT_EQ(generation.created, expected.created);
    Reopen();
  }
}

TEST_F(KeyStoreTest, HasANameThatStays) {
  const std::string uuid = store_->instance_uuid();
  EXPECT_EQ(uuid.size(), 36U);
  EXPECT_GE(store_->schema_version(), 1U);
  Reopen();
  EXPECT_EQ(store_->instance_uuid(), uuid);
  ASSERT_OK_AND_ASSIGN(const auto other, KeyStore::Open(dir_.File("other.db")));
  EXPECT_NE(other->instance_uuid(), uuid);
}

TEST_F(KeyStoreTest, ABackendKeepsItsIdentityUnderItsNameAndKind) {
  ASSERT_OK_AND_ASSIGN(const std::string tpm, store_->RegisterBackend("tpm", "tpm2"));
  EXPECT_NE(tpm, backend_);
  Reopen();
  EXPECT_THAT(store_->RegisterBackend("tpm", "tpm2"), test::IsOkAndHolds(tpm));
  EXPECT_EQ(NameOf(tpm), "tpm");
  EXPECT_EQ(NameOf("unknown"), "");
}

TEST_F(KeyStoreTest, BackendsOfTwoKindsMayExchangeTheirNamesAndBack) {
  ASSERT_OK_AND_ASSIGN(const std::string tpm, store_->RegisterBackend("tpm", "tpm2"));
  for (int i = 0; i < 2; ++i) {
    ASSERT_OK_AND_ASSIGN(const std::string taken, store_->RegisterBackend("tpm", "software"));
    EXPECT_NE(taken, tpm);
    EXPECT_EQ(NameOf(taken), "tpm");
    EXPECT_EQ(NameOf(tpm), "tpm (tpm2)");
    Reopen();
    EXPECT_THAT(store_->RegisterBackend("tpm", "tpm2"), test::IsOkAndHolds(tpm));
    EXPECT_EQ(NameOf(tpm), "tpm");
    EXPECT_EQ(NameOf(taken), "tpm (software)");
  }
}

TEST_F(KeyStoreTest, S14ANameIsTakenUntilItIsPurged) {
  const auto exists = absl::StatusCode::kAlreadyExists;
  ASSERT_OK(store_->CreateIdentity(Name("talker"), Generation("u-1")));
  EXPECT_THAT(store_->CreateIdentity(Name("talker"), Generation("u-2")), StatusIs(exists));
  ASSERT_OK(store_->DeleteIdentity(Name("talker")));
  EXPECT_THAT(store_->CreateIdentity(Name("talker"), Generation("u-2")), StatusIs(exists, HasSubstr("not purged")));
  Reopen();
  EXPECT_THAT(store_->CreateIdentity(Name("talker"), Generation("u-2")), StatusIs(exists));
  ASSERT_OK(store_->PurgeIdentity(Name("talker")));
  EXPECT_THAT(store_->Find(Name("talker")), StatusIs(kNotFound));
  EXPECT_OK(store_->CreateIdentity(Name("talker"), Generation("u-2")));
}

TEST_F(KeyStoreTest, DeletedIdentitiesAreShownButNotChanged) {
  ASSERT_OK(store_->CreateIdentity(Name("talker"), Generation("u-1")));
  ASSERT_OK(store_->DeleteIdentity(Name("talker")));
  ASSERT_OK_AND_ASSIGN(const auto identity, store_->Find(Name("talker")));
  EXPECT_TRUE(identity->deleted);
  EXPECT_THAT(store_->DeleteIdentity(Name("talker")), StatusIs(kNotFound));
  EXPECT_THAT(store_->InstallCertificate(Name("talker"), "u-1", "chain", ""), StatusIs(kNotFound));
  EXPECT_THAT(store_->List(), SizeIs(1));
}

TEST_F(KeyStoreTest, AbsentIdentitiesAreNotFound) {
  EXPECT_THAT(store_->Find(Name("ghost")), StatusIs(kNotFound));
  EXPECT_THAT(store_->DeleteIdentity(Name("ghost")), StatusIs(kNotFound));
  EXPECT_THAT(store_->PurgeIdentity(Name("ghost")), StatusIs(kNotFound));
  EXPECT_THAT(store_->InstallCertificate(Name("ghost"), "u", "chain", ""), StatusIs(kNotFound));
  EXPECT_THAT(store_->List(), IsEmpty());
}

TEST_F(KeyStoreTest, InstallsOnTheCurrentGenerationAndKeepsTheAnchorsWithoutNewOnes) {
  ASSERT_OK(store_->CreateIdentity(Name("talker"), Generation("u-1")));
  EXPECT_THAT(store_->InstallCertificate(Name("talker"), "u-0", "chain", "anchors"),
              StatusIs(absl::StatusCode::kAborted));
  ASSERT_OK(store_->InstallCertificate(Name("talker"), "u-1", "first", "anchors"));
  ASSERT_OK(store_->InstallCertificate(Name("talker"), "u-1", "second", ""));
  ASSERT_OK_AND_ASSIGN(const auto identity, store_->Find(Name("talker")));
  EXPECT_EQ(identity->current().certificate_chain, "second");
  EXPECT_EQ(identity->trust.anchors, "anchors");
}

TEST_F(KeyStoreTest, RefusesGenerationsThatAreNotInOrder) {
  KeyGeneration bad = Generation("u-1");
  bad.state = GenerationState::kOld;
  EXPECT_THAT(store_->CreateIdentity(Name("a"), bad), StatusIs(kInvalid));
  bad = Generation("u-1");
  bad.backend_uuid = "unknown";
  EXPECT_THAT(store_->CreateIdentity(Name("a"), bad), StatusIs(kInvalid));
  bad = Generation("u-1");
  bad.algorithm = static_cast<KeyAlgorithm>(99);
  EXPECT_THAT(store_->CreateIdentity(Name("a"), bad), StatusIs(kInvalid));
  ASSERT_OK(store_->CreateIdentity(Name("a"), Generation("u-1")));
  EXPECT_THAT(store_->CreateIdentity(Name("b"), Generation("u-1")), StatusIs(kInvalid));
  bad = Generation("u-2");
  bad.blob = std::string(17 * 1024 * 1024, 'x');
  EXPECT_THAT(store_->CreateIdentity(Name("b"), bad), StatusIs(kInvalid));
  // Nothing of what was refused is there.
  EXPECT_THAT(store_->List(), SizeIs(1));
  Reopen();
  EXPECT_THAT(store_->List(), SizeIs(1));
}

TEST_F(KeyStoreTest, MakesAUuidWhereThereIsNone) {
  ASSERT_OK(store_->CreateIdentity(Name("a"), Generation("")));
  ASSERT_OK(store_->CreateIdentity(Name("b"), Generation("")));
  EXPECT_EQ((*store_->Find(Name("a")))->current().uuid.size(), 36U);
  EXPECT_NE((*store_->Find(Name("a")))->current().uuid, (*store_->Find(Name("b")))->current().uuid);
}

TEST_F(KeyStoreTest, ListsByName) {
  for (const char* name : {"c", "a", "B", "b"}) ASSERT_OK(store_->CreateIdentity(Name(name), Generation("")));
  std::vector<std::string> names;
  for (const auto& identity : store_->List()) names.push_back(identity->name.text());
  EXPECT_EQ(names, (std::vector<std::string>{"B", "a", "b", "c"}));
}

TEST_F(KeyStoreTest, SnapshotsStayAsTheyWere) {
  ASSERT_OK(store_->CreateIdentity(Name("talker"), Generation("u-1")));
  ASSERT_OK_AND_ASSIGN(const auto before, store_->Find(Name("talker")));
  ASSERT_OK(store_->InstallCertificate(Name("talker"), "u-1", "chain", "anchors"));
  ASSERT_OK(store_->PurgeIdentity(Name("talker")));
  EXPECT_EQ(before->current().certificate_chain, "");
  EXPECT_FALSE(before->deleted);
}

TEST_F(KeyStoreTest, ReadersSeeWholeChangesWhileOthersWrite) {
  ASSERT_OK(store_->CreateIdentity(Name("talker"), Generation("u-1")));
  std::atomic<bool> done = false;
  std::vector<std::thread> readers;
  readers.reserve(2);
  for (int t = 0; t < 2; ++t) {
    readers.emplace_back([&] {
      while (!done) {
        const auto found = store_->Find(Name("talker"));
        ASSERT_TRUE(found.ok());
        ASSERT_EQ((*found)->current().certificate_chain, (*found)->trust.anchors);
      }
    });
  }
  for (int i = 0; i < 50; ++i) {
    const std::string text = std::to_string(i);
    EXPECT_OK(store_->InstallCertificate(Name("talker"), "u-1", text, text));
    EXPECT_EQ((*store_->Find(Name("talker")))->trust.anchors, text);
  }
  done = true;
  for (std::thread& reader : readers) reader.join();
}

TEST_F(KeyStoreTest, ErasesWhatIsPurged) {
  const std::string secret = Generation("u-1").blob;
  ASSERT_OK(store_->CreateIdentity(Name("talker"), Generation("u-1")));
  EXPECT_THAT(test::ReadFile(path_), HasSubstr(secret));
  ASSERT_OK(store_->DeleteIdentity(Name("talker")));
  EXPECT_THAT(test::ReadFile(path_), HasSubstr(secret));
  ASSERT_OK(store_->PurgeIdentity(Name("talker")));
  for (const auto& file : std::filesystem::directory_iterator(dir_.path())) {
    EXPECT_THAT(test::ReadFile(file.path()), Not(HasSubstr(secret))) << file.path();
  }
}

TEST_F(KeyStoreTest, KeepsItsFilesToItself) {
  ASSERT_OK(store_->CreateIdentity(Name("talker"), Generation("u-1")));
  for (const auto& file : std::filesystem::directory_iterator(dir_.path())) {
    struct stat found = {};
    ASSERT_EQ(stat(file.path().c_str(), &found), 0);
    EXPECT_EQ(found.st_mode & 07777, 0600U) << file.path();
  }
}

TEST_F(KeyStoreTest, RefusesToBeOpenedTwice) {
  EXPECT_THAT(KeyStore::Open(path_), StatusIs(kPrecondition, HasSubstr("another ddskeyd")));
  // The refused attempt took nothing from the first.
  EXPECT_THAT(KeyStore::Open(path_), StatusIs(kPrecondition));
  EXPECT_OK(store_->CreateIdentity(Name("talker"), Generation("u-1")));
}

TEST_F(KeyStoreTest, RefusesFilesAndFoldersThatOthersCanReach) {
  store_.reset();
  ASSERT_EQ(chmod(path_.c_str(), 0640), 0);
  EXPECT_THAT(KeyStore::Open(path_), StatusIs(kPrecondition, HasSubstr("chmod 600")));
  ASSERT_EQ(chmod(path_.c_str(), 0600), 0);
  ASSERT_EQ(chmod(dir_.path().c_str(), 0770), 0);
  EXPECT_THAT(KeyStore::Open(path_), StatusIs(kPrecondition, HasSubstr("chmod go-w")));
  ASSERT_EQ(chmod(dir_.path().c_str(), 0700), 0);
  std::filesystem::create_symlink(path_, dir_.File("link.db"));
  EXPECT_THAT(KeyStore::Open(dir_.File("link.db")), StatusIs(kPrecondition, HasSubstr("not a regular file")));
  EXPECT_THAT(KeyStore::Open(dir_.File("absent/keystore.db")), StatusIs(kPrecondition, HasSubstr("absent")));
  EXPECT_OK(KeyStore::Open(path_));
}

TEST_F(KeyStoreTest, AFullDiskLosesNothingAndIsOvercome) {
  ASSERT_OK(store_->CreateIdentity(Name("talker"), Generation("u-1")));
  KeyGeneration large = Generation("u-2");
  large.blob = std::string(1024 * 1024, 'x');
  ASSERT_NE(std::signal(SIGXFSZ, SIG_IGN), SIG_ERR);
  rlimit before = {};
  ASSERT_EQ(getrlimit(RLIMIT_FSIZE, &before), 0);
  const rlimit small = {256 * 1024, before.rlim_max};
  ASSERT_EQ(setrlimit(RLIMIT_FSIZE, &small), 0);
  const absl::Status refused = store_->CreateIdentity(Name("large"), large);
  ASSERT_EQ(setrlimit(RLIMIT_FSIZE, &before), 0);
  EXPECT_FALSE(refused.ok());
  EXPECT_THAT(store_->Find(Name("large")), StatusIs(kNotFound));
  EXPECT_OK(store_->Find(Name("talker")));
  EXPECT_OK(store_->CreateIdentity(Name("large"), large));
  Reopen();
  EXPECT_OK(store_->Find(Name("talker")));
  EXPECT_EQ((*store_->Find(Name("large")))->current().blob, large.blob);
}

}  // namespace
}  // namespace ddskey
