#include "client/setup/configuration.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <optional>
#include <string>

#include "test/support/status_matchers.h"

namespace ddskey::setup {
namespace {

using ::ddskey::test::StatusIs;
using ::testing::HasSubstr;
using ::testing::StartsWith;

constexpr char kOurs[] = "# Our robots.\nlimits { connections: 100 }";
const BackendChoice kTpm = {.kind = "tpm2", .tcti = "device:/dev/tpmrm0"};
const BackendChoice kSoftware = {.kind = "software", .tcti = ""};

Configuration Parsed(const std::string& text) { return *Configuration::Parse(text, "ddskeyd.textproto"); }

TEST(ConfigurationTest, AddsABackendAndLeavesTheTextAsItIs) {
  const std::string text = Parsed(kOurs).WithBackend(kTpm, false);
  EXPECT_THAT(text, StartsWith(kOurs));
  const Configuration configuration = Parsed(text);
  ASSERT_EQ(configuration.backends().size(), 1U);
  EXPECT_EQ(configuration.NameOf(kTpm), "tpm");
  EXPECT_EQ(configuration.NameOf(kSoftware), std::nullopt);
}

TEST(ConfigurationTest, KeepsKeysInSoftwareBehindTheNewBackend) {
  const Configuration configuration = Parsed(Parsed("").WithBackend(kTpm, true));
  ASSERT_EQ(configuration.backends().size(), 2U);
  EXPECT_EQ(configuration.backends()[0].kind, "tpm2");
  EXPECT_EQ(configuration.backends()[1].kind, "software");
  EXPECT_EQ(Parsed(Parsed("").WithBackend(kSoftware, true)).backends().size(), 1U);
}

TEST(ConfigurationTest, ReplacesBackendsUnderANewNameAndKeepsTheRest) {
  const std::string old = std::string(kOurs) + "\nbackend { name: \"tpm\" tpm2 { tcti: \"tabrmd:\" } }\n";
  const std::string text = Parsed(old).WithBackendsReplaced(kTpm);
  EXPECT_THAT(text, HasSubstr("connections: 100"));
  const Configuration configuration = Parsed(text);
  ASSERT_EQ(configuration.backends().size(), 1U);
  EXPECT_EQ(configuration.NameOf(kTpm), "tpm-2");
}

TEST(ConfigurationTest, KnowsTheDefaultDeviceAndThePolicyFile) {
  const Configuration configuration =
      Parsed("policy_file: \"/etc/p\" backend { name: \"a\" tpm2 {} } backend { name: \"b\" pkcs11 {} }");
  EXPECT_EQ(configuration.NameOf(kTpm), "a");
  EXPECT_EQ(configuration.backends()[1].kind, "pkcs11");
  EXPECT_EQ(configuration.policy_file(), "/etc/p");
}

TEST(ConfigurationTest, NamesTheLineOfAMistake) {
  EXPECT_THAT(Configuration::Parse("\nbackend { nme: 1 }", "ddskeyd.textproto").status(),
              StatusIs(absl::StatusCode::kInvalidArgument, StartsWith("ddskeyd.textproto:2:")));
}

}  // namespace
}  // namespace ddskey::setup
