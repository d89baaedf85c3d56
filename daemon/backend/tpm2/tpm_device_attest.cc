// The part of TpmDevice that proves to others that a key is in the TPM.
#include <tss2/tss2_mu.h>

#include <algorithm>
#include <array>
#include <cstdint>
#include <map>
#include <span>
#include <utility>

#include "absl/strings/escaping.h"
#include "absl/strings/str_cat.h"
#include "daemon/backend/tpm2/endorsement_certificates.h"
#include "daemon/backend/tpm2/templates.h"
#include "daemon/backend/tpm2/tpm_device.h"
#include "daemon/backend/tpm2/tss_status.h"
#include "proto/contract/attestation_binding.h"
#include "proto/contract/status_macros.h"

namespace ddskey::tpm {
namespace {

// How often registers are read that change between the quote and reading them.
constexpr int kQuotes = 3;

// The scheme of the key itself.
constexpr TPMT_SIG_SCHEME kOwnScheme = {TPM2_ALG_NULL, {}};
// An empty password, for a key that has none.
constexpr TPMS_AUTH_COMMAND kNoPassword = {TPM2_RS_PW, {}, 0, {}};

using Octets = std::span<const uint8_t>;

Octets Of(std::string_view text) { return {reinterpret_cast<const uint8_t*>(text.data()), text.size()}; }

std::string TextOf(const TPM2B_NAME& name) { return {reinterpret_cast<const char*>(name.name), name.size}; }

absl::StatusOr<std::string> Marshalled(const TPM2B_PUBLIC& key) {
  std::array<uint8_t, sizeof(TPMT_PUBLIC)> octets;
  size_t size = 0;
  RETURN_IF_ERROR(FromTss(Tss2_MU_TPMT_PUBLIC_Marshal(&key.publicArea, octets.data(), octets.size(), &size),
                          "writing a public key of the TPM"));
  return std::string(reinterpret_cast<char*>(octets.data()), size);
}

absl::StatusOr<std::string> Marshalled(const TPMT_SIGNATURE& signature) {
  std::array<uint8_t, sizeof(TPMT_SIGNATURE)> octets;
  size_t size = 0;
  RETURN_IF_ERROR(FromTss(Tss2_MU_TPMT_SIGNATURE_Marshal(&signature, octets.data(), octets.size(), &size),
                          "writing a signature of the TPM"));
  return std::string(reinterpret_cast<char*>(octets.data()), size);
}

std::string TextOf(const TPM2B_ATTEST& attest) {
  return {reinterpret_cast<const char*>(attest.attestationData), attest.size};
}

TPML_PCR_SELECTION Select(const std::vector<uint32_t>& pcrs) {
  TPML_PCR_SELECTION selection = {};
  selection.count = 1;
  selection.pcrSelections[0].hash = TPM2_ALG_SHA256;
  selection.pcrSelections[0].sizeofSelect = 3;
  for (const uint32_t pcr : pcrs) {
    selection.pcrSelections[0].pcrSelect[pcr / 8] |= static_cast<BYTE>(1U << (pcr % 8));
  }
  return selection;
}

// QuotedDigest is what a quote says that the registers hash to.
std::string QuotedDigest(const std::string& quote) {
  TPMS_ATTEST attest = {};
  size_t at = 0;
  const auto* const octets = reinterpret_cast<const uint8_t*>(quote.data());
  if (Tss2_MU_TPMS_ATTEST_Unmarshal(octets, quote.size(), &at, &attest) != TSS2_RC_SUCCESS) return "";
  const TPM2B_DIGEST& digest = attest.attested.quote.pcrDigest;
  if (attest.type != TPM2_ST_ATTEST_QUOTE || digest.size > sizeof(digest.buffer)) return "";
  return {reinterpret_cast<const char*>(digest.buffer), digest.size};
}

absl::Status CannotOpen() {
  return absl::FailedPreconditionError(
      "the TPM does not open this: it was encrypted to another endorsement key or for another attestation key, or was "
      "altered on the way");
}

// TheTpmsOwn tells whether `status` is what the TPM answered, so that it can be asked to flush something.
bool TheTpmsOwn(const absl::Status& status) {
  const auto raw = RawTss(status);
  return !raw.has_value() || TpmCode(*raw).has_value();
}

}  // namespace

// FindEndorsement is the endorsement key that is meant, with its certificates if the TPM has them.
absl::StatusOr<EndorsementKeys::Key> TpmDevice::FindEndorsement(const EndorsementKeys::Protect& protect,
                                                                EndorsementKind kind,
                                                                std::vector<std::string>& certificates) {
  using enum EndorsementKind;
  const auto candidates =
      kind == kAny ? std::vector<EndorsementKind>{kEcP256, kRsa2048} : std::vector<EndorsementKind>{kind};
  EndorsementKind chosen = candidates.front();
  for (const EndorsementKind candidate : candidates) {
    ASSIGN_OR_RETURN(std::string certificate, ReadEndorsementCertificate(*channel_, candidate));
    if (certificate.empty()) continue;
    chosen = candidate;
    certificates.push_back(std::move(certificate));
    ASSIGN_OR_RETURN(const std::vector<std::string> more, ReadIntermediateCertificates(*channel_));
    certificates.insert(certificates.end(), more.begin(), more.end());
    break;
  }
  return endorsement_.Endorsement(*channel_, protect, chosen);
}

// Drop takes a key out of the TPM after work that ended with `status`, unless the TPM cannot be asked.
void TpmDevice::Drop(const EndorsementKeys::Key& key, const absl::Status& status) {
  if (key.IsTransient() && channel_ != nullptr && TheTpmsOwn(status)) channel_->Flush(key.handle);
}

absl::StatusOr<Attestation> TpmDevice::Attest(const AttestRequest& request) {
  RETURN_IF_ERROR(EnsureReady());
  ASSIGN_OR_RETURN(const KeyBlob blob, CheckBlob(request.key));
  ASSIGN_OR_RETURN(const StorageKey* const parent, parents_.Named(*channel_, blob.parent));
  RETURN_IF_ERROR(MakeRoom(0));
  const auto protect = [&](const TpmChannel::Call& call) { return Protected(*parent, call); };
  Attestation attestation;
  ASSIGN_OR_RETURN(const EndorsementKeys::Key endorsement,
                   FindEndorsement(protect, request.endorsement, attestation.ek_certificates));
  // Only its public part is needed, and its place.
  Drop(endorsement, absl::OkStatus());
  ASSIGN_OR_RETURN(attestation.ek_public, Marshalled(endorsement.public_area));
  ASSIGN_OR_RETURN(attestation.key_public, Marshalled(blob.public_area));
  ASSIGN_OR_RETURN(const std::string info, PublicKeyInfo(library_, endorsement.public_area));
  ASSIGN_OR_RETURN(const SessionCrypto::Hash ek_sha256, crypto_->Digest({Of(info)}));

  ASSIGN_OR_RETURN(Loaded* const loaded, Load(request.key));
  ASSIGN_OR_RETURN(const EndorsementKeys::Key signer, endorsement_.AttestationKey(protect));
  const auto attest = [&]() -> absl::Status {
    ASSIGN_OR_RETURN(attestation.ak_public, Marshalled(signer.public_area));
    const AttestationBinding binding = {request.nonce, request.identity, request.csr_sha256,
                                        std::string(ek_sha256.begin(), ek_sha256.end()), TextOf(signer.name)};
    ASSIGN_OR_RETURN(const SessionCrypto::Hash hash, crypto_->Digest({Of(BindingOctets(binding))}));
    TPM2B_DATA extra = {};
    extra.size = static_cast<UINT16>(hash.size());
    std::ranges::copy(hash, extra.buffer);
    RETURN_IF_ERROR(Certify(protect, *loaded, signer, extra, attestation));
    return Quote(protect, signer, extra, request.pcrs, attestation);
  };
  const absl::Status status = attest();
  Drop(signer, status);
  RETURN_IF_ERROR(status);
  return attestation;
}

absl::Status TpmDevice::Certify(const EndorsementKeys::Protect& protect, const Loaded& loaded,
                                const EndorsementKeys::Key& signer, const TPM2B_DATA& extra, Attestation& attestation) {
  const std::array<TPM2B_NAME, 2> names = {loaded.name, signer.name};
  const std::array<TPMS_AUTH_COMMAND, 1> further = {kNoPassword};
  TPM2B_ATTEST info = {};
  TPMT_SIGNATURE signature = {};
  const absl::Status status =
      protect({.command = {.code = TPM2_CC_Certify,
                           .names = names,
                           .auth = loaded.auth.has_value() ? &*loaded.auth : nullptr,
                           .attributes = TPMA_SESSION_DECRYPT,
                           .further = further},
               .doing = "certifying a TPM key",
               .prepare =
                   [&](TSS2_SYS_CONTEXT* sys) {
                     return Tss2_Sys_Certify_Prepare(sys, loaded.handle, signer.handle, &extra, &kOwnScheme);
                   },
               .complete = [&](TSS2_SYS_CONTEXT* sys) { return Tss2_Sys_Certify_Complete(sys, &info, &signature); }});
  RETURN_IF_ERROR(status);
  attestation.certify_info = TextOf(info);
  ASSIGN_OR_RETURN(attestation.certify_signature, Marshalled(signature));
  return absl::OkStatus();
}

absl::Status TpmDevice::Quote(const EndorsementKeys::Protect& protect, const EndorsementKeys::Key& signer,
                              const TPM2B_DATA& extra, const std::vector<uint32_t>& pcrs, Attestation& attestation) {
  const TPML_PCR_SELECTION selection = Select(pcrs);
  for (int attempt = 0; attempt < kQuotes; ++attempt) {
    TPM2B_ATTEST info = {};
    TPMT_SIGNATURE signature = {};
    RETURN_IF_ERROR(
        protect({.command = {.code = TPM2_CC_Quote, .names = {&signer.name, 1}, .attributes = TPMA_SESSION_DECRYPT},
                 .doing = "quoting the TPM's registers",
                 .prepare =
                     [&](TSS2_SYS_CONTEXT* sys) {
                       return Tss2_Sys_Quote_Prepare(sys, signer.handle, &extra, &kOwnScheme, &selection);
                     },
                 .complete = [&](TSS2_SYS_CONTEXT* sys) { return Tss2_Sys_Quote_Complete(sys, &info, &signature); }}));
    attestation.quote_info = TextOf(info);
    ASSIGN_OR_RETURN(attestation.quote_signature, Marshalled(signature));
    ASSIGN_OR_RETURN(attestation.pcrs, ReadRegisters(pcrs));
    std::string values;
    for (const auto& [index, value] : attestation.pcrs) values += value;
    ASSIGN_OR_RETURN(const SessionCrypto::Hash hash, crypto_->Digest({Of(values)}));
    if (QuotedDigest(attestation.quote_info) == std::string(hash.begin(), hash.end())) return absl::OkStatus();
  }
  return absl::UnavailableError("the TPM's registers change all the time");
}

absl::StatusOr<std::vector<std::pair<uint32_t, std::string>>> TpmDevice::ReadRegisters(
    const std::vector<uint32_t>& pcrs) {
  std::map<uint32_t, std::string> values;
  while (values.size() < pcrs.size()) {
    std::vector<uint32_t> left;
    std::ranges::copy_if(pcrs, std::back_inserter(left), [&](uint32_t pcr) { return !values.contains(pcr); });
    const TPML_PCR_SELECTION wanted = Select(left);
    TPML_PCR_SELECTION told = {};
    TPML_DIGEST digests = {};
    RETURN_IF_ERROR(
        channel_->Bare({.command = {.code = TPM2_CC_PCR_Read},
                        .doing = "reading the TPM's registers",
                        .prepare = [&](TSS2_SYS_CONTEXT* sys) { return Tss2_Sys_PCR_Read_Prepare(sys, &wanted); },
                        .complete =
                            [&](TSS2_SYS_CONTEXT* sys) {
                              UINT32 counter = 0;
                              return Tss2_Sys_PCR_Read_Complete(sys, &counter, &told, &digests);
                            }}));
    // As many as an answer holds, the first ones first.
    const size_t count = std::min<size_t>({digests.count, std::size(digests.digests), left.size()});
    if (count == 0) return absl::FailedPreconditionError("the TPM has no registers of the SHA-256 bank");
    for (size_t i = 0; i < count; ++i) {
      values[left[i]] = {reinterpret_cast<const char*>(digests.digests[i].buffer), digests.digests[i].size};
    }
  }
  return std::vector<std::pair<uint32_t, std::string>>(values.begin(), values.end());
}

absl::StatusOr<ActivatedSecret> TpmDevice::Activate(const ActivateRequest& request) {
  RETURN_IF_ERROR(EnsureReady());
  ASSIGN_OR_RETURN(const KeyBlob blob, CheckBlob(request.key));
  ASSIGN_OR_RETURN(const StorageKey* const parent, parents_.Named(*channel_, blob.parent));
  RETURN_IF_ERROR(MakeRoom(0));
  const auto protect = [&](const TpmChannel::Call& call) { return Protected(*parent, call); };
  // A seed that is encrypted with RSA is as long as the modulus.
  const auto kind = request.encrypted_seed.size() == 256 ? EndorsementKind::kRsa2048 : EndorsementKind::kEcP256;
  ASSIGN_OR_RETURN(const EndorsementKeys::Key endorsement, endorsement_.Endorsement(*channel_, protect, kind));
  auto secret = ActivateWith(protect, endorsement, request);
  Drop(endorsement, secret.status());
  return secret;
}

absl::StatusOr<ActivatedSecret> TpmDevice::ActivateWith(const EndorsementKeys::Protect& protect,
                                                        const EndorsementKeys::Key& endorsement,
                                                        const ActivateRequest& request) {
  ASSIGN_OR_RETURN(const std::string info, PublicKeyInfo(library_, endorsement.public_area));
  ASSIGN_OR_RETURN(const SessionCrypto::Hash ek_sha256, crypto_->Digest({Of(info)}));
  if (const std::string own(ek_sha256.begin(), ek_sha256.end()); own != request.ek_sha256) {
    return absl::FailedPreconditionError(
        absl::StrCat("this was encrypted to the endorsement key ", absl::BytesToHexString(request.ek_sha256),
                     " of another TPM; that of this one is ", absl::BytesToHexString(own)));
  }
  ASSIGN_OR_RETURN(const EndorsementKeys::Key signer, endorsement_.AttestationKey(protect));
  absl::StatusOr<ActivatedSecret> secret = absl::FailedPreconditionError(
      absl::StrCat("this was encrypted for the attestation key ", absl::BytesToHexString(request.ak_name),
                   ", not for that of this TPM, ", absl::BytesToHexString(TextOf(signer.name))));
  if (TextOf(signer.name) == request.ak_name) secret = ActivateFor(protect, endorsement, signer, request);
  Drop(signer, secret.status());
  return secret;
}

absl::StatusOr<ActivatedSecret> TpmDevice::ActivateFor(const EndorsementKeys::Protect& protect,
                                                       const EndorsementKeys::Key& endorsement,
                                                       const EndorsementKeys::Key& signer,
                                                       const ActivateRequest& request) {
  TPM2B_ID_OBJECT credential = {};
  TPM2B_ENCRYPTED_SECRET seed = {};
  if (request.credential.size() > sizeof(credential.credential) ||
      request.encrypted_seed.size() > sizeof(seed.secret)) {
    return CannotOpen();
  }
  credential.size = static_cast<UINT16>(request.credential.size());
  std::ranges::copy(request.credential, credential.credential);
  seed.size = static_cast<UINT16>(request.encrypted_seed.size());
  std::ranges::copy(request.encrypted_seed, seed.secret);

  ASSIGN_OR_RETURN(const TPMI_SH_POLICY policy, channel_->StartPolicy());
  TPM2B_DIGEST opened = {};
  absl::Status status = endorsement_.Authorize(protect, policy);
  if (status.ok()) {
    const std::array<TPM2B_NAME, 2> names = {signer.name, endorsement.name};
    const std::array<TPMS_AUTH_COMMAND, 1> further = {TPMS_AUTH_COMMAND{policy, {}, TPMA_SESSION_CONTINUESESSION, {}}};
    status = protect(
        {.command = {.code = TPM2_CC_ActivateCredential,
                     .names = names,
                     .attributes = TPMA_SESSION_DECRYPT | TPMA_SESSION_ENCRYPT,
                     .further = further},
         .doing = "opening what was encrypted to the TPM",
         .prepare =
             [&](TSS2_SYS_CONTEXT* sys) {
               return Tss2_Sys_ActivateCredential_Prepare(sys, signer.handle, endorsement.handle, &credential, &seed);
             },
         .complete = [&](TSS2_SYS_CONTEXT* sys) { return Tss2_Sys_ActivateCredential_Complete(sys, &opened); }});
    const auto raw = RawTss(status);
    const auto code = raw.has_value() ? TpmCode(*raw) : std::nullopt;
    // libtpms says TPM_RC_FAILURE of a seed that was encrypted to another key; a TPM in failure mode would not have
    // authorised it just now.
    const bool final = code == TPM2_RC_FAILURE || RecoveryFor(status) == Recovery::kNone;
    if (code.has_value() && final && !IsAuthFailure(status)) status = CannotOpen();
  }
  if (TheTpmsOwn(status)) channel_->Flush(policy);
  RETURN_IF_ERROR(status);
  return ActivatedSecret{{reinterpret_cast<const char*>(opened.buffer), opened.size}};
}

}  // namespace ddskey::tpm
