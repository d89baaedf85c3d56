#include "daemon/backend/key_work.h"

#include <algorithm>
#include <string>

#include "absl/strings/str_cat.h"
#include "proto/contract/attestation_binding.h"

namespace ddskey {
namespace {

constexpr size_t kSha256Size = 32;
constexpr size_t kLongestFairness = 64;
// RSA-3072 has 1.8 KiB.
constexpr size_t kLargestPrivateKey = 4096;
// An authorisation value is at most as long as the digest of the key's name.
constexpr size_t kLargestAuth = 32;
// For those that are given out.
constexpr size_t kShortestAuth = 8;
constexpr size_t kLongestLabel = 64;
constexpr size_t kLongestIdentity = 64;
constexpr uint32_t kRegisters = 24;
// A hash and its algorithm; the largest hash that TPMs have.
constexpr size_t kLongestName = 2 + 64;
// Of an RSA key of 2048 bits.
constexpr size_t kLongestSeed = 256;

bool Fits(SignatureScheme scheme, KeyAlgorithm algorithm) {
  return IsRsa(algorithm) != (FamilyOf(scheme) == SignatureFamily::kEcdsa);
}

absl::Status CheckPurpose(KeyPurpose purpose) {
  if (purpose == KeyPurpose::kHandshake || purpose == KeyPurpose::kDigest) return absl::OkStatus();
  return absl::UnimplementedError(
      absl::StrCat("no backend makes keys of the purpose ", std::string(PurposeName(purpose))));
}

}  // namespace

void Refuse(const KeyDone& done, const absl::Status& status) {
  std::visit([&status](const auto& call) { call(status); }, done);
}

absl::Status CheckCreate(const CreateRequest& request) {
  if (std::ranges::find(kAllAlgorithms, request.algorithm) == kAllAlgorithms.end()) {
    return absl::UnimplementedError("no backend makes keys of this algorithm");
  }
  return CheckPurpose(request.purpose);
}

absl::Status CheckImport(const ImportRequest& request) {
  const ForeignKey& key = request.key;
  const int forms =
      (key.private_key != nullptr ? 1 : 0) + (key.tss2_key.empty() ? 0 : 1) + (key.token_label.empty() ? 0 : 1);
  if (forms != 1) {
    return absl::InvalidArgumentError(
        "a key is imported as a private key, as a key file of the TPM, or by its label in a token: give one");
  }
  if (key.token_label.size() > kLongestLabel) {
    return absl::InvalidArgumentError(absl::StrCat("a label in a token has at most ", kLongestLabel, " octets"));
  }
  if (key.private_key != nullptr && key.private_key->size() > kLargestPrivateKey) {
    return absl::InvalidArgumentError("the private key is too large");
  }
  if (key.tss2_auth != nullptr && (key.tss2_key.empty() || key.tss2_auth->size() > kLargestAuth)) {
    return absl::InvalidArgumentError(absl::StrCat(
        "an authorisation value belongs to a key file of the TPM and has at most ", kLargestAuth, " octets"));
  }
  return CheckPurpose(request.purpose);
}

absl::Status CheckExport(const ExportRequest& request) {
  if (request.auth != nullptr && request.auth->size() >= kShortestAuth && request.auth->size() <= kLargestAuth) {
    return absl::OkStatus();
  }
  return absl::InvalidArgumentError(
      absl::StrCat("the passphrase of a key file has ", kShortestAuth, " to ", kLargestAuth, " octets"));
}

absl::Status CheckOptions(const WorkOptions& options, std::chrono::steady_clock::time_point now) {
  if (options.fairness.size() > kLongestFairness || options.group.size() > kLongestFairness) {
    return absl::InvalidArgumentError(
        absl::StrCat("a fairness id and its group have at most ", kLongestFairness, " octets"));
  }
  if (options.deadline <= now) {
    return absl::DeadlineExceededError("the deadline had passed before the work reached the key device");
  }
  return absl::OkStatus();
}

absl::Status CheckSign(const SignRequest& request) {
  if (const size_t size = DigestSize(request.scheme); request.digest.size() != size) {
    return absl::InvalidArgumentError(
        absl::StrCat("a digest for this scheme has ", size, " octets, not ", request.digest.size()));
  }
  if (!Fits(request.scheme, request.key.algorithm)) {
    return absl::InvalidArgumentError(
        absl::StrCat("the signature scheme does not fit a key of ", std::string(AlgorithmName(request.key.algorithm))));
  }
  return absl::OkStatus();
}

absl::Status CheckAttest(const AttestRequest& request) {
  if (request.nonce.size() != kAttestationNonce || request.csr_sha256.size() != kSha256Size ||
      request.identity.size() > kLongestIdentity) {
    return absl::InvalidArgumentError(absl::StrCat("the nonce of an attestation has ", kAttestationNonce, " octets"));
  }
  const bool rising = std::ranges::adjacent_find(request.pcrs, std::ranges::greater_equal()) == request.pcrs.end();
  if (!rising || request.pcrs.empty() || request.pcrs.back() >= kRegisters) {
    return absl::InvalidArgumentError("platform configuration registers are 0 to 23, each once");
  }
  return absl::OkStatus();
}

absl::Status CheckActivate(const ActivateRequest& request) {
  if (request.ek_sha256.size() == kSha256Size && request.ak_name.size() <= kLongestName &&
      request.credential.size() <= kLongestSeed && request.encrypted_seed.size() <= kLongestSeed) {
    return absl::OkStatus();
  }
  return absl::InvalidArgumentError("this is nothing that was encrypted to a TPM for an attestation key");
}

}  // namespace ddskey
