// Where the commands of the CA find its passphrase.
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/stat.h>

#include <string>
#include <vector>

#include "client/cli/fake_admin_client.h"
#include "test/support/temp_dir.h"

namespace ddskey::cli {
namespace {

using ::testing::HasSubstr;

// CaCommandsTest is a CA whose passphrase is elsewhere at first.
class CaCommandsTest : public ::testing::Test {
 protected:
  CaCommandsTest() {
    const std::string file = Passphrase("passphrase", "correct horse\n");
    EXPECT_EQ(RunWith(script_, {"ca", "init", ca_, "--passphrase-file", file}).code, kOk);
  }

  std::string Passphrase(const std::string& name, const std::string& content, mode_t mode = 0600) {
    const std::string path = folder_.Write(name, content);
    EXPECT_EQ(chmod(path.c_str(), mode), 0);
    return path;
  }
  Outcome MakeList(const std::vector<std::string>& more = {}) {
    std::vector<std::string> words = {"ca", "crl", ca_};
    words.insert(words.end(), more.begin(), more.end());
    return RunWith(script_, words);
  }

  const test::TempDir folder_;
  const std::string ca_ = folder_.File("ca");
  Script script_;
};

TEST_F(CaCommandsTest, TakeThePassphraseThatLiesInTheFolder) {
  EXPECT_THAT(MakeList().err, HasSubstr("give --passphrase-file")) << "there is none";
  Passphrase("ca/passphrase", "correct horse\n");
  const Outcome list = MakeList();
  EXPECT_EQ(list.code, kOk) << list.err;
  EXPECT_THAT(list.out, HasSubstr("BEGIN X509 CRL"));
  const std::string xml = folder_.Write("governance.xml", "<dds><domain_access_rules/></dds>");
  const Outcome document = RunWith(script_, {"ca", "sign", ca_, "--document", xml});
  EXPECT_EQ(document.code, kOk) << document.err;
}

TEST_F(CaCommandsTest, TakeThePassphraseThatIsNamedFirst) {
  Passphrase("ca/passphrase", "battery staple\n");
  EXPECT_NE(MakeList().code, kOk);
  EXPECT_EQ(MakeList({"--passphrase-file", folder_.File("passphrase")}).code, kOk);
}

TEST_F(CaCommandsTest, S14TakeNoPassphraseThatOthersCanRead) {
  Passphrase("ca/passphrase", "correct horse\n", 0640);
  const Outcome outcome = MakeList();
  EXPECT_NE(outcome.code, kOk);
  EXPECT_THAT(outcome.err, HasSubstr("chmod 600 "));
}

}  // namespace
}  // namespace ddskey::cli
