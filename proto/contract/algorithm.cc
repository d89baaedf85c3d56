#include "proto/contract/algorithm.h"

#include <array>
#include <utility>

namespace ddskey {
namespace {

constexpr std::array kAlgorithms = {
    std::pair{KeyAlgorithm::kEcP256, std::string_view("ec-p256")},
    std::pair{KeyAlgorithm::kRsa2048, std::string_view("rsa-2048")},
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

std::string_view AlgorithmName(KeyAlgorithm algorithm) { return NameIn(kAlgorithms, algorithm); }
std::optional<KeyAlgorithm> ParseAlgorithm(std::string_view name) { return ValueIn<KeyAlgorithm>(kAlgorithms, name); }
std::string_view PurposeName(KeyPurpose purpose) { return NameIn(kPurposes, purpose); }
std::optional<KeyPurpose> ParsePurpose(std::string_view name) { return ValueIn<KeyPurpose>(kPurposes, name); }

}  // namespace ddskey
