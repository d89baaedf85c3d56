// How many signatures a second a TPM makes through TpmBackend with so many works waiting, against a bare loop of
// ESAPI on the same TPM; and what a software signature costs through SoftwareBackend, against OpenSSL alone.

#include <benchmark/benchmark.h>
#include <tss2/tss2_esys.h>
#include <tss2/tss2_tctildr.h>

#include <chrono>
#include <condition_variable>
#include <future>
#include <memory>
#include <mutex>
#include <string>
#include <utility>

#include "daemon/backend/crypto_library.h"
#include "daemon/backend/secret_source.h"
#include "daemon/backend/software/software_backend.h"
#include "daemon/backend/tpm2/templates.h"
#include "daemon/backend/tpm2/tpm_backend.h"
#include "test/support/swtpm.h"
#include "test/support/temp_dir.h"

namespace ddskey {
namespace {

const std::string kDigest(32, '\x5a');

SignatureScheme SchemeFor(KeyAlgorithm algorithm) {
  return algorithm == KeyAlgorithm::kEcP256 ? SignatureScheme::kEcdsaSha256 : SignatureScheme::kRsaPssSha256;
}

WorkOptions Soon() { return {std::chrono::steady_clock::now() + std::chrono::minutes(1), WorkClass::kCompletion, ""}; }

SealedKey CreateKey(KeyBackend& backend, KeyAlgorithm algorithm) {
  std::promise<SealedKey> made;
  backend.SubmitCreate(algorithm, KeyPurpose::kHandshake, Soon(),
                       [&](absl::StatusOr<SealedKey> key) { made.set_value(*std::move(key)); });
  return made.get_future().get();
}

// SignMany keeps `depth` works waiting; one iteration is one signature.
void SignMany(benchmark::State& state, KeyBackend& backend, KeyAlgorithm algorithm, int depth) {
  const SealedKey key = CreateKey(backend, algorithm);
  std::mutex mutex;
  std::condition_variable done;
  int waiting = 0;
  int failed = 0;
  const auto submit = [&] {
    backend.SubmitSign(key, SchemeFor(algorithm), kDigest, Soon(), [&](const absl::StatusOr<Signature>& signature) {
      const std::lock_guard lock(mutex);
      --waiting;
      if (!signature.ok()) ++failed;
      done.notify_one();
    });
  };
  for (auto _ : state) {
    {
      std::unique_lock lock(mutex);
      done.wait(lock, [&] { return waiting < depth; });
      ++waiting;
    }
    submit();
  }
  std::unique_lock lock(mutex);
  done.wait(lock, [&] { return waiting == 0; });
  if (failed > 0) state.SkipWithError("signatures failed");
  state.SetItemsProcessed(state.iterations());
}

void BM_TpmBackend(benchmark::State& state) {
  const test::Swtpm tpm;
  TpmBackend::Options options;
  options.tcti = tpm.tcti();
  const auto backend = *TpmBackend::Create(std::move(options));
  SignMany(state, *backend, static_cast<KeyAlgorithm>(state.range(0)), static_cast<int>(state.range(1)));
}
BENCHMARK(BM_TpmBackend)->ArgsProduct({{1, 2}, {1, 8, 64}})->UseRealTime();

void BM_BareEsapi(benchmark::State& state) {
  const test::Swtpm tpm;
  TSS2_TCTI_CONTEXT* tcti = nullptr;
  ESYS_CONTEXT* esys = nullptr;
  const auto algorithm = static_cast<KeyAlgorithm>(state.range(0));
  const TPM2B_SENSITIVE_CREATE sensitive = {};
  const TPM2B_PUBLIC srk = tpm::SrkTemplate();
  const TPM2B_PUBLIC key_template = tpm::KeyTemplate(algorithm, KeyPurpose::kHandshake);
  const TPM2B_DATA no_data = {};
  const TPML_PCR_SELECTION no_pcrs = {};
  ESYS_TR primary = ESYS_TR_NONE;
  ESYS_TR key = ESYS_TR_NONE;
  TPM2B_PRIVATE* private_area = nullptr;
  TPM2B_PUBLIC* public_area = nullptr;
  const bool ready =
      Tss2_TctiLdr_Initialize(tpm.tcti().c_str(), &tcti) == 0 && Esys_Initialize(&esys, tcti, nullptr) == 0 &&
      Esys_CreatePrimary(esys, ESYS_TR_RH_OWNER, ESYS_TR_PASSWORD, ESYS_TR_NONE, ESYS_TR_NONE, &sensitive, &srk,
                         &no_data, &no_pcrs, &primary, nullptr, nullptr, nullptr, nullptr) == 0 &&
      Esys_Create(esys, primary, ESYS_TR_PASSWORD, ESYS_TR_NONE, ESYS_TR_NONE, &sensitive, &key_template, &no_data,
                  &no_pcrs, &private_area, &public_area, nullptr, nullptr, nullptr) == 0 &&
      Esys_Load(esys, primary, ESYS_TR_PASSWORD, ESYS_TR_NONE, ESYS_TR_NONE, private_area, public_area, &key) == 0;
  Esys_Free(private_area);
  Esys_Free(public_area);
  if (!ready) {
    state.SkipWithError("the TPM does not do as it is told");
    return;
  }
  TPM2B_DIGEST digest = {};
  digest.size = 32;
  const TPMT_SIG_SCHEME scheme = tpm::SchemeOf(SchemeFor(algorithm));
  const TPMT_TK_HASHCHECK ticket = {TPM2_ST_HASHCHECK, TPM2_RH_NULL, {}};
  for (auto _ : state) {
    TPMT_SIGNATURE* signature = nullptr;
    if (Esys_Sign(esys, key, ESYS_TR_PASSWORD, ESYS_TR_NONE, ESYS_TR_NONE, &digest, &scheme, &ticket, &signature) !=
        0) {
      state.SkipWithError("signing failed");
      break;
    }
    Esys_Free(signature);
  }
  state.SetItemsProcessed(state.iterations());
  Esys_Finalize(&esys);
  Tss2_TctiLdr_Finalize(&tcti);
}
BENCHMARK(BM_BareEsapi)->Arg(1)->Arg(2)->UseRealTime();

void BM_SoftwareBackend(benchmark::State& state) {
  const test::TempDir dir;
  SecretSource source;
  source.file = dir.File("secret");
  const auto backend = *SoftwareBackend::Create(*LoadSecret(source), {});
  SignMany(state, *backend, static_cast<KeyAlgorithm>(state.range(0)), static_cast<int>(state.range(1)));
}
BENCHMARK(BM_SoftwareBackend)->ArgsProduct({{1, 2}, {1, 8, 64}})->UseRealTime();

void BM_BareOpenSsl(benchmark::State& state) {
  const auto library = *CryptoLibrary::Create();
  const auto algorithm = static_cast<KeyAlgorithm>(state.range(0));
  const EvpKey key = *library->Generate(algorithm);
  for (auto _ : state) benchmark::DoNotOptimize(library->Sign(*key, SchemeFor(algorithm), kDigest));
  state.SetItemsProcessed(state.iterations());
}
BENCHMARK(BM_BareOpenSsl)->Arg(1)->Arg(2)->UseRealTime();

void BM_Verify(benchmark::State& state) {
  const auto library = *CryptoLibrary::Create();
  const auto algorithm = static_cast<KeyAlgorithm>(state.range(0));
  const EvpKey pair = *library->Generate(algorithm);
  const EvpKey key = *library->ParsePublicKeyInfo(algorithm, *library->PublicKeyInfo(*pair));
  const Signature signature = *library->Sign(*pair, SchemeFor(algorithm), kDigest);
  for (auto _ : state) benchmark::DoNotOptimize(library->Verify(*key, SchemeFor(algorithm), kDigest, signature));
}
BENCHMARK(BM_Verify)->Arg(1)->Arg(2)->UseRealTime();

}  // namespace
}  // namespace ddskey

BENCHMARK_MAIN();
