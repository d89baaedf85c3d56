#ifndef PROTO_CONTRACT_ALGORITHM_H_
#define PROTO_CONTRACT_ALGORITHM_H_

#include <array>
#include <optional>
#include <string>
#include <string_view>

namespace ddskey {

// KeyAlgorithm is the type and size of an asymmetric key. The numbers are stored; never change one.
enum class KeyAlgorithm {
  kEcP256 = 1,
  kRsa2048 = 2,
  kEcP384 = 3,
  kRsa3072 = 4,
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

// kAllAlgorithms are the key algorithms there are, and kAlgorithmNames their names for messages.
inline constexpr std::array kAllAlgorithms = {KeyAlgorithm::kEcP256, KeyAlgorithm::kEcP384, KeyAlgorithm::kRsa2048,
                                              KeyAlgorithm::kRsa3072};
inline constexpr char kAlgorithmNames[] = "ec-p256, ec-p384, rsa-2048 or rsa-3072";

// IsRsa tells RSA keys from those on elliptic curves. KeyBits is the size of the modulus, or of the curve.
bool IsRsa(KeyAlgorithm algorithm);
int KeyBits(KeyAlgorithm algorithm);

// CurveName is OpenSSL's name of the curve; empty for RSA.
std::string CurveName(KeyAlgorithm algorithm);

// AlgorithmName is the name people and configuration use: "ec-p256", "rsa-2048"; "unknown" for a number that is none.
std::string_view AlgorithmName(KeyAlgorithm algorithm);
std::optional<KeyAlgorithm> ParseAlgorithm(std::string_view name);

// PurposeName is "handshake", "digest" or "derive".
std::string_view PurposeName(KeyPurpose purpose);
std::optional<KeyPurpose> ParsePurpose(std::string_view name);

}  // namespace ddskey

#endif  // PROTO_CONTRACT_ALGORITHM_H_
