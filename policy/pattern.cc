#include "policy/pattern.h"

#include <cstddef>

namespace ddskey {
namespace {

// UnitAt is the character at `at`, with the backslash before it if it is escaped.
std::string_view UnitAt(std::string_view text, size_t at) { return text.substr(at, text[at] == '\\' ? 2 : 1); }

}  // namespace

bool MatchesPattern(std::string_view pattern, std::string_view text) {
  size_t p = 0;
  size_t t = 0;
  // Where to go on when the last star must take one character more.
  size_t star = std::string_view::npos;
  size_t star_end = 0;
  while (t < text.size()) {
    const std::string_view unit = UnitAt(text, t);
    if (p < pattern.size() && pattern[p] == '*') {
      star = p++;
      star_end = t;
    } else if (p < pattern.size() && UnitAt(pattern, p) == unit) {
      p += unit.size();
      t += unit.size();
    } else if (star != std::string_view::npos) {
      p = star + 1;
      star_end += UnitAt(text, star_end).size();
      t = star_end;
    } else {
      return false;
    }
  }
  while (p < pattern.size() && pattern[p] == '*') ++p;
  return p == pattern.size();
}

bool CoversPattern(std::string_view wide, std::string_view narrow) {
  // A star of `narrow`, taken as a character, is matched by nothing but a star of `wide`.
  return MatchesPattern(wide, narrow);
}

}  // namespace ddskey
