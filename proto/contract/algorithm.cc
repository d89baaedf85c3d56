#include "proto/contract/algorithm.h"

#include <array>
#include <utility>

namespace ddskey {
namespace {

constexpr std::array kAlgorithms = {
    std::pair{KeyAlgorithm::kEcP256, std::string_view("ec-p256")},
    std::pair{KeyAlgorithm::kRsa2048, std::string_view("rsa-2048")},
    std::pair{KeyAlgorithm::kEcP384, std::string_view("ec-p384")},
    std::pair{KeyAlgorithm::kRsa3072, std::string_view("rsa-3072")},
};
constexpr std::array kPurposes = {
    std::pair{KeyPurpose::kHandshake, std::string_view("handshake")},
    std::pair{KeyPurpose::kDigest, std::string_view("digest")},
    std::pair{KeyPurpose::kDerive, std::string_view("derive")},
};

template <typename Table, typename Value>
std::string_view NameIn(const Table& table, Value value) {
  for (const auto& [entry, name] : table) {
    if (entry == value) return name;
  }
  return "unknown";
}

template <typename Value, typename Table>
std::optional<Value> ValueIn(const Table& table, std::string_view name) {
  for (const auto& [entry, known] : table) {
    if (known == name) return entry;
  }
  return std::nullopt;
}

}  // namespace

bool IsRsa(KeyAlgorithm algorithm) {
  return algorithm == KeyAlgorithm::kRsa2048 || algorithm == KeyAlgorithm::kRsa3072;
}

int KeyBits(KeyAlgorithm algorithm) {
  switch (algorithm) {
    case KeyAlgorithm::kEcP256:
      return 256;
    case KeyAlgorithm::kEcP384:
      return 384;
    case KeyAlgorithm::kRsa2048:
      return 2048;
    case KeyAlgorithm::kRsa3072:
      return 3072;
  }
  return 0;
}

std::string CurveName(KeyAlgorithm algorithm) {
  if (algorithm == KeyAlgorithm::kEcP256) return "prime256v1";
  return algorithm == KeyAlgorithm::kEcP384 ? "secp384r1" : "";
}

std::string_view AlgorithmName(KeyAlgorithm algorithm) { return NameIn(kAlgorithms, algorithm); }
std::optional<KeyAlgorithm> ParseAlgorithm(std::string_view name) { return ValueIn<KeyAlgorithm>(kAlgorithms, name); }
std::string_view PurposeName(KeyPurpose purpose) { return NameIn(kPurposes, purpose); }
std::optional<KeyPurpose> ParsePurpose(std::string_view name) { return ValueIn<KeyPurpose>(kPurposes, name); }

}  // namespace ddskey
