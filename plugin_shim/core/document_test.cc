#include "plugin_shim/core/document.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/stat.h>
#include <unistd.h>

#include <filesystem>

#include "test/support/temp_dir.h"

namespace ddskey {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::Not;
using ::testing::Optional;

TEST(DocumentTest, ReadsFilesAndInlineText) {
  const test::TempDir folder;
  const std::string path = folder.Write("a.pem", "text\n");
  std::string error;
  EXPECT_THAT(ReadDocument("file:" + path, 5, &error), Optional(std::string("text\n")));
  EXPECT_THAT(ReadDocument("file://" + path, 5, &error), Optional(std::string("text\n")));
  EXPECT_THAT(ReadDocument("data:,text", 4, &error), Optional(std::string("text")));
  EXPECT_THAT(ReadDocument("data:,", 4, &error), Optional(std::string()));
  EXPECT_EQ(error, "");
}

TEST(DocumentTest, RefusesMoreThanItsLimit) {
  const test::TempDir folder;
  const std::string path = folder.Write("a.pem", "secret");
  std::string error;
  EXPECT_EQ(ReadDocument("file:" + path, 5, &error), std::nullopt);
  EXPECT_THAT(error, HasSubstr(path));
  EXPECT_EQ(ReadDocument("data:,secret", 5, &error), std::nullopt);
  EXPECT_THAT(error, Not(HasSubstr("secret")));
  EXPECT_EQ(ReadDocument("file:/dev/zero", 5, &error), std::nullopt);
}

TEST(DocumentTest, RefusesWhatIsNoDocument) {
  std::string error;
  for (const char* uri : {"", "secret", "data:text", "pkcs11:x", "https://x/y", "FILE:/etc/passwd"}) {
    error.clear();
    EXPECT_EQ(ReadDocument(uri, 100'000, &error), std::nullopt) << uri;
    EXPECT_NE(error, "");
    EXPECT_THAT(error, Not(HasSubstr("secret")));
  }
}

TEST(DocumentTest, ReadsRegularFilesOnlyAndNeverBlocks) {
  const test::TempDir folder;
  const std::string fifo = folder.File("fifo");
  ASSERT_EQ(mkfifo(fifo.c_str(), 0600), 0);
  std::string error;
  EXPECT_EQ(ReadDocument("file:" + fifo, 100, &error), std::nullopt);
  EXPECT_THAT(error, HasSubstr("not a regular file"));
  EXPECT_EQ(ReadDocument("file:" + folder.path().string(), 100, &error), std::nullopt);
  EXPECT_EQ(ReadDocument("file:" + folder.File("absent"), 100, &error), std::nullopt);
  EXPECT_THAT(error, HasSubstr("No such file"));
}

TEST(DocumentTest, ReadsAFolderInTheOrderOfItsNames) {
  const test::TempDir folder;
  folder.Write("b", "2");
  folder.Write("a", "1");
  std::filesystem::create_directory(folder.File("sub"));
  std::string error;
  EXPECT_THAT(ReadFolder(folder.path().string(), 2, &error), Optional(ElementsAre("1", "2")));
  EXPECT_THAT(ReadFolder("file:" + folder.path().string(), 2, &error), Optional(ElementsAre("1", "2")));
  EXPECT_EQ(ReadFolder(folder.path().string(), 1, &error), std::nullopt);
  EXPECT_EQ(ReadFolder(folder.File("absent"), 10, &error), std::nullopt);
}

TEST(DocumentTest, RefusesAFolderWithTooManyFiles) {
  const test::TempDir folder;
  for (int i = 0; i < 101; ++i) folder.Write(std::to_string(i), "x");
  std::string error;
  EXPECT_EQ(ReadFolder(folder.path().string(), 1'000, &error), std::nullopt);
  EXPECT_THAT(error, HasSubstr("more than 100 files"));
}

}  // namespace
}  // namespace ddskey
