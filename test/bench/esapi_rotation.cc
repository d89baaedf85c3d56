#include "test/bench/esapi_rotation.h"

#include <tss2/tss2_rc.h>
#include <tss2/tss2_tctildr.h>

#include <cstdint>
#include <cstdio>
#include <cstdlib>

#include "daemon/backend/tpm2/templates.h"
#include "proto/contract/algorithm.h"

namespace ddskey::bench {
namespace {

constexpr TPM2B_SENSITIVE_CREATE kNoSecret = {};
constexpr TPM2B_DATA kNoData = {};
constexpr TPML_PCR_SELECTION kNoPcrs = {};
constexpr TPMT_SIG_SCHEME kScheme = {TPM2_ALG_ECDSA, {.ecdsa = {TPM2_ALG_SHA256}}};
constexpr TPMT_TK_HASHCHECK kNotRestricted = {TPM2_ST_HASHCHECK, TPM2_RH_NULL, {}};

void OrEnd(TSS2_RC rc, const char* what) {
  if (rc == TSS2_RC_SUCCESS) return;
  std::fprintf(stderr, "bench: %s: %s\n", what, Tss2_RC_Decode(rc));
  std::exit(EXIT_FAILURE);
}

}  // namespace

EsapiRotation::EsapiRotation(const std::string& tcti, int keys) {
  OrEnd(Tss2_TctiLdr_Initialize(tcti.c_str(), &tcti_), "opening the TCTI");
  OrEnd(Esys_Initialize(&esys_, tcti_, nullptr), "opening ESAPI");
  const TPM2B_PUBLIC storage = tpm::SrkTemplate();
  OrEnd(Esys_CreatePrimary(esys_, ESYS_TR_RH_OWNER, ESYS_TR_PASSWORD, ESYS_TR_NONE, ESYS_TR_NONE, &kNoSecret, &storage,
                           &kNoData, &kNoPcrs, &parent_, nullptr, nullptr, nullptr, nullptr),
        "making a storage key");
  const TPM2B_PUBLIC signing = tpm::KeyTemplate(KeyAlgorithm::kEcP256, KeyPurpose::kHandshake);
  for (int i = 0; i < keys; ++i) {
    TPM2B_PRIVATE* private_area = nullptr;
    TPM2B_PUBLIC* public_area = nullptr;
    OrEnd(Esys_Create(esys_, parent_, ESYS_TR_PASSWORD, ESYS_TR_NONE, ESYS_TR_NONE, &kNoSecret, &signing, &kNoData,
                      &kNoPcrs, &private_area, &public_area, nullptr, nullptr, nullptr),
          "making a key");
    keys_.emplace_back(*private_area, *public_area);
    Esys_Free(private_area);
    Esys_Free(public_area);
  }
}

EsapiRotation::~EsapiRotation() {
  Esys_FlushContext(esys_, parent_);
  Esys_Finalize(&esys_);
  Tss2_TctiLdr_Finalize(&tcti_);
}

double EsapiRotation::RunFor(std::chrono::milliseconds time) {
  using Clock = std::chrono::steady_clock;
  TPM2B_DIGEST digest = {};
  digest.size = 32;
  uint64_t signatures = 0;
  const auto end = Clock::now() + time;
  while (Clock::now() < end) {
    const auto& [private_area, public_area] = keys_[next_++ % keys_.size()];
    digest.buffer[signatures % digest.size] += 1;
    ESYS_TR key = ESYS_TR_NONE;
    OrEnd(Esys_Load(esys_, parent_, ESYS_TR_PASSWORD, ESYS_TR_NONE, ESYS_TR_NONE, &private_area, &public_area, &key),
          "loading a key");
    TPMT_SIGNATURE* signature = nullptr;
    OrEnd(Esys_Sign(esys_, key, ESYS_TR_PASSWORD, ESYS_TR_NONE, ESYS_TR_NONE, &digest, &kScheme, &kNotRestricted,
                    &signature),
          "signing");
    Esys_Free(signature);
    OrEnd(Esys_FlushContext(esys_, key), "flushing a key");
    ++signatures;
  }
  return static_cast<double>(signatures) / std::chrono::duration<double>(time).count();
}

}  // namespace ddskey::bench
