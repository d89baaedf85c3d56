// The TPM backend alone, against bare loops of ESAPI.
#include <chrono>
#include <vector>

#include "test/bench/esapi_signer.h"
#include "test/bench/queue_signer.h"
#include "test/bench/rows.h"
#include "test/support/swtpm.h"
#include "test/support/tabrmd.h"

namespace ddskey::bench {
namespace {

constexpr std::chrono::milliseconds kTime(1000);
constexpr int kClients = 8;

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

}  // namespace ddskey::bench
