#ifndef TEST_BENCH_HSM_SIGNER_H_
#define TEST_BENCH_HSM_SIGNER_H_

#include <chrono>

#include "plugin_shim/pkcs11/cryptoki.h"
#include "test/support/softhsm.h"

namespace ddskey::bench {

// HsmSigner signs with a P-256 key in SoftHSM2 that is loaded into this process: what a program does that has the PIN
// itself. What fails ends the program with a message. One in a process.
class HsmSigner {
 public:
  HsmSigner();
  ~HsmSigner();
  HsmSigner(const HsmSigner&) = delete;
  HsmSigner& operator=(const HsmSigner&) = delete;

  // RunFor returns the signatures a second of `threads` threads, each with a session of its own.
  double RunFor(std::chrono::milliseconds time, int threads);

 private:
  CK_SESSION_HANDLE OpenSession();
  void MakeKey();
  long SignUntil(std::chrono::steady_clock::time_point end);

  const test::SoftHsm hsm_;
  CK_FUNCTION_LIST* functions_ = nullptr;
  CK_SLOT_ID slot_ = 0;
  // The login lasts as long as it.
  CK_SESSION_HANDLE session_ = 0;
  CK_OBJECT_HANDLE key_ = 0;
};

}  // namespace ddskey::bench

#endif  // TEST_BENCH_HSM_SIGNER_H_
