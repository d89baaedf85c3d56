// What happens to a PKCS#11 token and the process of its module while handshakes go on; docs/operations.md says it in
// short.
#include <gtest/gtest.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/stat.h>

#include <chrono>
#include <string>

#include "test/support/fault_bed.h"
#include "test/support/softhsm.h"
#include "test/support/softhsm_backend.h"
#include "test/support/temp_dir.h"

namespace ddskey {
namespace {

class HsmFaultsTest : public test::FaultBed {
 protected:
  HsmFaultsTest() {
    chmod(credentials_.Write("ddskeyd.pkcs11-pin", "1234").c_str(), 0400);
    setenv("CREDENTIALS_DIRECTORY", credentials_.path().c_str(), 1);
    hsm_.AddToken("robot", "1234");
  }
  ~HsmFaultsTest() override { unsetenv("CREDENTIALS_DIRECTORY"); }

  void BeginWith(const std::string& more = "", std::chrono::milliseconds longest = std::chrono::seconds(3)) {
    Begin({"hsm", "pkcs11", test::SoftHsmBackend(hsm_, "hsm", "robot", more), longest});
  }
  void SignalHelper(int signal) {
    const auto helpers = test::HelpersOf(daemon_->process().pid());
    ASSERT_FALSE(helpers.empty());
    for (const pid_t helper : helpers) kill(helper, signal);
  }

  const test::TempDir credentials_;
  const test::SoftHsm hsm_;
};

TEST_F(HsmFaultsTest, S15AModuleWhoseProcessIsKilledAgainAndAgain) {
  BeginWith();
  for (int i = 0; i < 3; ++i) {
    SignalHelper(SIGKILL);
    ExpectBack();
  }
}

TEST_F(HsmFaultsTest, S15AModuleThatHangs) {
  BeginWith("call_timeout_ms: 500", std::chrono::seconds(5));
  SignalHelper(SIGSTOP);
  ExpectBack();
}

TEST_F(HsmFaultsTest, ATokenThatIsRemovedAndReturned) {
  BeginWith();
  hsm_.Remove();
  SignalHelper(SIGKILL);
  ExpectAway("robot");
  EXPECT_EQ(daemon_->Status().unusable_keys(), 0U) << "it was there, and may be again";
  hsm_.Return();
  ExpectBack();
}

TEST_F(HsmFaultsTest, ADaemonThatIsKilled) {
  BeginWith();
  daemon_->Kill();
  daemon_->Start();
  ExpectBack();
  EXPECT_EQ(test::HelpersOf(daemon_->process().pid()).size(), 1U);
}

}  // namespace
}  // namespace ddskey
