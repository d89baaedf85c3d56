#include "client/cli/text.h"

#include <algorithm>
#include <cstddef>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"

namespace ddskey::cli {
namespace {

// The length of the character at the start of `text`, or 0 if it is not valid UTF-8 or must not be printed.
size_t PrintableLength(std::string_view text) {
  const auto octet = [&](size_t i) { return static_cast<unsigned char>(text[i]); };
  if (octet(0) < 0x80) return octet(0) >= 0x20 && octet(0) != 0x7f ? 1 : 0;
  const size_t length = octet(0) >= 0xf0 ? 4 : octet(0) >= 0xe0 ? 3 : 2;
  if (octet(0) < 0xc2 || octet(0) > 0xf4 || text.size() < length) return 0;
  uint32_t point = octet(0) & (0x7fu >> length);
  for (size_t i = 1; i < length; ++i) {
    if ((octet(i) & 0xc0) != 0x80) return 0;
    point = point << 6 | (octet(i) & 0x3f);
  }
  const uint32_t least[] = {0, 0, 0x80, 0x800, 0x10000};
  if (point < least[length] || point > 0x10ffff || (point >= 0xd800 && point <= 0xdfff)) return 0;
  const bool control = point < 0xa0;
  const bool invisible = (point >= 0x200b && point <= 0x200f) || (point >= 0x2028 && point <= 0x202e) ||
                         (point >= 0x2060 && point <= 0x206f) || point == 0x061c || point == 0xfeff || point >= 0xe0000;
  return control || invisible ? 0 : length;
}

}  // namespace

std::string Escape(std::string_view text) {
  std::string result;
  while (!text.empty()) {
    if (const size_t length = PrintableLength(text); length != 0) {
      if (text[0] == '\\') result += '\\';
      result += text.substr(0, length);
      text.remove_prefix(length);
    } else {
      absl::StrAppendFormat(&result, "\\x%02x", static_cast<unsigned char>(text[0]));
      text.remove_prefix(1);
    }
  }
  return result;
}

std::string ShellWord(std::string_view text) {
  constexpr std::string_view kPlain = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789_./:@%+,-";
  if (!text.empty() && text.find_first_not_of(kPlain) == std::string_view::npos) return std::string(text);
  std::string word = "'";
  for (const char c : IsPrintableUtf8(text) ? std::string(text) : Escape(text)) {
    if (c == '\'') {
      word += "'\\''";
    } else {
      word += c;
    }
  }
  return word + "'";
}

bool IsPrintableUtf8(std::string_view text) {
  while (!text.empty()) {
    const size_t length = PrintableLength(text);
    if (length == 0) return false;
    text.remove_prefix(length);
  }
  return true;
}

std::string FormatTime(int64_t seconds) {
  return absl::FormatTime("%Y-%m-%d %H:%M:%S UTC", absl::FromUnixSeconds(seconds), absl::UTCTimeZone());
}

std::string FormatEnd(int64_t seconds, absl::Time now) {
  const absl::Duration left = absl::FromUnixSeconds(seconds) - now;
  const auto spell = [](absl::Duration length) {
    const int64_t days = length / absl::Hours(24);
    if (days == 1) return std::string("1 day");
    if (days > 1) return absl::StrCat(days, " days");
    const int64_t hours = length / absl::Hours(1);
    if (hours == 1) return std::string("1 hour");
    return hours > 1 ? absl::StrCat(hours, " hours") : std::string("less than an hour");
  };
  if (left < absl::ZeroDuration()) return absl::StrCat(FormatTime(seconds), " (expired ", spell(-left), " ago)");
  return absl::StrCat(FormatTime(seconds), " (", spell(left), " left)");
}

std::string FormatTable(const std::vector<std::vector<std::string>>& rows) {
  std::vector<std::vector<std::string>> cells;
  std::vector<size_t> widths;
  // Columns are counted in characters: octets that do not continue one.
  const auto width = [](const std::string& cell) {
    return static_cast<size_t>(
        std::ranges::count_if(cell, [](char c) { return (static_cast<unsigned char>(c) & 0xc0) != 0x80; }));
  };
  for (const auto& row : rows) {
    std::vector<std::string>& escaped = cells.emplace_back();
    widths.resize(std::max(widths.size(), row.size()));
    for (size_t i = 0; i < row.size(); ++i) {
      escaped.push_back(Escape(row[i]));
      widths[i] = std::max(widths[i], width(escaped[i]));
    }
  }
  std::string result;
  for (const auto& row : cells) {
    for (size_t i = 0; i < row.size(); ++i) {
      result += row[i];
      if (i + 1 < row.size()) result.append(widths[i] - width(row[i]) + 2, ' ');
    }
    result += '\n';
  }
  return result;
}

}  // namespace ddskey::cli
