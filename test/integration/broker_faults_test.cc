// What happens to tpm2-abrmd, its bus or the TPM behind it while handshakes go on; docs/operations.md has a row for
// each.
#include <gtest/gtest.h>

#include <memory>
#include <string>

#include "test/support/dbus.h"
#include "test/support/fault_bed.h"
#include "test/support/process.h"
#include "test/support/tabrmd.h"
#include "test/support/temp_dir.h"

namespace ddskey {
namespace {

class BrokerFaultsTest : public test::FaultBed {
 protected:
  const test::TempDir dir_;
  test::DBus bus_{test::DBus::Type::kSystem};
  test::Tabrmd broker_{bus_};
};

TEST_F(BrokerFaultsTest, ABrokerThatIsKilledAndComesBack) {
  Begin(broker_.tcti());
  broker_.Kill();
  ExpectAway("check that the TPM");
  broker_.Restart();
  ExpectBack();
}

TEST_F(BrokerFaultsTest, ABrokerThatStopsAnsweringAndGoesOn) {
  Begin(broker_.tcti());
  broker_.Stop();
  ExpectAway("not answered");
  broker_.Continue();
  ExpectBack();
}

TEST_F(BrokerFaultsTest, ATpmBehindTheBrokerThatIsKilledAndComesBack) {
  Begin(broker_.tcti());
  broker_.tpm().Kill();
  ExpectAway("");
  broker_.tpm().Restart();
  ExpectBack();
}

TEST_F(BrokerFaultsTest, ATpmBehindTheBrokerThatStopsAnsweringAndGoesOn) {
  Begin(broker_.tcti());
  broker_.tpm().Stop();
  ExpectAway("not answered");
  broker_.tpm().Continue();
  ExpectBack();
}

TEST_F(BrokerFaultsTest, ABusThatIsKilledAndComesBackWithItsBroker) {
  Begin(broker_.tcti());
  bus_.Kill();
  broker_.Kill();
  ExpectAway("check that the TPM");
  bus_.Restart();
  broker_.Restart();
  ExpectBack();
}

TEST_F(BrokerFaultsTest, ABusThatStopsAndGoesOn) {
  Begin(broker_.tcti());
  bus_.Stop();
  // What is connected goes on without the bus.
  ExpectGoesOn();
  broker_.Kill();
  ExpectAway("");
  bus_.Continue();
  broker_.Restart();
  ExpectBack();
}

TEST_F(BrokerFaultsTest, ASecondProgramThroughTheBroker) {
  Begin(broker_.tcti());
  for (int i = 0; i < 5; ++i) {
    EXPECT_EQ(test::Run({"tpm2_createprimary", "-T", broker_.tcti(), "-C", "o", "-G", "ecc", "-c", dir_.File("p")}), 0);
  }
  ExpectGoesOn();
  EXPECT_TRUE(Tpm().healthy()) << Tpm().problem();
}

class SessionBrokerFaultsTest : public test::FaultBed {
 protected:
  test::DBus bus_{test::DBus::Type::kSession};
  test::Tabrmd broker_{bus_};
};

TEST_F(SessionBrokerFaultsTest, ABrokerOnASessionBusThatIsKilledAndComesBack) {
  Begin(broker_.tcti());
  broker_.Kill();
  ExpectAway("check that the TPM");
  broker_.Restart();
  ExpectBack();
}

}  // namespace
}  // namespace ddskey
