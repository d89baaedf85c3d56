#ifndef TEST_BENCH_ESAPI_ROTATION_H_
#define TEST_BENCH_ESAPI_ROTATION_H_

#include <tss2/tss2_esys.h>

#include <chrono>
#include <string>
#include <utility>
#include <vector>

namespace ddskey::bench {

// EsapiRotation is the least that signs with many keys in turn: one thread, a storage key that stays loaded, EC P-256
// keys under it with empty passwords; Esys_Load, Esys_Sign and Esys_FlushContext for each signature. What goes wrong
// ends the program.
class EsapiRotation {
 public:
  EsapiRotation(const std::string& tcti, int keys);
  ~EsapiRotation();
  EsapiRotation(const EsapiRotation&) = delete;
  EsapiRotation& operator=(const EsapiRotation&) = delete;

  // RunFor signs for `time` and returns the signatures a second.
  double RunFor(std::chrono::milliseconds time);

 private:
  TSS2_TCTI_CONTEXT* tcti_ = nullptr;
  ESYS_CONTEXT* esys_ = nullptr;
  ESYS_TR parent_ = ESYS_TR_NONE;
  std::vector<std::pair<TPM2B_PRIVATE, TPM2B_PUBLIC>> keys_;
  size_t next_ = 0;
};

}  // namespace ddskey::bench

#endif  // TEST_BENCH_ESAPI_ROTATION_H_
