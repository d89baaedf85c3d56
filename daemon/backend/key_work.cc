#include "daemon/backend/key_work.h"

#include <algorithm>
#include <string>

#include "absl/strings/str_cat.h"

namespace ddskey {
namespace {

constexpr size_t kDigestSize = 32;
constexpr size_t kLongestFairness = 64;

bool Fits(SignatureScheme scheme, KeyAlgorithm algorithm) {
  switch (scheme) {
    case SignatureScheme::kEcdsaSha256:
      return !IsRsa(algorithm);
    case SignatureScheme::kRsaPssSha256:
    case SignatureScheme::kRsaPkcs1Sha256:
      return IsRsa(algorithm);
  }
  return false;
}

}  // namespace

void Refuse(const KeyDone& done, const absl::Status& status) {
  std::visit([&status](const auto& call) { call(status); }, done);
}

absl::Status CheckCreate(const CreateRequest& request) {
  if (std::ranges::find(kAllAlgorithms, request.algorithm) == kAllAlgorithms.end()) {
    return absl::UnimplementedError("no backend makes keys of this algorithm");
  }
  if (request.purpose != KeyPurpose::kHandshake && request.purpose != KeyPurpose::kDigest) {
    return absl::UnimplementedError(
        absl::StrCat("no backend makes keys of the purpose ", std::string(PurposeName(request.purpose))));
  }
  return absl::OkStatus();
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
  if (request.digest.size() != kDigestSize) {
    return absl::InvalidArgumentError(
        absl::StrCat("a digest to sign has ", kDigestSize, " octets, not ", request.digest.size()));
  }
  if (!Fits(request.scheme, request.key.algorithm)) {
    return absl::InvalidArgumentError(
        absl::StrCat("the signature scheme does not fit a key of ", std::string(AlgorithmName(request.key.algorithm))));
  }
  return absl::OkStatus();
}

}  // namespace ddskey
