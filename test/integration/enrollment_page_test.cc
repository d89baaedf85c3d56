// That the commands of docs/enrollment.md are right: they are run, one after the other.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cstdlib>
#include <filesystem>
#include <string>

#include "test/support/document.h"
#include "test/support/process.h"
#include "test/support/temp_dir.h"
#include "test/support/test_daemon.h"
#include "test/support/tpm_manufacturer.h"

namespace ddskey {
namespace {

using ::testing::HasSubstr;

TEST(EnrollmentPageTest, S11TheLinesInTheDocumentationEnrolKeys) {
  const std::string script =
      "set -e\n" + test::ShellLines("docs/enrollment.md", "//test/integration:enrollment_page_test");
  ASSERT_THAT(script, HasSubstr("openssl x509"));
  const test::TempDir dir;
  const test::TpmManufacturer manufacturer;
  const auto tpm = manufacturer.Make();
  const test::TestDaemon daemon(test::TestDaemon::WithTpm(tpm->tcti()));
  std::filesystem::copy(manufacturer.roots(), dir.File("roots.pem"));
  std::filesystem::permissions(dir.Write("passphrase", "correct horse\n"), std::filesystem::perms(0600));
  test::Process::Options options;
  options.environment["PATH"] = std::filesystem::absolute("client/cli").string() + ":" + std::getenv("PATH");
  options.environment["DDSKEY_ADMIN_SOCKET"] = daemon.admin_socket();
  options.environment["TPM2TOOLS_TCTI"] = tpm->tcti();
  const std::string begin = "cd " + dir.path().string() +
                            "\nddskeyctl ca init ca --organization Lab --passphrase-file passphrase\n"
                            "cp ca/identity_ca.pem .\n";
  std::string output;
  EXPECT_EQ(test::Run({"sh", "-c", begin + script}, &output, options), 0) << output << daemon.Log();
  EXPECT_THAT(output, HasSubstr("\nBOUND\n"));
  EXPECT_EQ(test::Run({"client/cli/ddskeyctl", "identity", "show", "listener"}, &output, options), 0) << output;
  EXPECT_THAT(output, HasSubstr("CN=listener,O=Lab"));
}

}  // namespace
}  // namespace ddskey
