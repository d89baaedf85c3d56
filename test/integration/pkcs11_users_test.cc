// Our PKCS#11 module under users who are not root.
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <sys/types.h>

#include <filesystem>
#include <string>

#include "absl/strings/str_cat.h"
#include "test/support/pkcs11_token.h"
#include "test/support/process.h"
#include "test/support/status_matchers.h"
#include "test/support/temp_dir.h"
#include "test/support/test_daemon.h"

namespace ddskey::test {
namespace {

using ::testing::AllOf;
using ::testing::HasSubstr;
using ::testing::Not;

constexpr uid_t kUser = 60101;
constexpr uid_t kStranger = 60102;
constexpr char kPolicy[] = R"(
rule { name: "root" effect: ALLOW caller { uid: 0 } key: "*" operation: [KEY_CREATE, STATUS] }
rule { name: "user" effect: ALLOW caller { uid: 60101 } key: "rsa*" operation: SIGN_DIGEST }
)";

// The programs find the module by a file of p11-kit in the user's own configuration.
class Pkcs11UsersTest : public ::testing::Test {
 protected:
  Pkcs11UsersTest() : daemon_(Options()) {
    for (const char* algorithm : {"ec-p256", "rsa-2048"}) {
      v1::CreateKeyRequest create;
      create.set_name(algorithm);
      create.set_algorithm(algorithm);
      create.set_purpose("digest");
      EXPECT_OK(daemon_.admin().CreateKey(create).status());
    }
    std::filesystem::copy_file(kPkcs11Module, module_);
    std::filesystem::create_directories(folder_.File("config/pkcs11/modules"));
    folder_.Write("config/pkcs11/modules/ddskey.module", absl::StrCat("module: ", module_, "\n"));
    folder_.Write("digest", std::string(32, 'd'));
    EXPECT_EQ(test::Run({"chmod", "-R", "a+rX", folder_.path()}), 0);
  }

  static TestDaemon::Options Options() {
    TestDaemon::Options options;
    options.policy = kPolicy;
    return options;
  }

  // As runs a program as `user` and returns what it printed, and its exit status unless that is 0.
  std::string As(uid_t user, const std::vector<std::string>& command) {
    Process::Options options;
    options.user = user;
    options.environment = {{"DDSKEY_SOCKET", daemon_.socket()},
                           {"HOME", folder_.path().string()},
                           {"XDG_CONFIG_HOME", folder_.File("config")}};
    std::string output;
    const int status = test::Run(command, &output, options);
    return status == 0 ? output : absl::StrCat("exit status ", status, ": ", output);
  }

  TestDaemon daemon_;
  const TempDir folder_;
  const std::string module_ = folder_.File("module.so");
};

TEST_F(Pkcs11UsersTest, P11KitFindsTheModuleByItsFile) {
  EXPECT_THAT(As(kStranger, {"p11-kit", "list-modules"}),
              AllOf(HasSubstr(absl::StrCat("ddskey: ", module_)), HasSubstr("token: ddskey")));
}

TEST_F(Pkcs11UsersTest, EachUserSeesAndUsesTheKeysThatPolicyGrants) {
  const std::vector<std::string> list = {"pkcs11-tool", "--module", module_, "--list-objects"};
  EXPECT_THAT(As(kUser, list), AllOf(HasSubstr("rsa-2048"), Not(HasSubstr("ec-p256"))));
  EXPECT_THAT(As(kStranger, list), Not(HasSubstr("Object")));
  const auto sign = [&](const char* mechanism) {
    std::vector<std::string> command = {"pkcs11-tool",   "--module", module_,    "--sign",       "--mechanism",
                                        mechanism,       "--label",  "rsa-2048", "--input-file", folder_.File("digest"),
                                        "--output-file", "/dev/null"};
    if (std::string(mechanism) == "RSA-PKCS-PSS") command.insert(command.end(), {"--hash-algorithm", "SHA256"});
    return command;
  };
  EXPECT_THAT(As(kUser, sign("RSA-PKCS-PSS")), Not(HasSubstr("exit status")));
  EXPECT_THAT(As(kUser, sign("SHA256-RSA-PKCS")), HasSubstr("CKR_KEY_FUNCTION_NOT_PERMITTED"))
      << "SIGN_PKCS1 was not granted";
  EXPECT_THAT(As(kStranger, sign("RSA-PKCS-PSS")), HasSubstr("exit status"));
}

}  // namespace
}  // namespace ddskey::test
