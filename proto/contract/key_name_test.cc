#include "proto/contract/key_name.h"

#include <gtest/gtest.h>

#include <string>

namespace ddskey {
namespace {

TEST(KeyNameTest, AcceptsNamesOfTheDocumentedAlphabet) {
  for (const char* name : {"a", "9", "talker", "Robot-7.lidar_front", "x............"}) {
    EXPECT_TRUE(KeyName::Parse(name).has_value()) << name;
  }
  EXPECT_TRUE(KeyName::Parse(std::string(63, 'k')).has_value());
}

TEST(KeyNameTest, RefusesEverythingElse) {
  for (const char* name : {"", ".hidden", "-flag", "_x", "a/b", "a b", "a\n", "a:b", "caf\xc3\xa9", "../etc"}) {
    EXPECT_FALSE(KeyName::Parse(name).has_value()) << name;
  }
  EXPECT_FALSE(KeyName::Parse(std::string(64, 'k')).has_value());
  EXPECT_FALSE(KeyName::Parse(std::string_view("a\0b", 3)).has_value());
}

TEST(KeyNameTest, S13ADocumentIsAReferenceOnlyIfAllOfItIsOne) {
  EXPECT_EQ(KeyName::ParseReference(" \t ddskey:talker\r\n")->text(), "talker");
  for (const char* document : {"", " ", "ddskey:", "ddskey: talker", "DDSKEY:talker", "ddskey:talker x",
                               "xddskey:talker", "ddskey:a\nddskey:b", "-----BEGIN PRIVATE KEY-----\nddskey:talker"}) {
    EXPECT_FALSE(KeyName::ParseReference(document).has_value()) << document;
  }
}

}  // namespace
}  // namespace ddskey
