#include "test/support/softhsm.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>

#include "test/support/pki.h"
#include "test/support/process.h"

namespace ddskey::test {
namespace {

using ::testing::HasSubstr;
using ::testing::Not;

std::string Listed(const SoftHsm& hsm) {
  Process::Options options;
  options.environment["SOFTHSM2_CONF"] = hsm.config();
  std::string output;
  Run({"pkcs11-tool", "--module", kSoftHsmModule, "--login", "--pin", "4321", "--token-label", "robot",
       "--list-objects"},
      &output, options);
  return output;
}

TEST(SoftHsmTest, MakesTokensWithKeysThatComeAndGo) {
  const SoftHsm hsm;
  const std::string serial = hsm.AddToken("robot", "1234");
  EXPECT_EQ(serial.size(), 16);
  EXPECT_NE(hsm.AddToken("other", "1234"), serial);
  hsm.Import("robot", "1234", TestKey::Generate().pem(), "arm", "a1b2");
  hsm.SetPin("robot", "4321");
  EXPECT_THAT(Listed(hsm), HasSubstr("label:      arm"));
  hsm.Remove();
  EXPECT_THAT(Listed(hsm), Not(HasSubstr("arm")));
  hsm.Return();
  EXPECT_THAT(Listed(hsm), HasSubstr("a1b2"));
}

}  // namespace
}  // namespace ddskey::test
