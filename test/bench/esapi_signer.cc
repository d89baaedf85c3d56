#include "test/bench/esapi_signer.h"

#include <tss2/tss2_rc.h>
#include <tss2/tss2_tctildr.h>

#include <cstdint>
#include <cstdio>
#include <cstdlib>

#include "daemon/backend/tpm2/templates.h"

namespace ddskey::bench {
namespace {

void OrEnd(TSS2_RC rc, const char* what) {
  if (rc == TSS2_RC_SUCCESS) return;
  std::fprintf(stderr, "bench: %s: %s\n", what, Tss2_RC_Decode(rc));
  std::exit(EXIT_FAILURE);
}

TPM2B_PUBLIC SigningKey() {
  TPM2B_PUBLIC key = {};
  TPMT_PUBLIC& area = key.publicArea;
  area.type = TPM2_ALG_ECC;
  area.nameAlg = TPM2_ALG_SHA256;
  area.objectAttributes = TPMA_OBJECT_USERWITHAUTH | TPMA_OBJECT_SIGN_ENCRYPT | TPMA_OBJECT_FIXEDTPM |
                          TPMA_OBJECT_FIXEDPARENT | TPMA_OBJECT_SENSITIVEDATAORIGIN | TPMA_OBJECT_NODA;
  area.parameters.eccDetail.symmetric.algorithm = TPM2_ALG_NULL;
  area.parameters.eccDetail.scheme.scheme = TPM2_ALG_NULL;
  area.parameters.eccDetail.curveID = TPM2_ECC_NIST_P256;
  area.parameters.eccDetail.kdf.scheme = TPM2_ALG_NULL;
  return key;
}

}  // namespace

EsapiSigner::EsapiSigner(const std::string& tcti, Session session) {
  OrEnd(Tss2_TctiLdr_Initialize(tcti.c_str(), &tcti_), "opening the TCTI");
  OrEnd(Esys_Initialize(&esys_, tcti_, nullptr), "opening ESAPI");
  const TPM2B_PUBLIC key = SigningKey();
  const TPM2B_SENSITIVE_CREATE sensitive = {};
  const TPM2B_DATA outside = {};
  const TPML_PCR_SELECTION registers = {};
  OrEnd(Esys_CreatePrimary(esys_, ESYS_TR_RH_OWNER, ESYS_TR_PASSWORD, ESYS_TR_NONE, ESYS_TR_NONE, &sensitive, &key,
                           &outside, &registers, &key_, nullptr, nullptr, nullptr, nullptr),
        "making a key");
  if (session == Session::kEncrypted) StartSession();
}

void EsapiSigner::StartSession() {
  const TPM2B_PUBLIC storage = tpm::SrkTemplate();
  const TPM2B_SENSITIVE_CREATE sensitive = {};
  const TPM2B_DATA outside = {};
  const TPML_PCR_SELECTION registers = {};
  ESYS_TR salt_key = ESYS_TR_NONE;
  OrEnd(Esys_CreatePrimary(esys_, ESYS_TR_RH_OWNER, ESYS_TR_PASSWORD, ESYS_TR_NONE, ESYS_TR_NONE, &sensitive, &storage,
                           &outside, &registers, &salt_key, nullptr, nullptr, nullptr, nullptr),
        "making a storage key");
  TPMT_SYM_DEF symmetric = {};
  symmetric.algorithm = TPM2_ALG_AES;
  symmetric.keyBits.aes = 128;
  symmetric.mode.aes = TPM2_ALG_CFB;
  OrEnd(Esys_StartAuthSession(esys_, salt_key, ESYS_TR_NONE, ESYS_TR_NONE, ESYS_TR_NONE, ESYS_TR_NONE, nullptr,
                              TPM2_SE_HMAC, &symmetric, TPM2_ALG_SHA256, &session_),
        "starting a session");
  OrEnd(Esys_TRSess_SetAttributes(esys_, session_, TPMA_SESSION_CONTINUESESSION | TPMA_SESSION_DECRYPT, 0xff),
        "setting up the session");
  Esys_FlushContext(esys_, salt_key);
}

EsapiSigner::~EsapiSigner() {
  if (session_ != ESYS_TR_PASSWORD) Esys_FlushContext(esys_, session_);
  Esys_FlushContext(esys_, key_);
  Esys_Finalize(&esys_);
  Tss2_TctiLdr_Finalize(&tcti_);
}

double EsapiSigner::RunFor(std::chrono::milliseconds time) {
  using Clock = std::chrono::steady_clock;
  TPMT_SIG_SCHEME scheme = {};
  scheme.scheme = TPM2_ALG_ECDSA;
  scheme.details.ecdsa.hashAlg = TPM2_ALG_SHA256;
  TPMT_TK_HASHCHECK ticket = {};
  ticket.tag = TPM2_ST_HASHCHECK;
  ticket.hierarchy = TPM2_RH_NULL;
  TPM2B_DIGEST digest = {};
  digest.size = 32;
  uint64_t signatures = 0;
  const auto end = Clock::now() + time;
  while (Clock::now() < end) {
    digest.buffer[signatures % digest.size] += 1;
    TPMT_SIGNATURE* signature = nullptr;
    OrEnd(Esys_Sign(esys_, key_, session_, ESYS_TR_NONE, ESYS_TR_NONE, &digest, &scheme, &ticket, &signature),
          "signing");
    Esys_Free(signature);
    ++signatures;
  }
  return static_cast<double>(signatures) / std::chrono::duration<double>(time).count();
}

}  // namespace ddskey::bench
