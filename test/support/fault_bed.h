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

// FaultBed is a daemon with the backends "tpm" and "software", and handshakes with keys of both going on all the time,
// while a test does something to the TPM. At the end no key may be lost and no signature have been wrong.
class FaultBed : public ::testing::Test {
 protected:
  // kLongest is how long after its return a device may be unused.
  static constexpr std::chrono::milliseconds kLongest{2000};

  // Begin starts the daemon with the TPM at `tcti`, and `pairs` pairs of participants with keys in it.
  void Begin(const std::string& tcti, int pairs = 3);
  void TearDown() override;

  // Tpm is what the daemon says of the TPM.
  v1::BackendStatus Tpm();

  // CtlStatus is the exit status of `ddskeyctl status`, and what it prints.
  int CtlStatus(std::string& output);

  // ExpectAway waits until `ddskeyctl status` says of the TPM that it is not healthy, with `words`; the handshakes of
  // the other backend go on meanwhile.
  void ExpectAway(const std::string& words);

  // ExpectBack is called when the device is back: the first handshake is complete within `kLongest`, every pair meets
  // again, and `ddskeyctl status` says that all is well. The time is printed.
  void ExpectBack();

  // ExpectGoesOn waits until every pair has met again.
  void ExpectGoesOn();

  const TestCa ca_ = TestCa::Root("identity CA");
  std::unique_ptr<TestDaemon> daemon_;
  std::unique_ptr<HandshakeTraffic> traffic_;
  std::unique_ptr<HandshakeTraffic> others_;
};

}  // namespace ddskey::test

#endif  // TEST_SUPPORT_FAULT_BED_H_
