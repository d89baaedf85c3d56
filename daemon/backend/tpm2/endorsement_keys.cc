#include "daemon/backend/tpm2/endorsement_keys.h"

#include <tss2/tss2_mu.h>

#include <algorithm>
#include <array>
#include <cstdint>
#include <string>
#include <string_view>

#include "daemon/backend/tpm2/parent_keys.h"
#include "daemon/backend/tpm2/session_salt.h"
#include "daemon/backend/tpm2/tss_status.h"
#include "proto/contract/status_macros.h"

namespace ddskey::tpm {
namespace {

// TCG Registry of Reserved TPM 2.0 Handles: endorsement keys of RSA-2048 and P-256.
constexpr TPM2_HANDLE kRsaHandle = 0x81010001;
constexpr TPM2_HANDLE kEcHandle = 0x81010002;

// PolicyA of the TCG EK Credential Profile, B.6.2: PolicySecret(TPM_RH_ENDORSEMENT) with SHA-256.
constexpr std::array<uint8_t, 32> kPolicy = {0x83, 0x71, 0x97, 0x67, 0x44, 0x84, 0xb3, 0xf8, 0x1a, 0x90, 0xcc,
                                             0x8d, 0x46, 0xa5, 0xd7, 0x24, 0xfd, 0x52, 0xd7, 0x6e, 0x06, 0x52,
                                             0x0b, 0x64, 0xf2, 0xa1, 0xda, 0x1b, 0x33, 0x14, 0x69, 0xaa};
// Goes into the derivation, so that no other program's key is ours.
constexpr std::string_view kAttestationLabel = "ddskey/tpm2/attestation/1";

constexpr TPM2B_DATA kNoData = {};
constexpr TPML_PCR_SELECTION kNoPcrs = {};

std::string Marshalled(const TPM2B_PUBLIC& key) {
  std::array<uint8_t, sizeof(TPM2B_PUBLIC)> octets;
  size_t size = 0;
  if (Tss2_MU_TPM2B_PUBLIC_Marshal(&key, octets.data(), octets.size(), &size) != TSS2_RC_SUCCESS) return "";
  return {reinterpret_cast<char*>(octets.data()), size};
}

// IsFrom tells whether `key` is `area` but for the public key itself.
bool IsFrom(TPM2B_PUBLIC area, const TPM2B_PUBLIC& key) {
  if (key.publicArea.type != area.publicArea.type) return false;
  area.publicArea.unique = key.publicArea.unique;
  const std::string octets = Marshalled(area);
  return !octets.empty() && octets == Marshalled(key);
}

void SetAes128(TPMT_SYM_DEF_OBJECT& symmetric) {
  symmetric.algorithm = TPM2_ALG_AES;
  symmetric.keyBits.aes = 128;
  symmetric.mode.aes = TPM2_ALG_CFB;
}

}  // namespace

TPM2B_PUBLIC EndorsementTemplate(EndorsementKind kind) {
  TPM2B_PUBLIC result = {};
  TPMT_PUBLIC& area = result.publicArea;
  area.nameAlg = TPM2_ALG_SHA256;
  area.objectAttributes = TPMA_OBJECT_FIXEDTPM | TPMA_OBJECT_FIXEDPARENT | TPMA_OBJECT_SENSITIVEDATAORIGIN |
                          TPMA_OBJECT_ADMINWITHPOLICY | TPMA_OBJECT_RESTRICTED | TPMA_OBJECT_DECRYPT;
  area.authPolicy.size = kPolicy.size();
  std::ranges::copy(kPolicy, area.authPolicy.buffer);
  if (kind == EndorsementKind::kRsa2048) {
    area.type = TPM2_ALG_RSA;
    SetAes128(area.parameters.rsaDetail.symmetric);
    area.parameters.rsaDetail.scheme.scheme = TPM2_ALG_NULL;
    area.parameters.rsaDetail.keyBits = 2048;
    area.unique.rsa.size = 256;
  } else {
    area.type = TPM2_ALG_ECC;
    SetAes128(area.parameters.eccDetail.symmetric);
    area.parameters.eccDetail.scheme.scheme = TPM2_ALG_NULL;
    area.parameters.eccDetail.curveID = TPM2_ECC_NIST_P256;
    area.parameters.eccDetail.kdf.scheme = TPM2_ALG_NULL;
    area.unique.ecc.x.size = 32;
    area.unique.ecc.y.size = 32;
  }
  return result;
}

TPM2B_PUBLIC AttestationTemplate() {
  TPM2B_PUBLIC result = {};
  TPMT_PUBLIC& area = result.publicArea;
  area.type = TPM2_ALG_ECC;
  area.nameAlg = TPM2_ALG_SHA256;
  area.objectAttributes = TPMA_OBJECT_FIXEDTPM | TPMA_OBJECT_FIXEDPARENT | TPMA_OBJECT_SENSITIVEDATAORIGIN |
                          TPMA_OBJECT_USERWITHAUTH | TPMA_OBJECT_NODA | TPMA_OBJECT_RESTRICTED |
                          TPMA_OBJECT_SIGN_ENCRYPT;
  TPMS_ECC_PARMS& parameters = area.parameters.eccDetail;
  parameters.symmetric.algorithm = TPM2_ALG_NULL;
  parameters.scheme.scheme = TPM2_ALG_ECDSA;
  parameters.scheme.details.ecdsa.hashAlg = TPM2_ALG_SHA256;
  parameters.curveID = TPM2_ECC_NIST_P256;
  parameters.kdf.scheme = TPM2_ALG_NULL;
  area.unique.ecc.x.size = kAttestationLabel.size();
  std::ranges::copy(kAttestationLabel, area.unique.ecc.x.buffer);
  return result;
}

absl::StatusOr<EndorsementKeys::Key> EndorsementKeys::Endorsement(TpmChannel& channel, const Protect& protect,
                                                                  EndorsementKind kind) {
  const TPM2B_PUBLIC area = EndorsementTemplate(kind);
  const TPM2_HANDLE handle = kind == EndorsementKind::kRsa2048 ? kRsaHandle : kEcHandle;
  const absl::StatusOr<TPM2B_PUBLIC> persistent = channel.ReadPublic(handle);
  const auto raw = RawTss(persistent.status());
  const bool absent = raw.has_value() && TpmCode(*raw) == TPM2_RC_HANDLE;
  if (!persistent.ok() && !absent) return persistent.status();
  if (absent || !IsFrom(area, *persistent)) return Derive(protect, area, "deriving the TPM's endorsement key");
  ASSIGN_OR_RETURN(const TPM2B_NAME name, NameOf(library_, *persistent));
  return Key{handle, name, *persistent};
}

absl::StatusOr<EndorsementKeys::Key> EndorsementKeys::AttestationKey(const Protect& protect) {
  return Derive(protect, AttestationTemplate(), "deriving the TPM's attestation key");
}

absl::StatusOr<EndorsementKeys::Key> EndorsementKeys::Derive(const Protect& protect, const TPM2B_PUBLIC& area,
                                                             const char* doing) {
  const TPM2B_SENSITIVE_CREATE sensitive = {};
  const std::array<TPM2B_NAME, 1> names = {NameOfHandle(TPM2_RH_ENDORSEMENT)};
  Key key;
  RETURN_IF_ERROR(InHierarchy(protect, {.command = {.code = TPM2_CC_CreatePrimary,
                                                    .names = names,
                                                    .attributes = TPMA_SESSION_DECRYPT | TPMA_SESSION_ENCRYPT},
                                        .doing = doing,
                                        .prepare =
                                            [&](TSS2_SYS_CONTEXT* sys) {
                                              return Tss2_Sys_CreatePrimary_Prepare(
                                                  sys, TPM2_RH_ENDORSEMENT, &sensitive, &area, &kNoData, &kNoPcrs);
                                            },
                                        .complete =
                                            [&](TSS2_SYS_CONTEXT* sys) {
                                              TPM2B_CREATION_DATA creation = {};
                                              TPM2B_DIGEST hash = {};
                                              TPMT_TK_CREATION ticket = {};
                                              TPM2B_NAME name = {};
                                              return Tss2_Sys_CreatePrimary_Complete(sys, &key.handle, &key.public_area,
                                                                                     &creation, &hash, &ticket, &name);
                                            },
                                        .patience = TpmConnection::kPatienceForCreation}));
  if (!IsFrom(area, key.public_area)) {
    return absl::InternalError("the TPM made another key of its endorsement hierarchy than it was asked for");
  }
  ASSIGN_OR_RETURN(key.name, NameOf(library_, key.public_area));
  return key;
}

absl::Status EndorsementKeys::Authorize(const Protect& protect, TPMI_SH_POLICY policy) {
  const std::array<TPM2B_NAME, 2> names = {NameOfHandle(TPM2_RH_ENDORSEMENT), NameOfHandle(policy)};
  const TPM2B_NONCE no_nonce = {};
  const TPM2B_DIGEST no_digest = {};
  return InHierarchy(protect,
                     // Nothing to encrypt: its first parameter is empty.
                     {.command = {.code = TPM2_CC_PolicySecret, .names = names},
                      .doing = "authorising the use of the TPM's endorsement key",
                      .prepare =
                          [&](TSS2_SYS_CONTEXT* sys) {
                            return Tss2_Sys_PolicySecret_Prepare(sys, TPM2_RH_ENDORSEMENT, policy, &no_nonce,
                                                                 &no_digest, &no_nonce, 0);
                          },
                      .complete =
                          [&](TSS2_SYS_CONTEXT* sys) {
                            TPM2B_TIMEOUT timeout = {};
                            TPMT_TK_AUTH ticket = {};
                            return Tss2_Sys_PolicySecret_Complete(sys, &timeout, &ticket);
                          }});
}

// InHierarchy does a command that the endorsement hierarchy authorises.
absl::Status EndorsementKeys::InHierarchy(const Protect& protect, const TpmChannel::Call& call) {
  const absl::Status refusal = absl::FailedPreconditionError(
      "the TPM's endorsement hierarchy has another password than this daemon knows, and it is not tried again: give it "
      "as the credential ddskeyd.tpm2-endorsement-auth and restart the daemon");
  if (refused_) return refusal;
  TpmChannel::Call authorised = call;
  authorised.command.auth = auth_.has_value() ? &*auth_ : nullptr;
  const absl::Status status = protect(authorised);
  const auto raw = RawTss(status);
  if (raw.has_value() && TpmCode(*raw) == TPM2_RC_HIERARCHY) {
    return absl::FailedPreconditionError("the TPM's endorsement hierarchy is disabled in the firmware");
  }
  if (!IsAuthFailure(status) || absl::IsUnavailable(status)) return status;
  refused_ = true;
  return refusal;
}

}  // namespace ddskey::tpm
