#include "proto/contract/key_name.h"

#include <algorithm>

namespace ddskey {
namespace {

constexpr size_t kLongest = 63;
constexpr std::string_view kScheme = "ddskey:";
constexpr std::string_view kWhiteSpace = " \t\r\n";

bool IsAlphanumeric(char c) { return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9'); }

bool IsNameCharacter(char c) { return IsAlphanumeric(c) || c == '.' || c == '_' || c == '-'; }

}  // namespace

std::optional<KeyName> KeyName::Parse(std::string_view text) {
  if (text.empty() || text.size() > kLongest || !IsAlphanumeric(text.front())) return std::nullopt;
  if (!std::all_of(text.begin(), text.end(), IsNameCharacter)) return std::nullopt;
  return KeyName(text);
}

std::optional<KeyName> KeyName::ParseReference(std::string_view document) {
  const size_t first = document.find_first_not_of(kWhiteSpace);
  if (first == std::string_view::npos) return std::nullopt;
  document = document.substr(first, document.find_last_not_of(kWhiteSpace) - first + 1);
  if (document.substr(0, kScheme.size()) != kScheme) return std::nullopt;
  return Parse(document.substr(kScheme.size()));
}

}  // namespace ddskey
