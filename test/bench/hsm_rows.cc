// Keys in a PKCS#11 token, behind the daemon and in process.
#include <openssl/sha.h>
#include <stdlib.h>
#include <sys/stat.h>

#include <chrono>
#include <memory>
#include <string>
#include <vector>

#include "client/signing_client.h"
#include "ddskey/v1/admin.pb.h"
#include "ddskey/v1/signing.pb.h"
#include "test/bench/bench_daemon.h"
#include "test/bench/clients.h"
#include "test/bench/hsm_signer.h"
#include "test/bench/rows.h"
#include "test/support/pki.h"
#include "test/support/process.h"
#include "test/support/softhsm.h"
#include "test/support/softhsm_backend.h"
#include "test/support/temp_dir.h"
#include "test/support/test_daemon.h"

namespace ddskey::bench {
namespace {

constexpr std::chrono::milliseconds kTime(1000);
constexpr size_t kClients = 8;
constexpr char kKey[] = "key";

// SignDigests is what each client does with the key of this public key.
Clients::Call SignDigests(const std::string& socket, const std::string& public_key) {
  const auto client = std::make_shared<SigningClient>(socket);
  v1::SignDigestRequest request;
  request.set_key_name(kKey);
  std::string digest(SHA256_DIGEST_LENGTH, '\0');
  SHA256(reinterpret_cast<const unsigned char*>(public_key.data()), public_key.size(),
         reinterpret_cast<unsigned char*>(digest.data()));
  request.set_public_key_sha256(digest);
  request.set_scheme(v1::ECDSA);
  request.set_digest(std::string(32, 'd'));
  return [client, request] {
    const auto answer = client->SignDigest(request, CallClock::now() + std::chrono::seconds(20));
    return answer.status.ok() ? std::string() : answer.status.message;
  };
}

}  // namespace

std::vector<Line> HsmRate(int rounds) {
  // The daemon has the PIN as systemd would give it.
  const test::TempDir credentials;
  const test::SoftHsm hsm;
  hsm.AddToken("ours", "1234");
  chmod(credentials.Write("ddskeyd.pkcs11-pin", "1234").c_str(), 0400);
  setenv("CREDENTIALS_DIRECTORY", credentials.path().c_str(), 1);
  test::TestDaemon daemon(UnlimitedOptions(test::SoftHsmBackend(hsm, "hsm", "ours")));
  unsetenv("CREDENTIALS_DIRECTORY");
  v1::CreateKeyRequest create;
  create.set_name(kKey);
  create.set_purpose("digest");
  daemon.Enroll(create, test::TestCa::Root("identity CA"), test::Named(kKey));
  v1::GetKeyRequest get;
  get.set_name(kKey);
  const std::string public_key = test::TestDaemon::PublicKeyOf(daemon.admin().GetKey(get)->key());
  Clients clients(kClients, [&](size_t) { return SignDigests(daemon.socket(), public_key); });
  HsmSigner in_process;
  std::vector<double> ours, reference;
  for (int round = 0; round < rounds; ++round) {
    ours.push_back(clients.RunFor(kTime));
    reference.push_back(in_process.RunFor(kTime, kClients));
  }
  return {
      Paired("signatures a second with a key in SoftHSM2, 8 processes through the daemon, over 8 threads in process",
             ours, reference, "/s", 0.5, true)};
}

}  // namespace ddskey::bench
