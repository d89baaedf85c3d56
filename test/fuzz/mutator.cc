#include "test/fuzz/mutator.h"

#include <algorithm>

#include "test/fuzz/fuzz_input.h"

namespace ddskey::fuzz {
namespace {

constexpr size_t kMostChanges = 4;
constexpr size_t kLongestPart = 64;
constexpr const char* kNumbers[] = {"0",   "1",   "31",  "32",   "33",    "119",
                                    "121", "255", "256", "4096", "65535", "4294967295"};

}  // namespace

std::string Mutator::PartOf(const std::string& text) {
  const size_t begin = Below(text.size());
  return text.substr(begin, 1 + Below(kLongestPart));
}

char Mutator::AnyOctet(const std::string& text) {
  // Mostly one that is there already: it keeps Base64 and text what they are.
  if (!text.empty() && Below(4) != 0) return text[Below(text.size())];
  constexpr char kEdges[] = {'\0', '\1', '\x7f', '\x80', '\xff', '\n', ' ', '=', '0', '9'};
  return Below(2) == 0 ? kEdges[Below(sizeof(kEdges))] : static_cast<char>(random_());
}

void Mutator::ChangeOctet(std::string& text) {
  const size_t at = Below(text.size() + 1);
  switch (Below(4)) {
    case 0:
      text.insert(at, 1, AnyOctet(text));
      break;
    case 1:
      text.erase(at, 1);
      break;
    case 2:
      if (at < text.size()) text[at] = static_cast<char>(text[at] ^ 1 << Below(8));
      break;
    default:
      if (at < text.size()) text[at] = AnyOctet(text);
      break;
  }
}

void Mutator::ChangeLines(std::string& text) {
  std::vector<std::string> lines;
  for (const std::string_view line : Lines(text)) lines.emplace_back(line);
  if (lines.empty()) return;
  const size_t from = Below(lines.size());
  const size_t to = Below(lines.size());
  switch (Below(5)) {
    case 0:
      lines.insert(lines.begin() + static_cast<ptrdiff_t>(to), std::string(lines[from]));
      break;
    case 1:
      lines.erase(lines.begin() + static_cast<ptrdiff_t>(from));
      break;
    case 2:
      std::swap(lines[from], lines[to]);
      break;
    case 3:
      lines[from].clear();
      break;
    default: {
      const std::string& other = Any();
      const std::vector<std::string_view> others = Lines(other);
      if (!others.empty()) {
        lines.insert(lines.begin() + static_cast<ptrdiff_t>(to), std::string(others[Below(others.size())]));
      }
      break;
    }
  }
  text.clear();
  for (const std::string& line : lines) text += line + "\n";
}

void Mutator::ChangeNumber(std::string& text) {
  const size_t begin = text.find_first_of("0123456789", Below(text.size()));
  if (begin == std::string::npos) return;
  const size_t end = std::min(text.find_first_not_of("0123456789", begin), text.size());
  if (Below(2) == 0) {
    text.replace(begin, end - begin, kNumbers[Below(std::size(kNumbers))]);
  } else {
    text.replace(begin, end - begin, std::to_string(Below(300)));
  }
}

void Mutator::Change(std::string& text) {
  switch (Below(8)) {
    case 0:
    case 1:
    case 2:
      ChangeOctet(text);
      break;
    case 3:
    case 4:
      ChangeLines(text);
      break;
    case 5:
      ChangeNumber(text);
      break;
    case 6: {
      const std::string part = PartOf(Below(2) == 0 ? text : Any());
      text.insert(Below(text.size() + 1), part);
      break;
    }
    default:
      text.erase(Below(text.size()), 1 + Below(kLongestPart));
      break;
  }
}

std::string Mutator::Next() {
  std::string text = Any();
  // Two inputs end to end, now and then.
  if (Below(16) == 0) text += Any();
  for (size_t changes = 1 + Below(kMostChanges); changes > 0; --changes) Change(text);
  return text;
}

}  // namespace ddskey::fuzz
