// The TPM backend alone, against bare loops of ESAPI.
#include <chrono>
#include <future>
#include <vector>

#include "test/bench/esapi_rotation.h"
#include "test/bench/esapi_signer.h"
#include "test/bench/queue_signer.h"
#include "test/bench/rows.h"
#include "test/support/process.h"
#include "test/support/swtpm.h"
#include "test/support/tabrmd.h"

namespace ddskey::bench {
namespace {

constexpr std::chrono::milliseconds kTime(1000);
constexpr int kClients = 8;
constexpr int kKeys = 50;
// Longer than the longest pause between two attempts to reach a TPM.
constexpr std::chrono::milliseconds kAway(3000);

// ReturnOf is how long the first signature takes, in milliseconds, of one that waits from when a device goes away, once
// it is made to come back; its own start counts.
template <typename Device>
double ReturnOf(Device& device) {
  using Clock = std::chrono::steady_clock;
  QueueSigner signer(device.tcti());
  device.Kill();
  auto signature = std::async(std::launch::async, [&signer] { signer.SignOne(); });
  test::WaitFor([&] { return signature.wait_for(kAway) == std::future_status::ready; }, kAway);
  const auto back = Clock::now();
  device.Restart();
  signature.get();
  return std::chrono::duration<double, std::milli>(Clock::now() - back).count();
}

}  // namespace

std::vector<Line> SignRate(int rounds) {
  const test::Swtpm tpm;
  const test::Swtpm plain_tpm;
  const test::Swtpm session_tpm;
  const test::Tabrmd broker;
  const test::Tabrmd session_broker;
  QueueSigner ours(tpm.tcti());
  QueueSigner ours_brokered(broker.tcti());
  EsapiSigner plain(plain_tpm.tcti(), EsapiSigner::Session::kPlain);
  EsapiSigner session(session_tpm.tcti(), EsapiSigner::Session::kEncrypted);
  EsapiSigner session_brokered(session_broker.tcti(), EsapiSigner::Session::kEncrypted);
  std::vector<double> of_ours, of_plain, of_session, of_ours_brokered, of_session_brokered;
  for (int round = 0; round < rounds; ++round) {
    of_ours.push_back(ours.RunFor(kTime, kClients));
    of_plain.push_back(plain.RunFor(kTime));
    of_session.push_back(session.RunFor(kTime));
    of_ours_brokered.push_back(ours_brokered.RunFor(kTime, kClients));
    of_session_brokered.push_back(session_brokered.RunFor(kTime));
  }
  return {Paired("TPM signatures a second, encrypted session, 8 waiting, over bare ESAPI with the same session",
                 of_ours, of_session, "/s", 1.5, true),
          Paired("the same, over bare ESAPI with a password in the clear", of_ours, of_plain, "/s", 0.95, true),
          Paired("the same through tpm2-abrmd, over bare ESAPI with the same session through it", of_ours_brokered,
                 of_session_brokered, "/s", 0.95, true)};
}

std::vector<Line> KeyRotation(int rounds) {
  const test::Swtpm tpm;
  const test::Swtpm bare_tpm;
  QueueSigner ours(tpm.tcti(), kKeys);
  EsapiRotation bare(bare_tpm.tcti(), kKeys);
  std::vector<double> of_ours, of_bare;
  for (int round = 0; round < rounds; ++round) {
    of_ours.push_back(ours.RunFor(kTime, kClients));
    of_bare.push_back(bare.RunFor(kTime));
  }
  return {Paired("signatures a second with 50 TPM keys in turn, three slots, over bare load, sign and flush", of_ours,
                 of_bare, "/s", 1.0, true)};
}

std::vector<Line> DeviceReturn(int rounds) {
  std::vector<double> of_tpm, of_broker;
  for (int round = 0; round < rounds; ++round) {
    test::Swtpm tpm;
    of_tpm.push_back(ReturnOf(tpm));
    test::Tabrmd broker;
    of_broker.push_back(ReturnOf(broker));
  }
  return {Single("TPM back to first good signature, its own start included", of_tpm, "ms", 2000),
          Single("the same for tpm2-abrmd", of_broker, "ms", 2000)};
}

}  // namespace ddskey::bench
