#include "plugin_shim/pkcs11/object_table.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>
#include <vector>

#include "ddskey/v1/signing.pb.h"
#include "plugin_shim/pkcs11/cryptoki.h"
#include "plugin_shim/pkcs11/object.h"

namespace ddskey {
namespace {

using ::testing::ElementsAreArray;
using ::testing::IsEmpty;
using ::testing::SizeIs;

void AddKey(v1::ListSigningKeysResponse& keys, const std::string& name, const std::string& public_key) {
  v1::SigningKey& key = *keys.add_keys();
  key.set_name(name);
  key.set_id(std::string(16, name[0]));
  key.set_algorithm("ec-p256");
  key.set_public_key(public_key);
  key.set_ec_params("params");
  key.set_ec_point("point");
  key.add_schemes(v1::ECDSA);
}

std::vector<CK_OBJECT_HANDLE> PrivateKeys(const ObjectTable& table) {
  CK_OBJECT_CLASS object_class = CKO_PRIVATE_KEY;
  const CK_ATTRIBUTE wanted = {CKA_CLASS, &object_class, sizeof(object_class)};
  return table.Find(&wanted, 1);
}

TEST(ObjectTableTest, AKeyKeepsItsHandleAsLongAsItIsTheSame) {
  ObjectTable table;
  EXPECT_FALSE(table.IsFilled());
  v1::ListSigningKeysResponse keys;
  AddKey(keys, "listener", "one");
  AddKey(keys, "talker", "two");
  table.Replace(MakeObjects(keys));
  EXPECT_TRUE(table.IsFilled());
  const auto before = PrivateKeys(table);
  EXPECT_THAT(before, SizeIs(2));
  table.Replace(MakeObjects(keys));
  EXPECT_THAT(PrivateKeys(table), ElementsAreArray(before));
  table.Replace({});
  EXPECT_THAT(PrivateKeys(table), IsEmpty());
  table.Replace(MakeObjects(keys));
  EXPECT_THAT(PrivateKeys(table), ElementsAreArray(before)) << "back again";
}

TEST(ObjectTableTest, TheKeyOfARenewedIdentityIsListedAnewAndTheOldOneKeptForWhoHasIt) {
  ObjectTable table;
  v1::ListSigningKeysResponse keys;
  AddKey(keys, "talker", "old");
  table.Replace(MakeObjects(keys));
  const CK_OBJECT_HANDLE old = PrivateKeys(table).front();
  keys.mutable_keys(0)->set_public_key("new");
  table.Replace(MakeObjects(keys));
  EXPECT_THAT(PrivateKeys(table), SizeIs(1));
  EXPECT_NE(PrivateKeys(table).front(), old);
  ASSERT_NE(table.Get(old), nullptr);
  EXPECT_NE(table.Get(old)->signer->public_key_sha256,
            table.Get(PrivateKeys(table).front())->signer->public_key_sha256);
}

TEST(ObjectTableTest, MemoryDoesNotGrowWithEveryRenewal) {
  ObjectTable table;
  v1::ListSigningKeysResponse keys;
  AddKey(keys, "talker", "0");
  table.Replace(MakeObjects(keys));
  const CK_OBJECT_HANDLE first = PrivateKeys(table).front();
  for (int i = 1; i < 2000; ++i) {
    keys.mutable_keys(0)->set_public_key(std::to_string(i));
    table.Replace(MakeObjects(keys));
  }
  EXPECT_EQ(table.Get(first), nullptr);
  EXPECT_NE(table.Get(PrivateKeys(table).front()), nullptr);
}

TEST(ObjectTableTest, AKeyThatMakesNoSenseIsLeftOut) {
  v1::ListSigningKeysResponse keys;
  AddKey(keys, "talker", "key");
  for (const auto spoil :
       {+[](v1::SigningKey& key) { key.set_algorithm("dsa"); }, +[](v1::SigningKey& key) { key.set_id("short"); },
        +[](v1::SigningKey& key) { key.clear_ec_point(); },
        +[](v1::SigningKey& key) { key.set_algorithm("rsa-2048"); }}) {
    v1::ListSigningKeysResponse spoilt = keys;
    spoil(*spoilt.mutable_keys(0));
    EXPECT_THAT(MakeObjects(spoilt), IsEmpty());
  }
  EXPECT_THAT(MakeObjects(keys), SizeIs(2)) << "a private and a public key";
}

}  // namespace
}  // namespace ddskey
