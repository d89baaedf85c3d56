// How many signatures a second SoftHSM2 makes in process, with as many threads as a helper has sessions, and through
// HelperToken with so many calls under way and so many sessions: what the hop into the helper costs.

#include <benchmark/benchmark.h>
#include <dlfcn.h>

#include <atomic>
#include <condition_variable>
#include <cstdlib>
#include <future>
#include <memory>
#include <mutex>
#include <string>
#include <thread>
#include <vector>

#include "daemon/backend/pkcs11/helper_token_fixture.h"
#include "plugin_shim/pkcs11/cryptoki.h"
#include "test/support/softhsm.h"

namespace ddskey::pkcs11 {
namespace {

constexpr char kToken[] = "robot";
const std::string kDigest(32, 'd');

// A token with an EC key, label "arm".
struct Bed {
  Bed() {
    hsm.AddToken(kToken, kPin);
    Patient token(SoftHsmOptions(hsm));
    if (!token.Open().ok() || !token.Create(KeyAlgorithm::kEcP256, "a", "arm").ok()) std::abort();
  }
  test::SoftHsm hsm;
};

const Bed& TheBed() {
  static const Bed* const bed = new Bed;
  return *bed;
}

// SoftHSM2 in this process, and logged in.
class InProcess {
 public:
  InProcess() {
    setenv("SOFTHSM2_CONF", TheBed().hsm.config().c_str(), 1);
    void* const library = dlopen(test::kSoftHsmModule, RTLD_NOW | RTLD_LOCAL);
    reinterpret_cast<CK_C_GetFunctionList>(dlsym(library, "C_GetFunctionList"))(&functions_);
    CK_C_INITIALIZE_ARGS arguments = {};
    arguments.flags = CKF_OS_LOCKING_OK;
    functions_->C_Initialize(&arguments);
    // The second one is for a token to come.
    CK_SLOT_ID slots[2] = {};
    CK_ULONG count = 2;
    functions_->C_GetSlotList(CK_TRUE, slots, &count);
    slot_ = slots[0];
    std::string pin = kPin;
    functions_->C_Login(Session(), CKU_USER, reinterpret_cast<CK_UTF8CHAR_PTR>(pin.data()), pin.size());
  }

  CK_SESSION_HANDLE Session() {
    CK_SESSION_HANDLE session = 0;
    functions_->C_OpenSession(slot_, CKF_SERIAL_SESSION | CKF_RW_SESSION, nullptr, nullptr, &session);
    return session;
  }

  CK_OBJECT_HANDLE Key(CK_SESSION_HANDLE session) {
    CK_OBJECT_CLASS wanted = CKO_PRIVATE_KEY;
    CK_ATTRIBUTE attribute = {CKA_CLASS, &wanted, sizeof(wanted)};
    CK_OBJECT_HANDLE key = 0;
    CK_ULONG count = 0;
    functions_->C_FindObjectsInit(session, &attribute, 1);
    functions_->C_FindObjects(session, &key, 1, &count);
    functions_->C_FindObjectsFinal(session);
    return key;
  }

  bool Sign(CK_SESSION_HANDLE session, CK_OBJECT_HANDLE key) {
    CK_MECHANISM mechanism = {CKM_ECDSA, nullptr, 0};
    std::string digest = kDigest;
    unsigned char signature[128];
    CK_ULONG size = sizeof(signature);
    return functions_->C_SignInit(session, &mechanism, key) == CKR_OK &&
           functions_->C_Sign(session, reinterpret_cast<CK_BYTE_PTR>(digest.data()), digest.size(), signature, &size) ==
               CKR_OK;
  }

 private:
  CK_FUNCTION_LIST* functions_ = nullptr;
  CK_SLOT_ID slot_ = 0;
};

void BM_InProcess(benchmark::State& state) {
  static InProcess* const hsm = new InProcess;
  const CK_SESSION_HANDLE session = hsm->Session();
  const CK_OBJECT_HANDLE key = hsm->Key(session);
  for (auto _ : state) {
    if (!hsm->Sign(session, key)) state.SkipWithError("a signature failed");
  }
  state.SetItemsProcessed(state.iterations());
}
BENCHMARK(BM_InProcess)->Threads(1)->Threads(8)->UseRealTime();

void BM_HelperToken(benchmark::State& state) {
  HelperOptions options = SoftHsmOptions(TheBed().hsm);
  options.sessions = static_cast<size_t>(state.range(1));
  Patient token(options);
  if (!token.Open().ok()) state.SkipWithError("the token cannot be opened");
  std::mutex mutex;
  std::condition_variable done;
  int64_t under_way = 0;
  const int64_t depth = state.range(0);
  for (auto _ : state) {
    {
      std::unique_lock lock(mutex);
      done.wait(lock, [&] { return under_way < depth; });
      ++under_way;
    }
    token->Sign("a", SignatureScheme::kEcdsaSha256, kDigest, token.Deadline(),
                [&](const absl::StatusOr<Signature>& signature) {
                  if (!signature.ok()) std::abort();
                  const std::lock_guard lock(mutex);
                  --under_way;
                  done.notify_one();
                });
  }
  std::unique_lock lock(mutex);
  done.wait(lock, [&] { return under_way == 0; });
  state.SetItemsProcessed(state.iterations());
}
BENCHMARK(BM_HelperToken)
    ->ArgNames({"under_way", "sessions"})
    ->Args({1, 8})
    ->ArgsProduct({{8}, {1, 2, 4, 8}})
    ->UseRealTime();

}  // namespace
}  // namespace ddskey::pkcs11

BENCHMARK_MAIN();
