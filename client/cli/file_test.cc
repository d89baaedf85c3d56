#include "client/cli/file.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/stat.h>

#include "test/support/status_matchers.h"
#include "test/support/temp_dir.h"

namespace ddskey::cli {
namespace {

using ::ddskey::test::IsOkAndHolds;
using ::ddskey::test::ReadFile;
using ::ddskey::test::StatusIs;
using ::ddskey::test::TempDir;
using ::testing::HasSubstr;

const char kCertificate[] = "-----BEGIN CERTIFICATE-----\nMII=\n-----END CERTIFICATE-----\n";

TEST(ReadCertificatesTest, ReadsPem) {
  const TempDir folder;
  EXPECT_THAT(ReadCertificates(folder.Write("a.pem", kCertificate)), IsOkAndHolds(std::string(kCertificate)));
}

TEST(ReadCertificatesTest, S13NeverReadsAPrivateKeyIntoAMessage) {
  const TempDir folder;
  for (const std::string label : {"PRIVATE KEY", "EC PRIVATE KEY", "ENCRYPTED PRIVATE KEY", "TSS2 PRIVATE KEY"}) {
    const std::string path = folder.Write("a.pem", kCertificate + ("-----BEGIN " + label + "-----\n"));
    EXPECT_THAT(ReadCertificates(path), StatusIs(absl::StatusCode::kInvalidArgument, HasSubstr("private key")));
  }
}

TEST(ReadCertificatesTest, SaysHowToConvertOtherFormats) {
  const TempDir folder;
  EXPECT_THAT(ReadCertificates(folder.Write("a.der", "\x30\x82")),
              StatusIs(absl::StatusCode::kInvalidArgument, HasSubstr("openssl x509 -inform DER")));
  EXPECT_THAT(ReadCertificates(folder.Write("empty", "")), StatusIs(absl::StatusCode::kInvalidArgument));
}

TEST(ReadCertificatesTest, ReadsNoMoreThan64KiB) {
  const TempDir folder;
  const std::string path = folder.Write("big", kCertificate + std::string(65536, '\n'));
  EXPECT_THAT(ReadCertificates(path), StatusIs(absl::StatusCode::kInvalidArgument, HasSubstr("64 KiB")));
  EXPECT_THAT(ReadDocument("/dev/zero"), StatusIs(absl::StatusCode::kInvalidArgument, HasSubstr("64 KiB")));
}

TEST(ReadCertificatesTest, S14WaitsForNoPipeThatAUserPutThere) {
  const TempDir folder;
  const std::string pipe = folder.File("pipe");
  ASSERT_EQ(mkfifo(pipe.c_str(), 0600), 0);
  const auto refused = StatusIs(absl::StatusCode::kInvalidArgument, HasSubstr("no regular file"));
  EXPECT_THAT(ReadCertificates(pipe), refused);
  EXPECT_THAT(ReadRevocationLists(pipe), refused);
  EXPECT_THAT(ReadPermissions(pipe), refused);
  EXPECT_THAT(ReadCertificates("/dev/zero"), refused);
}

TEST(ReadCertificatesTest, NamesWhatCannotBeRead) {
  const TempDir folder;
  EXPECT_THAT(ReadCertificates(folder.File("none")), StatusIs(absl::StatusCode::kNotFound, HasSubstr("none")));
  EXPECT_FALSE(ReadCertificates(folder.path()).ok());
}

TEST(WriteNewFileTest, MakesAFileAndNeverReplacesOne) {
  const TempDir folder;
  const std::string path = folder.File("a.csr");
  EXPECT_OK(WriteNewFile(path, "request"));
  EXPECT_EQ(ReadFile(path), "request");
  EXPECT_THAT(WriteNewFile(path, "another"), StatusIs(absl::StatusCode::kAlreadyExists));
  EXPECT_EQ(ReadFile(path), "request");
}

TEST(WriteNewFileTest, S14FollowsNoLink) {
  const TempDir folder;
  std::filesystem::create_symlink(folder.File("elsewhere"), folder.File("link"));
  EXPECT_FALSE(WriteNewFile(folder.File("link"), "x").ok());
  EXPECT_FALSE(std::filesystem::exists(folder.File("elsewhere")));
}

TEST(WriteNewFileTest, LeavesNoHalfFile) {
  const TempDir folder;
  EXPECT_FALSE(WriteNewFile(folder.File("none/a"), "x").ok());
  EXPECT_FALSE(WriteNewFile("/dev/full", "x").ok());
}

TEST(FileTest, ReadsSignedPermissionsAndNothingElse) {
  const test::TempDir folder;
  folder.Write("good.p7s", "MIME-Version: 1.0\nContent-Type: multipart/signed\n");
  folder.Write("plain.xml", "<dds/>");
  EXPECT_TRUE(ReadPermissions(folder.File("good.p7s")).ok());
  EXPECT_FALSE(ReadPermissions(folder.File("plain.xml")).ok());
}

}  // namespace
}  // namespace ddskey::cli
