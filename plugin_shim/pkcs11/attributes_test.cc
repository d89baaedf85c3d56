#include "plugin_shim/pkcs11/attributes.h"

#include <gtest/gtest.h>

#include <array>
#include <string>

#include "plugin_shim/pkcs11/cryptoki.h"

namespace ddskey {
namespace {

Attributes PrivateKey() {
  Attributes attributes;
  attributes.SetNumber(CKA_CLASS, CKO_PRIVATE_KEY);
  attributes.Set(CKA_LABEL, "talker");
  attributes.Set(CKA_START_DATE, "");
  attributes.SetBool(CKA_SENSITIVE, true);
  return attributes;
}

TEST(AttributesTest, SaysTheSizeBeforeTheValue) {
  std::array<char, 8> room = {};
  CK_ATTRIBUTE attribute = {CKA_LABEL, nullptr, 0};
  EXPECT_EQ(PrivateKey().Fetch(attribute), CKR_OK);
  EXPECT_EQ(attribute.ulValueLen, 6U);
  attribute = {CKA_LABEL, room.data(), room.size()};
  EXPECT_EQ(PrivateKey().Fetch(attribute), CKR_OK);
  EXPECT_EQ(std::string(room.data(), attribute.ulValueLen), "talker");
}

TEST(AttributesTest, WritesNothingWhereThereIsTooLittleRoom) {
  std::array<char, 8> room = {};
  CK_ATTRIBUTE attribute = {CKA_LABEL, room.data(), 5};
  EXPECT_EQ(PrivateKey().Fetch(attribute), CKR_BUFFER_TOO_SMALL);
  EXPECT_EQ(attribute.ulValueLen, CK_UNAVAILABLE_INFORMATION);
  EXPECT_EQ(room[0], '\0');
}

TEST(AttributesTest, TellsWhatIsSecretFromWhatIsNotThere) {
  for (const CK_ATTRIBUTE_TYPE secret : {CKA_VALUE, CKA_PRIVATE_EXPONENT, CKA_PRIME_1, CKA_COEFFICIENT}) {
    CK_ATTRIBUTE attribute = {secret, nullptr, 0};
    EXPECT_EQ(PrivateKey().Fetch(attribute), CKR_ATTRIBUTE_SENSITIVE) << secret;
    EXPECT_EQ(attribute.ulValueLen, CK_UNAVAILABLE_INFORMATION);
    EXPECT_EQ(Attributes().Fetch(attribute), CKR_ATTRIBUTE_TYPE_INVALID);
  }
  CK_ATTRIBUTE attribute = {CKA_MODULUS, nullptr, 0};
  EXPECT_EQ(PrivateKey().Fetch(attribute), CKR_ATTRIBUTE_TYPE_INVALID);
}

TEST(AttributesTest, MatchesATemplateByAllItsEntries) {
  CK_OBJECT_CLASS object_class = CKO_PRIVATE_KEY;
  std::string label = "talker";
  std::array<CK_ATTRIBUTE, 3> wanted = {{{CKA_CLASS, &object_class, sizeof(object_class)},
                                         {CKA_LABEL, label.data(), label.size()},
                                         {CKA_START_DATE, nullptr, 0}}};
  EXPECT_TRUE(PrivateKey().Matches(nullptr, 0));
  EXPECT_TRUE(PrivateKey().Matches(wanted.data(), wanted.size()));
  wanted[1].ulValueLen = 4;
  EXPECT_FALSE(PrivateKey().Matches(wanted.data(), wanted.size())) << "half a label";
  wanted[1].ulValueLen = 6;
  object_class = CKO_PUBLIC_KEY;
  EXPECT_FALSE(PrivateKey().Matches(wanted.data(), wanted.size()));
  object_class = CKO_PRIVATE_KEY;
  wanted[2].type = CKA_SUBJECT;
  EXPECT_FALSE(PrivateKey().Matches(wanted.data(), wanted.size())) << "what is not there";
}

}  // namespace
}  // namespace ddskey
