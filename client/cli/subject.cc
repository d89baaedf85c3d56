#include "client/cli/subject.h"

#include <algorithm>
#include <array>
#include <cctype>
#include <cstddef>
#include <string>
#include <utility>

#include "client/cli/arguments.h"
#include "client/cli/text.h"
#include "proto/contract/status_macros.h"

namespace ddskey::cli {
namespace {

constexpr std::array<std::string_view, 10> kTypes = {
    "C", "ST", "L", "O", "OU", "CN", "DC", "serialNumber", "emailAddress", "UID"};
constexpr size_t kMaxAttributes = 16;
constexpr size_t kMaxCharacters = 64;
constexpr std::string_view kForms = "; write it like /O=Robots/CN=talker or CN=talker,O=Robots";

absl::Status Wrong(const std::string& what) { return UsageError("--subject: " + what + std::string(kForms)); }

// Letter is a character of a name; `escaped` ones have no meaning of their own.
struct Letter {
  char character;
  bool escaped;
};

int HexDigit(char c) {
  if (c >= '0' && c <= '9') return c - '0';
  const char lower = static_cast<char>(std::tolower(static_cast<unsigned char>(c)));
  return lower >= 'a' && lower <= 'f' ? lower - 'a' + 10 : -1;
}

absl::StatusOr<std::vector<Letter>> Unescape(std::string_view text) {
  constexpr std::string_view kEscapable = ",+\"\\<>;=# /";
  std::vector<Letter> letters;
  for (size_t i = 0; i < text.size(); ++i) {
    if (text[i] != '\\') {
      letters.push_back({text[i], false});
    } else if (i + 1 < text.size() && kEscapable.find(text[i + 1]) != std::string_view::npos) {
      letters.push_back({text[++i], true});
    } else if (i + 2 < text.size() && HexDigit(text[i + 1]) >= 0 && HexDigit(text[i + 2]) >= 0) {
      letters.push_back({static_cast<char>(HexDigit(text[i + 1]) * 16 + HexDigit(text[i + 2])), true});
      i += 2;
    } else {
      return Wrong("a backslash stands before something that needs none");
    }
  }
  return letters;
}

std::vector<std::vector<Letter>> Split(const std::vector<Letter>& letters, char separator) {
  std::vector<std::vector<Letter>> parts(1);
  for (const Letter& letter : letters) {
    if (!letter.escaped && letter.character == separator) {
      parts.emplace_back();
    } else {
      parts.back().push_back(letter);
    }
  }
  return parts;
}

std::string Trim(std::vector<Letter> letters) {
  const auto space = [](const Letter& letter) { return letter.character == ' ' && !letter.escaped; };
  while (!letters.empty() && space(letters.back())) letters.pop_back();
  const auto first = std::ranges::find_if_not(letters, space);
  std::string text;
  for (auto letter = first; letter != letters.end(); ++letter) text += letter->character;
  return text;
}

absl::StatusOr<std::string> CanonicalType(const std::string& given) {
  const auto same = [&](std::string_view type) {
    return std::ranges::equal(type, given,
                              [](unsigned char a, unsigned char b) { return std::tolower(a) == std::tolower(b); });
  };
  const auto found = std::ranges::find_if(kTypes, same);
  if (found == kTypes.end()) return Wrong("unknown attribute \"" + Escape(given) + "\"");
  return std::string(*found);
}

absl::StatusOr<v1::SubjectAttribute> ParseAttribute(const std::vector<Letter>& letters) {
  const auto is = [](char wanted) {
    return [wanted](const Letter& letter) { return letter.character == wanted && !letter.escaped; };
  };
  const auto equals = std::ranges::find_if(letters, is('='));
  if (equals == letters.end()) return Wrong("\"" + Escape(Trim(letters)) + "\" is not TYPE=VALUE");
  if (std::ranges::any_of(letters, is('+'))) return Wrong("attributes of several values (+) are not supported");
  v1::SubjectAttribute attribute;
  ASSIGN_OR_RETURN(*attribute.mutable_type(), CanonicalType(Trim({letters.begin(), equals})));
  const std::vector<Letter> value_letters(equals + 1, letters.end());
  const std::string value = Trim(value_letters);
  if (value.empty()) return Wrong(attribute.type() + " has no value");
  if (!value_letters.empty() && is('#')(value_letters.front())) return Wrong("values in hexadecimal are not supported");
  if (!IsPrintableUtf8(value)) return Wrong("the value of " + attribute.type() + " is not printable UTF-8");
  const auto characters =
      std::ranges::count_if(value, [](char c) { return (static_cast<unsigned char>(c) & 0xc0) != 0x80; });
  if (static_cast<size_t>(characters) > kMaxCharacters)
    return Wrong("the value of " + attribute.type() + " is too long");
  attribute.set_value(value);
  return attribute;
}

}  // namespace

absl::StatusOr<std::vector<v1::SubjectAttribute>> ParseSubject(std::string_view text) {
  const bool openssl_form = text.starts_with('/');
  if (openssl_form) text.remove_prefix(1);
  if (text.empty()) return Wrong("it is empty");
  ASSIGN_OR_RETURN(const std::vector<Letter> letters, Unescape(text));
  std::vector<v1::SubjectAttribute> attributes;
  for (const std::vector<Letter>& part : Split(letters, openssl_form ? '/' : ',')) {
    ASSIGN_OR_RETURN(v1::SubjectAttribute attribute, ParseAttribute(part));
    attributes.push_back(std::move(attribute));
  }
  if (attributes.size() > kMaxAttributes) return Wrong("it has more than 16 attributes");
  if (!openssl_form) std::ranges::reverse(attributes);
  return attributes;
}

}  // namespace ddskey::cli
