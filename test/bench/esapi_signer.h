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
  explicit EsapiSigner(const std::string& tcti);
  ~EsapiSigner();
  EsapiSigner(const EsapiSigner&) = delete;
  EsapiSigner& operator=(const EsapiSigner&) = delete;

  // RunFor signs for `time` and returns the signatures a second.
  double RunFor(std::chrono::milliseconds time);

 private:
  TSS2_TCTI_CONTEXT* tcti_ = nullptr;
  ESYS_CONTEXT* esys_ = nullptr;
  ESYS_TR key_ = ESYS_TR_NONE;
};

}  // namespace ddskey::bench

#endif  // TEST_BENCH_ESAPI_SIGNER_H_
