#ifndef TEST_BENCH_ESAPI_SIGNER_H_
#define TEST_BENCH_ESAPI_SIGNER_H_

#include <tss2/tss2_esys.h>

#include <chrono>
#include <string>

namespace ddskey::bench {

// EsapiSigner is the least that signs with a TPM: one thread, one EC P-256 key that stays loaded, an empty password,
// Esys_Sign. What goes wrong ends the program.
class EsapiSigner {
 public:
  enum class Session {
    // The password passes in the clear.
    kPlain,
    // An HMAC session of ESAPI's, salted to a storage key, encrypts the digest.
    kEncrypted,
  };

  explicit EsapiSigner(const std::string& tcti, Session session = Session::kPlain);
  ~EsapiSigner();
  EsapiSigner(const EsapiSigner&) = delete;
  EsapiSigner& operator=(const EsapiSigner&) = delete;

  // RunFor signs for `time` and returns the signatures a second.
  double RunFor(std::chrono::milliseconds time);

 private:
  void StartSession();

  TSS2_TCTI_CONTEXT* tcti_ = nullptr;
  ESYS_CONTEXT* esys_ = nullptr;
  ESYS_TR key_ = ESYS_TR_NONE;
  ESYS_TR session_ = ESYS_TR_PASSWORD;
};

}  // namespace ddskey::bench

#endif  // TEST_BENCH_ESAPI_SIGNER_H_
