// key import, key adopt and key export-blob.

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/stat.h>
#include <unistd.h>

#include <string>
#include <vector>

#include "client/cli/fake_admin_client.h"
#include "test/support/pki.h"
#include "test/support/process.h"
#include "test/support/temp_dir.h"

namespace ddskey::cli {
namespace {

using ::testing::HasSubstr;
using ::testing::Not;

class KeyFileCommandsTest : public ::testing::Test {
 protected:
  KeyFileCommandsTest() {
    script_.key.set_name("talker");
    script_.key.set_algorithm("ec-p256");
    script_.key.set_purpose("handshake");
    script_.key.set_backend("tpm");
  }

  std::string Private(const std::string& name, const std::string& content, mode_t mode = 0600) {
    std::string path = dir_.Write(name, content);
    EXPECT_EQ(chmod(path.c_str(), mode), 0);
    return path;
  }

  const test::TempDir dir_;
  Script script_;
};

TEST_F(KeyFileCommandsTest, ImportsAHandshakeKeyUnlessToldAndSaysWhoStillHasIt) {
  const std::string file = Private("key.pem", test::TestKey::Generate().pem());
  const Outcome outcome = RunWith(script_, {"key", "import", "talker", "--key", file});
  EXPECT_EQ(outcome.code, 0) << outcome.err;
  EXPECT_EQ(script_.import.name(), "talker");
  EXPECT_EQ(script_.import.purpose(), "handshake");
  EXPECT_EQ(script_.import.backend(), "");
  EXPECT_FALSE(script_.import.private_key().empty());
  EXPECT_EQ(script_.import.tss2_key(), "");
  EXPECT_THAT(outcome.out, HasSubstr("still has the key"));
  EXPECT_THAT(outcome.out, HasSubstr("ddskeyctl cert install talker"));
  EXPECT_THAT(outcome.out, HasSubstr("ddskeyctl csr talker --subject /O=ORGANIZATION/CN=talker\n"));
  EXPECT_THAT(outcome.out, Not(HasSubstr("Other users")));

  const std::string open = Private("open.pem", test::TestKey::Generate().pem(), 0644);
  const Outcome warned =
      RunWith(script_, {"key", "import", "talker", "--key", open, "--purpose=digest", "--backend=software"});
  EXPECT_THAT(warned.out, HasSubstr("Other users could read it"));
  EXPECT_EQ(script_.import.purpose(), "digest");
  EXPECT_EQ(script_.import.backend(), "software");
}

TEST_F(KeyFileCommandsTest, S13KeepsThePassphraseOfAFileAtHome) {
  const std::string plain = Private("plain", test::TestKey::Generate().pem());
  const std::string sealed = dir_.File("sealed");
  ASSERT_EQ(test::Run({"openssl", "pkcs8", "-topk8", "-in", plain, "-out", sealed, "-passout", "pass:word"}), 0);
  EXPECT_EQ(RunWith(script_, {"key", "import", "talker", "--key", plain}).code, 0);
  const std::string key = script_.import.private_key();
  // One of four characters, as openssl lets people choose.
  const std::string passphrase = Private("passphrase", "word\n");
  EXPECT_EQ(RunWith(script_, {"key", "import", "talker", "--key", sealed, "--passphrase-file", passphrase}).code, 0);
  EXPECT_EQ(script_.import.private_key(), key);
  EXPECT_THAT(script_.import.SerializeAsString(), Not(HasSubstr("word")));

  const int calls = script_.calls;
  EXPECT_THAT(RunWith(script_, {"key", "import", "talker", "--key", sealed}).err, HasSubstr("--passphrase-file"));
  Private("passphrase", "another");
  EXPECT_EQ(RunWith(script_, {"key", "import", "talker", "--key", sealed, "--passphrase-file", passphrase}).code, 1);
  EXPECT_EQ(script_.calls, calls);
}

TEST_F(KeyFileCommandsTest, PassesOnWhatATpmHasSealed) {
  const std::string file = Private("key", "-----BEGIN TSS2 PRIVATE KEY-----\nAAEC\n-----END TSS2 PRIVATE KEY-----\n");
  EXPECT_EQ(RunWith(script_, {"key", "import", "talker", "--key", file}).code, 0);
  EXPECT_EQ(script_.import.tss2_key(), std::string("\0\1\2", 3));
  EXPECT_EQ(script_.import.private_key(), "");
  EXPECT_EQ(script_.import.tss2_auth(), "");
  const std::string passphrase = Private("passphrase", "correct horse\n");
  const Outcome outcome = RunWith(script_, {"key", "import", "talker", "--key", file, "--passphrase-file", passphrase});
  EXPECT_EQ(script_.import.tss2_auth(), "correct horse");
  EXPECT_THAT(outcome.out, HasSubstr("can use this TPM"));
}

TEST_F(KeyFileCommandsTest, S14ImportsNoFilesThroughLinks) {
  const std::string file = Private("key.pem", test::TestKey::Generate().pem());
  ASSERT_EQ(symlink(file.c_str(), dir_.File("link").c_str()), 0);
  EXPECT_THAT(RunWith(script_, {"key", "import", "talker", "--key", dir_.File("link")}).err, HasSubstr("cannot read"));
  EXPECT_EQ(script_.calls, 0);
}

TEST_F(KeyFileCommandsTest, AdoptsAKeyOfATokenByItsLabelAndPassesOnWhatIsToBeKnown) {
  script_.import_warning = "there may be copies of it";
  const Outcome outcome = RunWith(script_, {"key", "adopt", "talker", "--label", "my key", "--backend", "hsm"});
  EXPECT_THAT(outcome.out, HasSubstr("ddskeyctl csr talker --subject /O=ORGANIZATION/CN=talker\n"));
  EXPECT_EQ(outcome.code, 0) << outcome.err;
  EXPECT_EQ(script_.import.name(), "talker");
  EXPECT_EQ(script_.import.token_label(), "my key");
  EXPECT_EQ(script_.import.backend(), "hsm");
  EXPECT_EQ(script_.import.purpose(), "handshake");
  EXPECT_THAT(outcome.out, HasSubstr("there may be copies of it\n"));
  EXPECT_EQ(RunWith(script_, {"key", "adopt", "talker", "--label", "k", "--purpose", "digest"}).code, 0);
  EXPECT_EQ(script_.import.purpose(), "digest");
  EXPECT_EQ(RunWith(script_, {"key", "adopt", "talker"}).code, 2);
  EXPECT_EQ(RunWith(script_, {"key", "adopt", "talker", "--label", "k", "--purpose", "derive"}).code, 2);
}

TEST_F(KeyFileCommandsTest, KnowsTwoPurposes) {
  const std::string file = Private("key.pem", test::TestKey::Generate().pem());
  EXPECT_EQ(RunWith(script_, {"key", "import", "talker", "--key", file, "--purpose", "derive"}).code, 2);
  EXPECT_EQ(RunWith(script_, {"key", "import", "talker"}).code, 2);
  EXPECT_EQ(script_.calls, 0);
}

TEST_F(KeyFileCommandsTest, GivesOutNoKeyUnlessThatWasConfirmed) {
  const std::string passphrase = Private("passphrase", "correct horse\n");
  const std::vector<std::string> words = {"key", "export-blob", "talker", "--passphrase-file", passphrase};
  EXPECT_THAT(RunWith(script_, words).err, HasSubstr("--yes"));
  EXPECT_THAT(RunWith(script_, words, "n\n").err, HasSubstr("no policy or record will know"));
  EXPECT_EQ(script_.calls, 0);
  EXPECT_EQ(RunWith(script_, words, "y\n").out, script_.tss2_pem);
  EXPECT_EQ(script_.give_out.name(), "talker");
  EXPECT_EQ(script_.give_out.auth(), "correct horse");
}

TEST_F(KeyFileCommandsTest, WritesAKeyFileThatOthersCannotRead) {
  const std::string passphrase = Private("passphrase", "correct horse\n");
  const std::string file = dir_.File("talker.tss2");
  const Outcome outcome =
      RunWith(script_, {"key", "export-blob", "talker", "--passphrase-file", passphrase, "--yes", "--out", file});
  EXPECT_EQ(outcome.code, 0) << outcome.err;
  EXPECT_EQ(test::ReadFile(file), script_.tss2_pem);
  struct stat found = {};
  ASSERT_EQ(stat(file.c_str(), &found), 0);
  EXPECT_EQ(found.st_mode & 07777, 0600U);
}

}  // namespace
}  // namespace ddskey::cli
