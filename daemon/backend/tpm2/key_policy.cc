#include "daemon/backend/tpm2/key_policy.h"

#include <openssl/bn.h>
#include <openssl/core_names.h>
#include <openssl/ec.h>
#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/sha.h>
#include <tss2/tss2_mu.h>

#include <algorithm>
#include <array>
#include <memory>
#include <utility>

#include "absl/strings/str_cat.h"
#include "daemon/backend/tpm2/session_salt.h"
#include "daemon/backend/tpm2/templates.h"
#include "proto/contract/status_macros.h"

namespace ddskey::tpm {
namespace {

constexpr size_t kLargestAuthority = 1024;
constexpr size_t kLargestSignature = 512;
constexpr BN_ULONG kExponent = 65537;

struct Deleter {
  void operator()(BIGNUM* number) const { BN_free(number); }
  void operator()(ECDSA_SIG* signature) const { ECDSA_SIG_free(signature); }
};
template <typename T>
using Owned = std::unique_ptr<T, Deleter>;

// Authority is a public key that was parsed.
struct Authority {
  EvpKey key;
  KeyAlgorithm algorithm;
};

absl::Status NoAuthority() {
  return absl::InvalidArgumentError(
      absl::StrCat("the authority's public key is none of ", kAlgorithmNames, " in PEM or DER"));
}

absl::StatusOr<Authority> ParseAuthority(const CryptoLibrary& library, const std::string& der) {
  if (der.size() > kLargestAuthority) return NoAuthority();
  for (const KeyAlgorithm algorithm : kAllAlgorithms) {
    auto key = library.ParsePublicKeyInfo(algorithm, der);
    if (key.ok()) return Authority{*std::move(key), algorithm};
  }
  return NoAuthority();
}

std::string Sha256(std::string_view octets) {
  std::string digest(SHA256_DIGEST_LENGTH, '\0');
  SHA256(reinterpret_cast<const unsigned char*>(octets.data()), octets.size(),
         reinterpret_cast<unsigned char*>(digest.data()));
  return digest;
}

// Extended is the policy digest after a command: hash of the one before, the command's code, and `arguments`.
std::string Extended(std::string_view before, TPM2_CC code, std::string_view arguments) {
  std::string octets(before);
  for (const int shift : {24, 16, 8, 0}) octets.push_back(static_cast<char>(code >> shift));
  octets += arguments;
  return Sha256(octets);
}

std::string Octets(const TPM2B_DIGEST& digest) { return {reinterpret_cast<const char*>(digest.buffer), digest.size}; }

// PolicyOfAuthority is TPM 2.0 Part 3, 23.16 (PolicyAuthorize): of nothing, the key's name, then the policyRef.
std::string PolicyOfAuthority(const TPM2B_NAME& name, std::string_view label) {
  const std::string named = Extended(std::string(SHA256_DIGEST_LENGTH, '\0'), TPM2_CC_PolicyAuthorize,
                                     {reinterpret_cast<const char*>(name.name), name.size});
  return Sha256(named + PcrPolicyRef(label));
}

absl::Status TakePoint(const EVP_PKEY& key, TPMS_ECC_POINT& point) {
  std::array<uint8_t, 1 + 2 * TPM2_MAX_ECC_KEY_BYTES> octets = {};
  size_t size = 0;
  if (EVP_PKEY_get_octet_string_param(&key, OSSL_PKEY_PARAM_PUB_KEY, octets.data(), octets.size(), &size) != 1 ||
      octets[0] != POINT_CONVERSION_UNCOMPRESSED) {
    ERR_clear_error();
    return absl::InvalidArgumentError("the authority's public key is compressed; write it with: openssl pkey -pubout");
  }
  const size_t half = (size - 1) / 2;
  point.x.size = static_cast<UINT16>(half);
  point.y.size = static_cast<UINT16>(half);
  std::copy_n(octets.begin() + 1, half, point.x.buffer);
  std::copy_n(octets.begin() + 1 + static_cast<ptrdiff_t>(half), half, point.y.buffer);
  return absl::OkStatus();
}

absl::Status TakeModulus(const EVP_PKEY& key, KeyAlgorithm algorithm, TPM2B_PUBLIC_KEY_RSA& modulus) {
  BIGNUM* raw = nullptr;
  BIGNUM* exponent = nullptr;
  EVP_PKEY_get_bn_param(&key, OSSL_PKEY_PARAM_RSA_N, &raw);
  EVP_PKEY_get_bn_param(&key, OSSL_PKEY_PARAM_RSA_E, &exponent);
  const Owned<BIGNUM> n(raw);
  const Owned<BIGNUM> e(exponent);
  if (n == nullptr || e == nullptr || BN_is_word(e.get(), kExponent) != 1) {
    ERR_clear_error();
    return absl::InvalidArgumentError("the authority's RSA key has another exponent than 65537");
  }
  modulus.size = static_cast<UINT16>(KeyBits(algorithm) / 8);
  BN_bn2binpad(n.get(), modulus.buffer, modulus.size);
  return absl::OkStatus();
}

// AreaOf is the public area that tpm2_loadexternal makes of a key.
absl::StatusOr<TPM2B_PUBLIC> AreaOf(const Authority& authority) {
  TPM2B_PUBLIC result = {};
  TPMT_PUBLIC& area = result.publicArea;
  // Its type and parameters are those of a key of ours.
  area = KeyTemplate(authority.algorithm, KeyPurpose::kHandshake).publicArea;
  area.authPolicy = {};
  area.objectAttributes = TPMA_OBJECT_USERWITHAUTH | TPMA_OBJECT_DECRYPT | TPMA_OBJECT_SIGN_ENCRYPT;
  if (IsRsa(authority.algorithm)) {
    RETURN_IF_ERROR(TakeModulus(*authority.key, authority.algorithm, area.unique.rsa));
  } else {
    RETURN_IF_ERROR(TakePoint(*authority.key, area.unique.ecc));
  }
  return result;
}

SignatureScheme ApprovalScheme(KeyAlgorithm algorithm) {
  return IsRsa(algorithm) ? SignatureScheme::kRsaPkcs1Sha256 : SignatureScheme::kEcdsaSha256;
}

absl::Status Damaged() { return absl::InvalidArgumentError("the approval's signature is damaged"); }

absl::StatusOr<TPMS_SIGNATURE_ECC> EccSignature(std::string_view der) {
  const auto* at = reinterpret_cast<const unsigned char*>(der.data());
  const unsigned char* const begin = at;
  const Owned<ECDSA_SIG> parsed(d2i_ECDSA_SIG(nullptr, &at, static_cast<long>(der.size())));
  ERR_clear_error();
  if (parsed == nullptr || at != begin + der.size()) return Damaged();
  TPMS_SIGNATURE_ECC result = {};
  result.hash = TPM2_ALG_SHA256;
  const std::array<std::pair<const BIGNUM*, TPM2B_ECC_PARAMETER*>, 2> numbers = {
      {{ECDSA_SIG_get0_r(parsed.get()), &result.signatureR}, {ECDSA_SIG_get0_s(parsed.get()), &result.signatureS}}};
  for (const auto& [number, out] : numbers) {
    if (BN_num_bytes(number) > static_cast<int>(sizeof(out->buffer))) return Damaged();
    out->size = static_cast<UINT16>(BN_bn2bin(number, out->buffer));
  }
  return result;
}

}  // namespace

TPM2B_DIGEST ToTpmDigest(std::string_view octets) {
  TPM2B_DIGEST digest = {};
  digest.size = static_cast<UINT16>(std::min(octets.size(), sizeof(digest.buffer)));
  std::copy_n(octets.begin(), digest.size, digest.buffer);
  return digest;
}

TPML_PCR_SELECTION ToTpm(const PcrSelection& selection) {
  const std::string octets = MarshalledPcrs(selection);
  TPML_PCR_SELECTION result = {};
  size_t at = 0;
  Tss2_MU_TPML_PCR_SELECTION_Unmarshal(reinterpret_cast<const uint8_t*>(octets.data()), octets.size(), &at, &result);
  return result;
}

absl::StatusOr<KeyPolicy> MakeKeyPolicy(const CryptoLibrary& library, KeyPurpose purpose, const PcrBinding& binding) {
  KeyPolicy policy;
  std::vector<std::string> branches;
  branches.push_back(Octets(KeyTemplate(KeyAlgorithm::kEcP256, purpose).publicArea.authPolicy));
  branches.push_back(Extended(PcrPolicyDigest(binding.values), TPM2_CC_PolicyAuthValue, ""));
  if (!binding.authority.empty()) {
    ASSIGN_OR_RETURN(const Authority authority, ParseAuthority(library, binding.authority));
    ASSIGN_OR_RETURN(policy.authority, AreaOf(authority));
    ASSIGN_OR_RETURN(policy.authority_name, NameOf(library, *policy.authority));
    branches.push_back(Extended(PolicyOfAuthority(policy.authority_name, binding.label), TPM2_CC_PolicyAuthValue, ""));
  }
  std::string all;
  for (const std::string& branch : branches) {
    policy.branches.digests[policy.branches.count++] = ToTpmDigest(branch);
    all += branch;
  }
  policy.digest = ToTpmDigest(Extended(std::string(SHA256_DIGEST_LENGTH, '\0'), TPM2_CC_PolicyOR, all));
  return policy;
}

absl::StatusOr<bool> IsMadeHere(const CryptoLibrary& library, const TPM2B_PUBLIC& area,
                                const std::optional<PcrBinding>& binding, KeyAlgorithm algorithm, KeyPurpose purpose) {
  if (!binding.has_value()) return IsFromTemplate(area, algorithm, purpose);
  ASSIGN_OR_RETURN(const KeyPolicy policy, MakeKeyPolicy(library, purpose, *binding));
  return IsFromBoundTemplate(area, algorithm, policy.digest);
}

absl::Status CheckTerms(const CryptoLibrary& library, const PcrTerms& terms) {
  if (terms.registers.empty()) return absl::InvalidArgumentError("a key is bound to one register at least");
  if (terms.registers.size() > kMostPcrs) {
    return absl::InvalidArgumentError(absl::StrCat("a key is bound to at most ", kMostPcrs, " registers"));
  }
  if (terms.authority.empty()) {
    if (terms.label.empty() && terms.approvals.empty()) return absl::OkStatus();
    return absl::InvalidArgumentError("without an authority there are no labels and no approvals");
  }
  if (!IsPcrLabel(terms.label)) {
    return absl::InvalidArgumentError(
        "the label of approvals is written as a key's name: 1 to 63 letters, digits, '.', '_' and '-'");
  }
  ASSIGN_OR_RETURN(const Authority authority, ParseAuthority(library, terms.authority));
  return AreaOf(authority).status();
}

absl::Status CheckApproval(const CryptoLibrary& library, const PcrBinding& binding, const PcrApproval& approval) {
  if (binding.authority.empty()) {
    return absl::FailedPreconditionError(
        "the key was made without an authority, so that nobody may approve other values: renew it");
  }
  if (approval.label != binding.label) {
    return absl::FailedPreconditionError(absl::StrCat("the approval is for keys with the label \"", approval.label,
                                                      "\", not for those with \"", binding.label, "\""));
  }
  if (SelectionOf(approval.values) != SelectionOf(binding.values)) {
    return absl::FailedPreconditionError(absl::StrCat("the approval is for ", FormatPcrs(SelectionOf(approval.values)),
                                                      ", but the key is bound to ",
                                                      FormatPcrs(SelectionOf(binding.values))));
  }
  ASSIGN_OR_RETURN(const Authority authority, ParseAuthority(library, binding.authority));
  RETURN_IF_ERROR(ApprovalSignature(library, binding, approval).status());
  const std::string digest = Octets(ApprovalDigest(approval));
  if (library.Verify(*authority.key, ApprovalScheme(authority.algorithm), digest, Signature{approval.signature}).ok()) {
    return absl::OkStatus();
  }
  return absl::InvalidArgumentError(
      "the approval is not signed by the key's authority, or was changed after it was signed");
}

TPM2B_DIGEST ApprovalDigest(const PcrApproval& approval) {
  return ToTpmDigest(Sha256(ToBeApproved(approval.values, approval.label)));
}

absl::StatusOr<TPMT_SIGNATURE> ApprovalSignature(const CryptoLibrary& library, const PcrBinding& binding,
                                                 const PcrApproval& approval) {
  ASSIGN_OR_RETURN(const Authority authority, ParseAuthority(library, binding.authority));
  TPMT_SIGNATURE signature = {};
  if (approval.signature.empty() || approval.signature.size() > kLargestSignature) return Damaged();
  if (!IsRsa(authority.algorithm)) {
    signature.sigAlg = TPM2_ALG_ECDSA;
    ASSIGN_OR_RETURN(signature.signature.ecdsa, EccSignature(approval.signature));
    return signature;
  }
  if (approval.signature.size() != static_cast<size_t>(KeyBits(authority.algorithm)) / 8) return Damaged();
  signature.sigAlg = TPM2_ALG_RSASSA;
  signature.signature.rsassa.hash = TPM2_ALG_SHA256;
  signature.signature.rsassa.sig.size = static_cast<UINT16>(approval.signature.size());
  std::copy(approval.signature.begin(), approval.signature.end(), signature.signature.rsassa.sig.buffer);
  return signature;
}

}  // namespace ddskey::tpm
