#include "daemon/inventory.h"

#include <gtest/gtest.h>

#include <filesystem>
#include <memory>
#include <string>

#include "daemon/keystore/key_store.h"
#include "test/support/status_matchers.h"
#include "test/support/temp_dir.h"

namespace ddskey {
namespace {

using ::ddskey::test::IsOkAndHolds;
using ::ddskey::test::StatusIs;

class InventoryTest : public testing::Test {
 protected:
  std::unique_ptr<KeyStore> Open() const {
    auto opened = KeyStore::Open(path_);
    EXPECT_TRUE(opened.ok()) << opened.status();
    return opened.ok() ? *std::move(opened) : nullptr;
  }

  static void Add(KeyStore& store, const char* name, const char* backend, const char* kind) {
    KeyGeneration generation;
    ASSERT_OK_AND_ASSIGN(generation.backend_uuid, store.RegisterBackend(backend, kind));
    generation.blob = "sealed";
    generation.public_key = name;
    ASSERT_OK(store.CreateIdentity(*KeyName::Parse(name), generation));
  }

  const test::TempDir dir_;
  const std::string path_ = dir_.File("keystore.db");
};

TEST_F(InventoryTest, CountsKeysByTheBackendThatHoldsThem) {
  {
    const auto store = Open();
    Add(*store, "talker", "tpm", "tpm2");
    EXPECT_THAT(Inventory(path_), StatusIs(absl::StatusCode::kFailedPrecondition)) << "it is open elsewhere";
  }
  EXPECT_THAT(Inventory(path_), IsOkAndHolds("1 key of 1 identity: 1 in tpm (tpm2)"));
  {
    const auto store = Open();
    Add(*store, "listener", "tpm", "tpm2");
    Add(*store, "camera", "soft", "software");
    ASSERT_OK(store->DeleteIdentity(*KeyName::Parse("camera")));
  }
  EXPECT_THAT(Inventory(path_), IsOkAndHolds("3 keys of 3 identities: 1 in soft (software), 2 in tpm (tpm2)"));
}

TEST_F(InventoryTest, FindsNoKeysWhereThereAreNoneAndMakesNoKeystore) {
  EXPECT_THAT(Inventory(path_), IsOkAndHolds("0 keys"));
  EXPECT_FALSE(std::filesystem::exists(path_));
  Open();
  EXPECT_THAT(Inventory(path_), IsOkAndHolds("0 keys"));
}

TEST_F(InventoryTest, SaysThatAFileIsNoKeystore) {
  dir_.Write("keystore.db", "something else");
  EXPECT_FALSE(Inventory(path_).ok());
}

}  // namespace
}  // namespace ddskey
