#include "test/bench/hsm_signer.h"

#include <dlfcn.h>
#include <stdlib.h>

#include <array>
#include <atomic>
#include <cstdio>
#include <cstdlib>
#include <string>
#include <thread>
#include <vector>

namespace ddskey::bench {
namespace {

constexpr char kPin[] = "1234";

void Check(CK_RV rv, const char* what) {
  if (rv == CKR_OK) return;
  std::fprintf(stderr, "bench: %s: error 0x%lx\n", what, rv);
  std::exit(EXIT_FAILURE);
}

}  // namespace

HsmSigner::HsmSigner() {
  hsm_.AddToken("bench", kPin);
  setenv("SOFTHSM2_CONF", hsm_.config().c_str(), 1);
  // Never unloaded: it has destructors of its own.
  void* const module = dlopen(test::kSoftHsmModule, RTLD_NOW | RTLD_LOCAL);
  const auto list = module == nullptr ? nullptr : dlsym(module, "C_GetFunctionList");
  if (list == nullptr) Check(CKR_GENERAL_ERROR, dlerror());
  Check(reinterpret_cast<CK_C_GetFunctionList>(list)(&functions_), "C_GetFunctionList");
  CK_C_INITIALIZE_ARGS arguments = {};
  arguments.flags = CKF_OS_LOCKING_OK;
  Check(functions_->C_Initialize(&arguments), "C_Initialize");
  CK_ULONG count = 1;
  // Its first slot is the one whose token was initialized.
  std::array<CK_SLOT_ID, 8> slots = {};
  count = slots.size();
  Check(functions_->C_GetSlotList(CK_TRUE, slots.data(), &count), "C_GetSlotList");
  slot_ = slots[0];
  session_ = OpenSession();
  std::string pin = kPin;
  Check(functions_->C_Login(session_, CKU_USER, reinterpret_cast<CK_UTF8CHAR*>(pin.data()), pin.size()), "C_Login");
  MakeKey();
}

HsmSigner::~HsmSigner() { functions_->C_Finalize(nullptr); }

CK_SESSION_HANDLE HsmSigner::OpenSession() {
  CK_SESSION_HANDLE session = 0;
  Check(functions_->C_OpenSession(slot_, CKF_SERIAL_SESSION | CKF_RW_SESSION, nullptr, nullptr, &session),
        "C_OpenSession");
  return session;
}

void HsmSigner::MakeKey() {
  CK_BBOOL yes = CK_TRUE;
  // OBJECT IDENTIFIER prime256v1.
  std::array<CK_BYTE, 10> curve = {0x06, 0x08, 0x2a, 0x86, 0x48, 0xce, 0x3d, 0x03, 0x01, 0x07};
  std::array<CK_ATTRIBUTE, 2> public_key = {
      {{CKA_EC_PARAMS, curve.data(), curve.size()}, {CKA_TOKEN, &yes, sizeof yes}}};
  std::array<CK_ATTRIBUTE, 4> private_key = {{{CKA_TOKEN, &yes, sizeof yes},
                                              {CKA_PRIVATE, &yes, sizeof yes},
                                              {CKA_SENSITIVE, &yes, sizeof yes},
                                              {CKA_SIGN, &yes, sizeof yes}}};
  CK_MECHANISM mechanism = {CKM_EC_KEY_PAIR_GEN, nullptr, 0};
  CK_OBJECT_HANDLE other_half = 0;
  Check(functions_->C_GenerateKeyPair(session_, &mechanism, public_key.data(), public_key.size(), private_key.data(),
                                      private_key.size(), &other_half, &key_),
        "C_GenerateKeyPair");
}

long HsmSigner::SignUntil(std::chrono::steady_clock::time_point end) {
  const CK_SESSION_HANDLE session = OpenSession();
  CK_MECHANISM mechanism = {CKM_ECDSA, nullptr, 0};
  std::array<CK_BYTE, 32> digest = {1, 2, 3};
  std::array<CK_BYTE, 64> signature = {};
  long made = 0;
  while (std::chrono::steady_clock::now() < end) {
    CK_ULONG size = signature.size();
    Check(functions_->C_SignInit(session, &mechanism, key_), "C_SignInit");
    Check(functions_->C_Sign(session, digest.data(), digest.size(), signature.data(), &size), "C_Sign");
    ++made;
  }
  functions_->C_CloseSession(session);
  return made;
}

double HsmSigner::RunFor(std::chrono::milliseconds time, int threads) {
  std::atomic<long> made = 0;
  const auto end = std::chrono::steady_clock::now() + time;
  std::vector<std::thread> running;
  running.reserve(threads);
  for (int i = 0; i < threads; ++i) running.emplace_back([&] { made += SignUntil(end); });
  for (std::thread& thread : running) thread.join();
  return static_cast<double>(made) / std::chrono::duration<double>(time).count();
}

}  // namespace ddskey::bench
