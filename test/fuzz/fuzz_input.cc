#include "test/fuzz/fuzz_input.h"

namespace ddskey::fuzz {
namespace {

int HexDigit(char c) {
  if (c >= '0' && c <= '9') return c - '0';
  if (c >= 'a' && c <= 'f') return c - 'a' + 10;
  return -1;
}

std::vector<std::string_view> Split(std::string_view text, char separator) {
  std::vector<std::string_view> parts;
  while (!text.empty()) {
    const size_t end = text.find(separator);
    parts.push_back(text.substr(0, end));
    text.remove_prefix(end == std::string_view::npos ? text.size() : end + 1);
  }
  return parts;
}

}  // namespace

std::string Unescape(std::string_view text) {
  std::string out;
  out.reserve(text.size());
  while (!text.empty()) {
    if (text.size() >= 4 && text[0] == '\\' && text[1] == 'x' && HexDigit(text[2]) >= 0 && HexDigit(text[3]) >= 0) {
      out.push_back(static_cast<char>(HexDigit(text[2]) << 4 | HexDigit(text[3])));
      text.remove_prefix(4);
    } else {
      out.push_back(text.front());
      text.remove_prefix(1);
    }
  }
  return out;
}

std::vector<std::string_view> Lines(std::string_view text) { return Split(text, '\n'); }

std::vector<std::string_view> Words(std::string_view line) { return Split(line, ' '); }

std::pair<std::string, std::string> Field(std::string_view line) {
  const size_t end = line.find('=');
  if (end == std::string_view::npos) return {Unescape(line), ""};
  return {Unescape(line.substr(0, end)), Unescape(line.substr(end + 1))};
}

uint32_t Number(std::string_view digits) {
  uint32_t number = 0;
  for (const char c : digits) {
    if (c < '0' || c > '9') break;
    number = number * 10 + static_cast<uint32_t>(c - '0');
  }
  return number;
}

}  // namespace ddskey::fuzz
