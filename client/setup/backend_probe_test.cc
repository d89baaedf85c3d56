#include "client/setup/backend_probe.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>

#include "test/support/status_matchers.h"

namespace ddskey::setup {
namespace {

using ::ddskey::test::StatusIs;
using ::testing::HasSubstr;
using ::testing::IsEmpty;

Surroundings With(bool device, bool broker, const std::string& tcti = "") {
  return {.has_device = [device](const std::string& path) { return device && path == "/dev/tpmrm0"; },
          .has_broker = [broker] { return broker; },
          .variable = [tcti](const std::string& name) { return name == "TPM2TOOLS_TCTI" ? tcti : ""; }};
}

TEST(BackendProbeTest, PrefersTheKernelsTpmThenTheBrokerThenASoftwareTpm) {
  EXPECT_EQ(FindBackend("", With(true, true))->choice.tcti, "device:/dev/tpmrm0");
  EXPECT_EQ(FindBackend("", With(false, true, "swtpm:path=/run/s"))->choice.tcti, "tabrmd:");
  const auto software_tpm = FindBackend("", With(false, false, "swtpm:path=/run/s"));
  EXPECT_EQ(software_tpm->choice.tcti, "swtpm:path=/run/s");
  EXPECT_THAT(software_tpm->warning, HasSubstr("software TPM"));
}

TEST(BackendProbeTest, WarnsWhenKeysWouldBeInSoftware) {
  const auto found = FindBackend("", With(false, false));
  EXPECT_EQ(found->choice.kind, "software");
  EXPECT_THAT(found->warning, HasSubstr("no TPM"));
  // Not somebody who asks for it.
  EXPECT_THAT(FindBackend("software", With(true, true))->warning, IsEmpty());
}

TEST(BackendProbeTest, TakesWhatIsAskedForOnlyIfItIsThere) {
  EXPECT_EQ(FindBackend("tabrmd", With(true, true))->choice.tcti, "tabrmd:");
  EXPECT_THAT(FindBackend("tpm", With(false, true)).status(),
              StatusIs(absl::StatusCode::kFailedPrecondition, HasSubstr("/dev/tpmrm0")));
  EXPECT_THAT(FindBackend("tabrmd", With(true, false)).status(),
              StatusIs(absl::StatusCode::kFailedPrecondition, HasSubstr("tpm2-abrmd")));
  EXPECT_EQ(FindBackend("device:/dev/tpmrm1", With(false, false))->choice.tcti, "device:/dev/tpmrm1");
}

TEST(BackendProbeTest, RefusesWordsThatAreNoBackend) {
  for (const char* word : {"tmp", ":x", "swtpm:path=\"", "swtpm:path=a b"}) {
    EXPECT_THAT(FindBackend(word, With(true, true)).status(), StatusIs(absl::StatusCode::kInvalidArgument)) << word;
  }
}

}  // namespace
}  // namespace ddskey::setup
