#include "client/attestation/verifier.h"

#include <openssl/err.h>
#include <tss2/tss2_tpm2_types.h>

#include <algorithm>
#include <array>
#include <utility>

#include "absl/strings/escaping.h"
#include "absl/strings/str_cat.h"
#include "client/attestation/tpm_structures.h"
#include "proto/contract/algorithm.h"
#include "proto/contract/attestation_binding.h"
#include "proto/contract/status_macros.h"

namespace ddskey::attestation {
namespace {

using ca::OpensslPtr;

constexpr uint32_t kVersion = 1;
constexpr int kRegisters = 24;
constexpr size_t kDigestSize = 32;

// PolicyA of the TCG EK Credential Profile, B.6.2.
constexpr std::array<uint8_t, kDigestSize> kEkPolicy = {
    0x83, 0x71, 0x97, 0x67, 0x44, 0x84, 0xb3, 0xf8, 0x1a, 0x90, 0xcc, 0x8d, 0x46, 0xa5, 0xd7, 0x24,
    0xfd, 0x52, 0xd7, 0x6e, 0x06, 0x52, 0x0b, 0x64, 0xf2, 0xa1, 0xda, 0x1b, 0x33, 0x14, 0x69, 0xaa};

absl::Status Refused(std::string_view why) { return absl::FailedPreconditionError(std::string(why)); }

// Attribute is what an object must, or must not, be.
struct Attribute {
  TPMA_OBJECT bit;
  bool set;
  const char* otherwise;
};

constexpr Attribute kOfAttestationKey[] = {
    {TPMA_OBJECT_RESTRICTED, true, "the attestation key is not restricted: it signs whatever it is given"},
    {TPMA_OBJECT_SIGN_ENCRYPT, true, "the attestation key is not one that signs"},
    {TPMA_OBJECT_DECRYPT, false, "the attestation key also decrypts"},
    {TPMA_OBJECT_FIXEDTPM, true, "the attestation key is not fixed to its TPM"},
    {TPMA_OBJECT_FIXEDPARENT, true, "the attestation key is not fixed to its parent"},
    {TPMA_OBJECT_SENSITIVEDATAORIGIN, true, "the attestation key was not made in its TPM"},
};

constexpr Attribute kOfKey[] = {
    {TPMA_OBJECT_SIGN_ENCRYPT, true, "the certified key is not one that signs"},
    {TPMA_OBJECT_DECRYPT, false, "the certified key also decrypts"},
    {TPMA_OBJECT_RESTRICTED, false, "the certified key is restricted, so it cannot have signed the request"},
};

template <size_t kCount>
absl::Status CheckAttributes(const TPMT_PUBLIC& area, const Attribute (&attributes)[kCount]) {
  for (const Attribute& attribute : attributes) {
    if (((area.objectAttributes & attribute.bit) != 0) != attribute.set) return Refused(attribute.otherwise);
  }
  return absl::OkStatus();
}

// EkTemplate is template L-1 or L-2 of the TCG EK Credential Profile, for the key `area`.
TPMT_PUBLIC EkTemplate(const TPMT_PUBLIC& area) {
  TPMT_PUBLIC result = {};
  result.type = area.type;
  result.nameAlg = TPM2_ALG_SHA256;
  result.objectAttributes = TPMA_OBJECT_FIXEDTPM | TPMA_OBJECT_FIXEDPARENT | TPMA_OBJECT_SENSITIVEDATAORIGIN |
                            TPMA_OBJECT_ADMINWITHPOLICY | TPMA_OBJECT_RESTRICTED | TPMA_OBJECT_DECRYPT;
  result.authPolicy.size = kEkPolicy.size();
  std::ranges::copy(kEkPolicy, result.authPolicy.buffer);
  TPMT_SYM_DEF_OBJECT symmetric = {};
  symmetric.algorithm = TPM2_ALG_AES;
  symmetric.keyBits.aes = 128;
  symmetric.mode.aes = TPM2_ALG_CFB;
  if (area.type == TPM2_ALG_RSA) {
    TPMS_RSA_PARMS& parameters = result.parameters.rsaDetail;
    parameters = {symmetric, {TPM2_ALG_NULL, {}}, 2048, 0};
  } else {
    TPMS_ECC_PARMS& parameters = result.parameters.eccDetail;
    parameters = {symmetric, {TPM2_ALG_NULL, {}}, TPM2_ECC_NIST_P256, {TPM2_ALG_NULL, {}}};
  }
  result.unique = area.unique;
  return result;
}

absl::Status CheckForm(const v1::AttestationBundle& bundle, const Expectations& expectations) {
  if (bundle.version() != kVersion) {
    return absl::InvalidArgumentError("the bundle has a form that is not known here: use a newer ddskeyctl");
  }
  if (expectations.nonce.size() != kAttestationNonce) return absl::InvalidArgumentError("a nonce has 32 octets");
  if (bundle.nonce() != expectations.nonce) return Refused("the bundle was made for another nonce");
  if (bundle.pcrs_size() > kRegisters) return absl::InvalidArgumentError("there are 24 registers at most");
  return absl::OkStatus();
}

// CheckEndorsement returns the endorsement key.
absl::StatusOr<OpensslPtr<EVP_PKEY>> CheckEndorsement(const v1::AttestationBundle& bundle,
                                                      const Expectations& expectations, absl::Time now) {
  const std::vector<std::string> certificates(bundle.ek_certificates().begin(), bundle.ek_certificates().end());
  ASSIGN_OR_RETURN(OpensslPtr<EVP_PKEY> certified, VerifyEkCertificate(certificates, expectations.trust, now));
  ASSIGN_OR_RETURN(const TPMT_PUBLIC area, ParsePublic(bundle.ek_public(), "the endorsement key"));
  ASSIGN_OR_RETURN(const OpensslPtr<EVP_PKEY> key, KeyOf(area, "the endorsement key"));
  const bool same = EVP_PKEY_eq(key.get(), certified.get()) == 1;
  ERR_clear_error();
  if (!same) return Refused("the endorsement key is not that of its certificate");
  if (MarshalPublic(EkTemplate(area)) != bundle.ek_public()) {
    return Refused("the endorsement key is not of the TCG's templates L-1 (RSA-2048) or L-2 (EC P-256)");
  }
  return certified;
}

// CheckAttestationKey returns the attestation key.
absl::StatusOr<OpensslPtr<EVP_PKEY>> CheckAttestationKey(const TPMT_PUBLIC& area) {
  RETURN_IF_ERROR(CheckAttributes(area, kOfAttestationKey));
  const TPMS_ECC_PARMS& parameters = area.parameters.eccDetail;
  if (area.type != TPM2_ALG_ECC || area.nameAlg != TPM2_ALG_SHA256 || parameters.curveID != TPM2_ECC_NIST_P256 ||
      parameters.scheme.scheme != TPM2_ALG_ECDSA || parameters.scheme.details.ecdsa.hashAlg != TPM2_ALG_SHA256) {
    return Refused("the attestation key is not for ECDSA on P-256 with SHA-256");
  }
  return KeyOf(area, "the attestation key");
}

// CheckSignature sees that the attestation key signed `statement`.
absl::Status CheckSignature(EVP_PKEY* key, std::string_view statement, std::string_view signature,
                            const std::string& what) {
  ASSIGN_OR_RETURN(const TPMT_SIGNATURE parsed, ParseSignature(signature, absl::StrCat("the signature of ", what)));
  const TPMS_SIGNATURE_ECC& raw = parsed.signature.ecdsa;
  if (parsed.sigAlg != TPM2_ALG_ECDSA || raw.hash != TPM2_ALG_SHA256) {
    return Refused(absl::StrCat("the signature of ", what, " is not ECDSA with SHA-256"));
  }
  ECDSA_SIG* const pair = ECDSA_SIG_new();
  ECDSA_SIG_set0(pair, BN_bin2bn(raw.signatureR.buffer, raw.signatureR.size, nullptr),
                 BN_bin2bn(raw.signatureS.buffer, raw.signatureS.size, nullptr));
  unsigned char* der = nullptr;
  const int size = i2d_ECDSA_SIG(pair, &der);
  ECDSA_SIG_free(pair);
  const OpensslPtr<EVP_MD_CTX> context(EVP_MD_CTX_new());
  const bool good =
      size > 0 &&
      EVP_DigestVerifyInit_ex(context.get(), nullptr, "SHA256", ca::Library(), nullptr, key, nullptr) == 1 &&
      EVP_DigestVerify(context.get(), der, static_cast<size_t>(size),
                       reinterpret_cast<const unsigned char*>(statement.data()), statement.size()) == 1;
  OPENSSL_free(der);
  ERR_clear_error();
  return good ? absl::OkStatus() : Refused(absl::StrCat(what, " is not signed by the attestation key"));
}

// ReadStatement reads what the TPM says about `extra`.
absl::StatusOr<TPMS_ATTEST> ReadStatement(std::string_view octets, TPMI_ST_ATTEST type, std::string_view extra,
                                          const std::string& what) {
  ASSIGN_OR_RETURN(const TPMS_ATTEST statement, ParseAttest(octets, what));
  if (statement.magic != TPM2_GENERATED_VALUE) return Refused(absl::StrCat(what, " was not made by a TPM"));
  if (statement.type != type) return Refused(absl::StrCat(what, " is another statement of the TPM"));
  if (Text(statement.extraData) != extra) {
    return Refused(absl::StrCat(what, " was made for another nonce, identity, request or endorsement key"));
  }
  return statement;
}

// CheckOrigin tells where the key comes from: whether it was imported.
absl::StatusOr<bool> CheckOrigin(const TPMT_PUBLIC& area, const Expectations& expectations) {
  constexpr TPMA_OBJECT kMade = TPMA_OBJECT_FIXEDTPM | TPMA_OBJECT_FIXEDPARENT | TPMA_OBJECT_SENSITIVEDATAORIGIN;
  if ((area.objectAttributes & kMade) == kMade) return false;
  if ((area.objectAttributes & TPMA_OBJECT_SENSITIVEDATAORIGIN) != 0) {
    return Refused("the key was made in the TPM but is not fixed to it: it may have been copied");
  }
  if (!expectations.accept_imported) {
    return Refused(
        "the key was imported into the TPM: it was made elsewhere, and there may be copies of it (--accept-imported "
        "takes it all the same)");
  }
  return true;
}

std::string PurposeOf(const TPMT_PUBLIC& area) {
  for (const KeyPurpose purpose : {KeyPurpose::kHandshake, KeyPurpose::kDigest}) {
    const std::string name(PurposeName(purpose));
    if (Text(area.authPolicy) == Sha256(absl::StrCat("ddskey/tpm2/purpose/1/", name))) return name;
  }
  return "";
}

// CheckKey sees that the key of the request is the one that the TPM certified.
absl::Status CheckKey(const TPMT_PUBLIC& area, const ca::Request& request) {
  if (area.nameAlg != TPM2_ALG_SHA256) return Refused("the certified key has a Name of another hash than SHA-256");
  RETURN_IF_ERROR(CheckAttributes(area, kOfKey));
  ASSIGN_OR_RETURN(const OpensslPtr<EVP_PKEY> key, KeyOf(area, "the certified key"));
  const bool same = EVP_PKEY_eq(key.get(), request.public_key()) == 1;
  ERR_clear_error();
  return same ? absl::OkStatus() : Refused("the certified key is not the one of the request");
}

absl::Status CheckRegisters(const v1::AttestationBundle& bundle, const TPMS_QUOTE_INFO& quote,
                            const Expectations& expectations) {
  TPMS_PCR_SELECTION selected = {TPM2_ALG_SHA256, 3, {}};
  std::string values;
  int64_t last = -1;
  std::map<uint32_t, std::string> told;
  for (const v1::PcrValue& pcr : bundle.pcrs()) {
    if (pcr.index() <= last || pcr.index() >= kRegisters || pcr.sha256().size() != kDigestSize) {
      return absl::InvalidArgumentError("the registers of the bundle are not in order");
    }
    last = pcr.index();
    selected.pcrSelect[pcr.index() / 8] |= static_cast<BYTE>(1U << (pcr.index() % 8));
    values += pcr.sha256();
    told[pcr.index()] = pcr.sha256();
  }
  const TPMS_PCR_SELECTION& quoted = quote.pcrSelect.pcrSelections[0];
  if (quote.pcrSelect.count != 1 || quoted.hash != selected.hash || quoted.sizeofSelect != selected.sizeofSelect ||
      !std::equal(quoted.pcrSelect, quoted.pcrSelect + 3, selected.pcrSelect)) {
    return Refused("the quote is about other registers than those of the bundle");
  }
  if (Text(quote.pcrDigest) != Sha256(values)) return Refused("the registers of the bundle are not those quoted");
  for (const auto& [index, value] : expectations.pcrs) {
    const auto found = told.find(index);
    if (found == told.end()) return Refused(absl::StrCat("register ", index, " is not quoted"));
    if (found->second != value) {
      return Refused(absl::StrCat("register ", index, " is ", absl::BytesToHexString(found->second), ", not ",
                                  absl::BytesToHexString(value)));
    }
  }
  return absl::OkStatus();
}

}  // namespace

absl::StatusOr<Verdict> Verify(const v1::AttestationBundle& bundle, const Expectations& expectations, absl::Time now) {
  RETURN_IF_ERROR(CheckForm(bundle, expectations));
  ASSIGN_OR_RETURN(ca::Request request, ca::Request::ParseDer(bundle.csr()));
  ASSIGN_OR_RETURN(OpensslPtr<EVP_PKEY> ek, CheckEndorsement(bundle, expectations, now));
  const std::string ek_sha256 = KeyDigest(ek.get());
  if (expectations.list.has_value()) RETURN_IF_ERROR(expectations.list->Check(ek_sha256, request.subject_text()));

  ASSIGN_OR_RETURN(const TPMT_PUBLIC ak, ParsePublic(bundle.ak_public(), "the attestation key"));
  ASSIGN_OR_RETURN(const OpensslPtr<EVP_PKEY> ak_key, CheckAttestationKey(ak));
  const std::string ak_name = NameOf(ak);
  const std::string extra =
      Sha256(BindingOctets({bundle.nonce(), bundle.identity(), Sha256(bundle.csr()), ek_sha256, ak_name}));

  RETURN_IF_ERROR(CheckSignature(ak_key.get(), bundle.certify_info(), bundle.certify_signature(),
                                 "what the TPM says about the key"));
  ASSIGN_OR_RETURN(const TPMS_ATTEST certified, ReadStatement(bundle.certify_info(), TPM2_ST_ATTEST_CERTIFY, extra,
                                                              "what the TPM says about the key"));
  ASSIGN_OR_RETURN(const TPMT_PUBLIC area, ParsePublic(bundle.key_public(), "the certified key"));
  RETURN_IF_ERROR(CheckKey(area, request));
  const TPM2B_NAME& name = certified.attested.certify.name;
  if (std::string_view(reinterpret_cast<const char*>(name.name), name.size) != NameOf(area)) {
    return Refused("the TPM certified another key, or the same with other attributes");
  }
  ASSIGN_OR_RETURN(const bool imported, CheckOrigin(area, expectations));

  RETURN_IF_ERROR(
      CheckSignature(ak_key.get(), bundle.quote_info(), bundle.quote_signature(), "the quote of the registers"));
  ASSIGN_OR_RETURN(const TPMS_ATTEST quoted,
                   ReadStatement(bundle.quote_info(), TPM2_ST_ATTEST_QUOTE, extra, "the quote of the registers"));
  RETURN_IF_ERROR(CheckRegisters(bundle, quoted.attested.quote, expectations));
  return Verdict{std::move(request), std::move(ek), ek_sha256, ak_name, imported, PurposeOf(area)};
}

absl::StatusOr<v1::AttestationBundle> ParseBundle(std::string_view octets) {
  v1::AttestationBundle bundle;
  bool known = bundle.ParseFromArray(octets.data(), static_cast<int>(octets.size())) &&
               bundle.GetReflection()->GetUnknownFields(bundle).empty();
  for (const v1::PcrValue& pcr : bundle.pcrs()) {
    known = known && pcr.GetReflection()->GetUnknownFields(pcr).empty();
  }
  if (known && bundle.version() == kVersion) return bundle;
  return absl::InvalidArgumentError("this is no attestation of this version of ddskeyctl");
}

}  // namespace ddskey::attestation
