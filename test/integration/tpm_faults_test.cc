// What happens to a TPM while handshakes go on; docs/operations.md has a row for each.
#include <gtest/gtest.h>

#include <chrono>
#include <filesystem>
#include <string>
#include <vector>

#include "test/support/fault_bed.h"
#include "test/support/process.h"
#include "test/support/swtpm.h"
#include "test/support/temp_dir.h"

namespace ddskey {
namespace {

class TpmFaultsTest : public test::FaultBed {
 protected:
  // Tool runs a program of tpm2-tools on the TPM, and returns its exit status.
  int Tool(std::vector<std::string> command) {
    command.insert(command.begin() + 1, {"-T", tpm_.tcti()});
    return test::Run(command);
  }

  const test::TempDir dir_;
  test::Swtpm tpm_;
};

TEST_F(TpmFaultsTest, ATpmThatIsKilledAndComesBack) {
  Begin(tpm_.tcti());
  tpm_.Kill();
  ExpectAway("check that the TPM");
  tpm_.Restart();
  ExpectBack();
}

TEST_F(TpmFaultsTest, ATpmThatIsRestartedUnnoticed) {
  Begin(tpm_.tcti());
  tpm_.Restart();
  ExpectBack();
}

TEST_F(TpmFaultsTest, ATpmThatStopsAnsweringAndGoesOn) {
  Begin(tpm_.tcti());
  tpm_.Stop();
  ExpectAway("not answered");
  tpm_.Continue();
  ExpectBack();
}

TEST_F(TpmFaultsTest, ATpmThatIsPowerCycled) {
  Begin(tpm_.tcti());
  for (int i = 0; i < 3; ++i) {
    tpm_.PowerCycle();
    ExpectBack();
  }
}

TEST_F(TpmFaultsTest, ATpmThatLosesPower) {
  Begin(tpm_.tcti());
  tpm_.PowerOff();
  ExpectAway("power");
  tpm_.PowerOn();
  ExpectBack();
}

TEST_F(TpmFaultsTest, ATpmWhoseMemoryIsSetBack) {
  const std::string older = dir_.File("older");
  tpm_.Kill();
  std::filesystem::copy(tpm_.state(), older);
  tpm_.Restart();
  Begin(tpm_.tcti());
  ASSERT_EQ(Tool({"tpm2_nvdefine", "0x1500016", "-s", "32"}), 0);
  tpm_.Kill();
  std::filesystem::remove_all(tpm_.state());
  std::filesystem::copy(older, tpm_.state());
  tpm_.Restart();
  ExpectBack();
  EXPECT_NE(Tool({"tpm2_nvread", "0x1500016"}), 0) << "the TPM was not set back";
}

TEST_F(TpmFaultsTest, ATpmThatIsAbsentAtTheStart) {
  Begin(tpm_.tcti());
  tpm_.Kill();
  daemon_->Kill();
  daemon_->Start();
  ExpectAway("check that the TPM");
  EXPECT_EQ(daemon_->Status().unusable_keys(), 0U) << "nobody knows yet";
  tpm_.Restart();
  ExpectBack();
}

TEST_F(TpmFaultsTest, ADaemonEndsInOrderWhileItsTpmDoesNotAnswer) {
  Begin(tpm_.tcti());
  tpm_.Stop();
  ExpectAway("not answered");
  const auto began = std::chrono::steady_clock::now();
  EXPECT_EQ(daemon_->Stop(), 0);
  EXPECT_LT(std::chrono::steady_clock::now() - began, std::chrono::seconds(8))
      << "three for the calls under way, two for the TPM";
  tpm_.Continue();
  daemon_->Start();
  ExpectBack();
}

TEST_F(TpmFaultsTest, S12ATpmThatIsLockedAgainstGuessingByAnotherProgram) {
  Begin(tpm_.tcti());
  ASSERT_EQ(Tool({"tpm2_dictionarylockout", "--setup-parameters", "--max-tries=2", "--recovery-time=3600",
                  "--lockout-recovery-time=60"}),
            0);
  ASSERT_EQ(Tool({"tpm2_nvdefine", "0x1500016", "-s", "8", "-p", "right", "-a", "authread|authwrite"}), 0);
  for (int i = 0; i < 3; ++i) EXPECT_NE(Tool({"tpm2_nvread", "0x1500016", "-P", "wrong"}), 0);
  EXPECT_NE(Tool({"tpm2_nvread", "0x1500016", "-P", "right"}), 0) << "the TPM is not locked";
  std::string output;
  EXPECT_TRUE(test::WaitFor([&] {
    return CtlStatus(output) == 0 &&
           output.find("for 3600 s at most; keys that this daemon made go on") != std::string::npos;
  })) << output;
  ExpectGoesOn();
  daemon_->Enroll("made-in-lockout", ca_, {}, "ec-p256", "tpm");
  ASSERT_EQ(Tool({"tpm2_dictionarylockout", "-c"}), 0);
  EXPECT_TRUE(test::WaitFor([&] { return Device().warning().empty(); }));
}

TEST_F(TpmFaultsTest, ASecondProgramThatFillsTheTpmAndFlushesWhatItFinds) {
  Begin(tpm_.tcti());
  const std::string parent = dir_.File("parent");
  int made = 0;
  for (int i = 0; i < 8; ++i) {
    if (Tool({"tpm2_createprimary", "-C", "o", "-G", "ecc", "-c", parent}) == 0) ++made;
    EXPECT_EQ(Tool({"tpm2_getrandom", "-o", dir_.File("random"), "8"}), 0);
    if (i % 2 == 0) Tool({"tpm2_flushcontext", "-t"});
  }
  EXPECT_GT(made, 0) << "the second program had no turn";
  ExpectGoesOn();
  EXPECT_TRUE(Device().healthy()) << Device().problem();
}

TEST_F(TpmFaultsTest, FiftyKeysInThreePlaces) {
  Begin(tpm_.tcti(), 25);
  EXPECT_EQ(daemon_->Status().keys(), 52U);
  EXPECT_TRUE(Device().healthy()) << Device().problem();
}

}  // namespace
}  // namespace ddskey
