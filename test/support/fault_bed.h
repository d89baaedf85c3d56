#ifndef TEST_SUPPORT_FAULT_BED_H_
#define TEST_SUPPORT_FAULT_BED_H_

#include <gtest/gtest.h>

#include <chrono>
#include <memory>
#include <string>

#include "test/support/handshake_traffic.h"
#include "test/support/pki.h"
#include "test/support/test_daemon.h"

namespace ddskey::test {

// FaultBed is a daemon with the backend of a device and one named "software", and handshakes with keys of both going on
// all the time, while a test does something to the device. At the end no key may be lost and no signature have been
// wrong.
class FaultBed : public ::testing::Test {
 protected:
  // FaultyDevice is what something is done to.
  struct FaultyDevice {
    // Of its backend.
    std::string name;
    std::string kind;
    // Its backend in the daemon's configuration, in text format.
    std::string backend;
    // How long after its return it may be unused.
    std::chrono::milliseconds longest{2000};
  };

  // Begin starts the daemon with a device, and `pairs` pairs of participants with keys in it.
  void Begin(FaultyDevice device, int pairs = 3);
  // The same with the TPM at `tcti`, as backend "tpm".
  void Begin(const std::string& tcti, int pairs = 3);
  void TearDown() override;

  // Device is what the daemon says of the device.
  v1::BackendStatus Device();

  // CtlStatus is the exit status of `ddskeyctl status`, and what it prints.
  int CtlStatus(std::string& output);

  // ExpectAway waits until `ddskeyctl status` says of the device that it is not healthy, with `words`; the handshakes
  // of the other backend go on meanwhile.
  void ExpectAway(const std::string& words);

  // ExpectBack is called when the device is back: the first handshake is complete within the time that the device has,
  // every pair meets again, and `ddskeyctl status` says that all is well. The time is printed, and returned.
  std::chrono::milliseconds ExpectBack();

  // ExpectGoesOn waits until every pair has met again.
  void ExpectGoesOn();

  FaultyDevice device_;
  const TestCa ca_ = TestCa::Root("identity CA");
  std::unique_ptr<TestDaemon> daemon_;
  std::unique_ptr<HandshakeTraffic> traffic_;
  std::unique_ptr<HandshakeTraffic> others_;
};

}  // namespace ddskey::test

#endif  // TEST_SUPPORT_FAULT_BED_H_
