#include "plugin_shim/core/key_reference.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "test/support/temp_dir.h"

namespace ddskey {
namespace {

using ::testing::AllOf;
using ::testing::HasSubstr;
using ::testing::Not;

std::string NameOf(std::string_view property) {
  std::string error;
  const auto name = ResolveKeyReference(property, &error);
  return name ? name->text() : "error: " + error;
}

TEST(KeyReferenceTest, IsTheNameOfAKey) {
  EXPECT_EQ(NameOf("ddskey:talker"), "talker");
  EXPECT_EQ(NameOf("data:,ddskey:talker"), "talker");
}

TEST(KeyReferenceTest, MayBeTheWholeContentOfAFile) {
  const test::TempDir folder;
  EXPECT_EQ(NameOf("file:" + folder.Write("key.pem", "ddskey:talker\n")), "talker");
  EXPECT_EQ(NameOf("file://" + folder.Write("key.pem", " ddskey:lidar.front\r\n")), "lidar.front");
}

TEST(KeyReferenceTest, S13IsNoPartOfADocument) {
  const test::TempDir folder;
  const std::string path = folder.Write("key.pem", "# my key\nddskey:talker\n");
  EXPECT_THAT(NameOf("file:" + path), HasSubstr("not a key reference"));
  EXPECT_THAT(NameOf("data:,ddskey:talker and more"), HasSubstr("not a key reference"));
  EXPECT_THAT(NameOf("ddskey:../talker"), HasSubstr("not a key reference"));
  EXPECT_THAT(NameOf("ddskey:"), HasSubstr("not a key reference"));
  EXPECT_THAT(NameOf(""), HasSubstr("not a key reference"));
}

TEST(KeyReferenceTest, RefusesAPrivateKeyAndSaysWhatToDo) {
  const test::TempDir folder;
  for (const char* label : {"PRIVATE KEY", "EC PRIVATE KEY", "RSA PRIVATE KEY", "ENCRYPTED PRIVATE KEY"}) {
    const std::string pem = std::string("-----BEGIN ") + label + "-----\nMIIsecret\n-----END " + label + "-----\n";
    const auto refusal =
        AllOf(HasSubstr("ddskeyctl key create"), HasSubstr("ddskey:NAME"), Not(HasSubstr("MIIsecret")));
    EXPECT_THAT(NameOf("file:" + folder.Write("key.pem", pem)), refusal);
    EXPECT_THAT(NameOf("data:," + pem), refusal);
    EXPECT_THAT(NameOf(pem), refusal);
    EXPECT_THAT(NameOf("file:" + pem), refusal) << "no path";
  }
}

TEST(KeyReferenceTest, RefusesATpmKeyBlobInThisVersion) {
  EXPECT_THAT(NameOf("data:,-----BEGIN TSS2 PRIVATE KEY-----\nAAAA\n-----END TSS2 PRIVATE KEY-----\n"),
              AllOf(HasSubstr("TPM key blob"), HasSubstr("ddskeyctl")));
}

TEST(KeyReferenceTest, SaysWhyADocumentCannotBeRead) {
  EXPECT_THAT(NameOf("file:/nonexistent/key.pem"), AllOf(HasSubstr("/nonexistent/key.pem"), HasSubstr("No such file")));
}

}  // namespace
}  // namespace ddskey
