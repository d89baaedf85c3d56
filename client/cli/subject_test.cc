#include "client/cli/subject.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>

#include "client/cli/arguments.h"
#include "test/support/status_matchers.h"

namespace ddskey::cli {
namespace {

// The attributes as "TYPE=VALUE|TYPE=VALUE", or the error.
std::string Parsed(std::string_view text) {
  const auto attributes = ParseSubject(text);
  if (!attributes.ok()) {
    EXPECT_TRUE(IsUsageError(attributes.status()));
    return "error";
  }
  std::string result;
  for (const v1::SubjectAttribute& attribute : *attributes) {
    result += (result.empty() ? "" : "|") + attribute.type() + "=" + attribute.value();
  }
  return result;
}

TEST(SubjectTest, ReadsOpenSslsFormInOrder) {
  EXPECT_EQ(Parsed("/C=DE/O=Robots/CN=talker"), "C=DE|O=Robots|CN=talker");
  EXPECT_EQ(Parsed("/CN=a, b"), "CN=a, b");
  EXPECT_EQ(Parsed("/CN=a\\/b"), "CN=a/b");
}

TEST(SubjectTest, ReadsRfc4514InReverse) {
  EXPECT_EQ(Parsed("CN=talker,O=Robots,C=DE"), "C=DE|O=Robots|CN=talker");
  EXPECT_EQ(Parsed("CN = talker , O = Robots"), "O=Robots|CN=talker");
  EXPECT_EQ(Parsed("CN=a/b"), "CN=a/b");
}

TEST(SubjectTest, TakesEscapedCharactersAsTheyAre) {
  EXPECT_EQ(Parsed("CN=a\\,b\\+c\\=d"), "CN=a,b+c=d");
  EXPECT_EQ(Parsed("CN=a\\ "), "CN=a ");
  EXPECT_EQ(Parsed("CN=\\c3\\A4"), "CN=\xc3\xa4");
  EXPECT_EQ(Parsed("CN=\\#x"), "CN=#x");
  EXPECT_EQ(Parsed("CN=a=b"), "CN=a=b");
}

TEST(SubjectTest, KnowsTypesInUpperAndLowerCase) {
  EXPECT_EQ(Parsed("/cn=x/SerialNumber=1/EMAILADDRESS=a@b/dc=d/uid=u/ou=v/st=s/l=l"),
            "CN=x|serialNumber=1|emailAddress=a@b|DC=d|UID=u|OU=v|ST=s|L=l");
}

TEST(SubjectTest, RefusesWhatIsNotASubject) {
  for (const std::string text :
       {"", "/", "talker", "CN=", "CN= ", "=x", "FOO=x", "2.5.4.3=x", "CN=a,", ",CN=a", "//CN=a", "CN=a+O=b",
        "CN=#0401", "CN=a\\", "CN=a\\zz", "CN=a\\0a", "CN=\\ff", "CN=a\nb"}) {
    EXPECT_EQ(Parsed(text), "error") << text;
  }
}

TEST(SubjectTest, LimitsLengthAndNumber) {
  EXPECT_EQ(Parsed("CN=" + std::string(64, 'x')), "CN=" + std::string(64, 'x'));
  EXPECT_EQ(Parsed("CN=" + std::string(65, 'x')), "error");
  std::string many;
  for (int i = 0; i < 16; ++i) many += "/OU=x";
  EXPECT_NE(Parsed(many), "error");
  EXPECT_EQ(Parsed(many + "/OU=x"), "error");
}

}  // namespace
}  // namespace ddskey::cli
