#include "test/support/swtpm.h"

#include <gtest/gtest.h>

#include <string>

#include "test/support/process.h"

namespace ddskey::test {
namespace {

// Startup is 0 when the TPM takes TPM2_Startup(CLEAR).
int Startup(const Swtpm& tpm) { return Run({"tpm2_startup", "-T", tpm.tcti(), "-c"}); }

// GetRandom is 0 when the TPM answers.
int GetRandom(const Swtpm& tpm) { return Run({"tpm2_getrandom", "-T", tpm.tcti(), "--hex", "8"}); }

TEST(SwtpmTest, AnswersAndComesBackAfterItWasKilled) {
  Swtpm tpm;
  EXPECT_EQ(GetRandom(tpm), 0);
  tpm.Kill();
  EXPECT_NE(GetRandom(tpm), 0);
  tpm.Restart();
  EXPECT_EQ(GetRandom(tpm), 0);
}

TEST(SwtpmTest, NeedsStartupAfterPowerCycle) {
  Swtpm tpm;
  tpm.PowerCycle();
  EXPECT_NE(GetRandom(tpm), 0);
  EXPECT_EQ(Startup(tpm), 0);
  EXPECT_EQ(GetRandom(tpm), 0);
}

TEST(SwtpmTest, IsSilentWhileStopped) {
  Swtpm tpm;
  tpm.Stop();
  const auto client = Process::Start({"tpm2_getrandom", "-T", tpm.tcti(), "--hex", "8"}, {});
  EXPECT_FALSE(client->Wait(std::chrono::milliseconds(300)).has_value());
  tpm.Continue();
  EXPECT_EQ(client->Wait(), 0);
}

}  // namespace
}  // namespace ddskey::test
