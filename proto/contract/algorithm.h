#ifndef PROTO_CONTRACT_ALGORITHM_H_
#define PROTO_CONTRACT_ALGORITHM_H_

#include <optional>
#include <string_view>

namespace ddskey {

// KeyAlgorithm is the type and size of an asymmetric key. The numbers are stored; never change one.
enum class KeyAlgorithm {
  kEcP256 = 1,
  kRsa2048 = 2,
};

// KeyPurpose is what a key is for, fixed when it is made (S-1). The numbers are stored; never change one.
enum class KeyPurpose {
  // Signs DDS Security handshake transcripts that the daemon built, and what the daemon signs under a label of its own.
  kHandshake = 1,
  // Signs digests that callers computed.
  kDigest = 2,
  // Agrees on secrets.
  kDerive = 3,
};

// AlgorithmName is the name people and configuration use: "ec-p256", "rsa-2048".
std::string_view AlgorithmName(KeyAlgorithm algorithm);
std::optional<KeyAlgorithm> ParseAlgorithm(std::string_view name);

// PurposeName is "handshake", "digest" or "derive".
std::string_view PurposeName(KeyPurpose purpose);
std::optional<KeyPurpose> ParsePurpose(std::string_view name);

}  // namespace ddskey

#endif  // PROTO_CONTRACT_ALGORITHM_H_
