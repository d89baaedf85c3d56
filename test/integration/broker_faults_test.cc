// What happens to tpm2-abrmd, its bus or the TPM behind it while handshakes go on; docs/operations.md has a row for
// each.
#include <gtest/gtest.h>

#include <string>

#include "test/support/dbus.h"
#include "test/support/fault_bed.h"
#include "test/support/process.h"
#include "test/support/tabrmd.h"
#include "test/support/temp_dir.h"

namespace ddskey {
namespace {

using test::DBus;

// BrokerFaultsTest is a broker on either bus.
class BrokerFaultsTest : public test::FaultBed, public ::testing::WithParamInterface<DBus::Type> {
 protected:
  DBus bus_{GetParam()};
  test::Tabrmd broker_{bus_};
};

TEST_P(BrokerFaultsTest, ABrokerThatIsKilledAndComesBack) {
  Begin(broker_.tcti());
  broker_.Kill();
  ExpectAway("check that the TPM");
  broker_.Restart();
  ExpectBack();
  // Nobody had time to notice.
  broker_.Restart();
  ExpectBack();
}

TEST_P(BrokerFaultsTest, ABrokerThatStopsAnsweringAndGoesOn) {
  Begin(broker_.tcti());
  broker_.Stop();
  ExpectAway("not answered");
  broker_.Continue();
  ExpectBack();
}

TEST_P(BrokerFaultsTest, ABusThatIsKilledAndComesBackWithItsBroker) {
  Begin(broker_.tcti());
  bus_.Kill();
  broker_.Kill();
  ExpectAway("check that the TPM");
  bus_.Restart();
  broker_.Restart();
  ExpectBack();
}

TEST_P(BrokerFaultsTest, ABusThatStopsAndGoesOn) {
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

INSTANTIATE_TEST_SUITE_P(Buses, BrokerFaultsTest, ::testing::Values(DBus::Type::kSystem, DBus::Type::kSession),
                         [](const auto& info) {
                           return std::string(info.param == DBus::Type::kSystem ? "System" : "Session");
                         });

// BrokeredTpmFaultsTest is a TPM behind a broker that nothing happens to.
class BrokeredTpmFaultsTest : public test::FaultBed {
 protected:
  const test::TempDir dir_;
  DBus bus_{DBus::Type::kSystem};
  test::Tabrmd broker_{bus_};
};

TEST_F(BrokeredTpmFaultsTest, ATpmBehindTheBrokerThatIsKilledAndComesBack) {
  Begin(broker_.tcti());
  broker_.tpm().Kill();
  ExpectAway("");
  broker_.tpm().Restart();
  // Now and then tpm2-abrmd does not recover: it leaves what it loads in the TPM, until that is full. Then that is
  // said, and its restart mends it.
  const int before = traffic_->completed();
  const auto stuck = [&] { return Device().problem().find("restart the service in front of it") != std::string::npos; };
  constexpr int kMany = 20;
  ASSERT_TRUE(test::WaitFor([&] { return traffic_->completed() > before + kMany || stuck(); })) << Device().problem();
  if (stuck()) broker_.Restart();
  ExpectBack();
}

TEST_F(BrokeredTpmFaultsTest, ATpmBehindTheBrokerThatStopsAnsweringAndGoesOn) {
  Begin(broker_.tcti());
  broker_.tpm().Stop();
  ExpectAway("not answered");
  broker_.tpm().Continue();
  ExpectBack();
}

TEST_F(BrokeredTpmFaultsTest, ASecondProgramThroughTheBroker) {
  Begin(broker_.tcti());
  for (int i = 0; i < 5; ++i) {
    EXPECT_EQ(test::Run({"tpm2_createprimary", "-T", broker_.tcti(), "-C", "o", "-G", "ecc", "-c", dir_.File("p")}), 0);
  }
  ExpectGoesOn();
  EXPECT_TRUE(Device().healthy()) << Device().problem();
}

}  // namespace
}  // namespace ddskey
