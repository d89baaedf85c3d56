#include <gtest/gtest.h>

#include <string>

#include "daemon/keystore/key_store.h"
#include "test/support/status_matchers.h"
#include "test/support/temp_dir.h"

namespace ddskey {
namespace {

using test::IsOkAndHolds;

class HostRecordsTest : public ::testing::Test {
 protected:
  void SetUp() override { Reopen(); }

  void Reopen() {
    store_.reset();
    ASSERT_OK_AND_ASSIGN(store_, KeyStore::Open(dir_.File("keystore.db")));
  }

  // Saved is what is kept, as "path issuer key: list".
  std::vector<std::string> Saved() {
    std::vector<std::string> saved;
    const auto lists = store_->LoadFileLists();
    EXPECT_OK(lists);
    for (const FileRevocationList& list : *lists) {
      saved.push_back(list.path + " " + list.issuer + " " + list.authority_key + ": " + list.der);
    }
    return saved;
  }

  const test::TempDir dir_;
  std::unique_ptr<KeyStore> store_;
};

TEST_F(HostRecordsTest, KeepsTheLastListOfEachFileIssuerAndKey) {
  EXPECT_EQ(Saved(), std::vector<std::string>());
  ASSERT_OK(store_->SaveFileList({"/b", "ca", "", "old"}));
  ASSERT_OK(store_->SaveFileList({"/b", "ca", "", "new"}));
  ASSERT_OK(store_->SaveFileList({"/b", "ca", "key", "of another key"}));
  ASSERT_OK(store_->SaveFileList({"/a", "ca", "", "of another file"}));
  const std::vector<std::string> all = {"/a ca : of another file", "/b ca : new", "/b ca key: of another key"};
  EXPECT_EQ(Saved(), all);
  Reopen();
  EXPECT_EQ(Saved(), all);
}

TEST_F(HostRecordsTest, ForgetsTheListsOfOneFile) {
  ASSERT_OK(store_->SaveFileList({"/a", "ca", "", "one"}));
  ASSERT_OK(store_->SaveFileList({"/b", "ca", "", "two"}));
  ASSERT_OK(store_->ForgetFileLists("/a"));
  ASSERT_OK(store_->ForgetFileLists("/c"));
  EXPECT_EQ(Saved(), std::vector<std::string>({"/b ca : two"}));
}

TEST_F(HostRecordsTest, KeepsTheLastGoodTime) {
  EXPECT_THAT(store_->LoadLastGoodTime(), IsOkAndHolds(absl::InfinitePast()));
  ASSERT_OK(store_->SaveLastGoodTime(absl::FromUnixSeconds(1'800'000'000)));
  ASSERT_OK(store_->SaveLastGoodTime(absl::FromUnixSeconds(1'700'000'000)));
  Reopen();
  EXPECT_THAT(store_->LoadLastGoodTime(), IsOkAndHolds(absl::FromUnixSeconds(1'700'000'000)));
}

TEST_F(HostRecordsTest, KnowsTheBackendsThatWereEverRegistered) {
  ASSERT_OK_AND_ASSIGN(const std::string tpm, store_->RegisterBackend("tpm", "tpm2"));
  ASSERT_OK(store_->RegisterBackend("software", "software").status());
  const std::vector<StoredBackend> backends = store_->Backends();
  ASSERT_EQ(backends.size(), 2U);
  EXPECT_EQ(backends[0].name, "software");
  EXPECT_EQ(backends[1].uuid, tpm);
  EXPECT_EQ(backends[1].kind, "tpm2");
  EXPECT_OK(store_->CheckIntegrity());
}

}  // namespace
}  // namespace ddskey
