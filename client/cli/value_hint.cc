#include "client/cli/value_hint.h"

#include <algorithm>
#include <iterator>

#include "absl/strings/str_join.h"
#include "absl/strings/str_split.h"

namespace ddskey::cli {
namespace {

struct Known {
  std::string_view word;
  ValueHint::Kind kind;
};

constexpr Known kKnown[] = {
    {.word = "FILE", .kind = ValueHint::Kind::kFile},     {.word = "PATH", .kind = ValueHint::Kind::kFile},
    {.word = "BUNDLE", .kind = ValueHint::Kind::kFile},   {.word = "DIR", .kind = ValueHint::Kind::kFolder},
    {.word = "FOLDER", .kind = ValueHint::Kind::kFolder}, {.word = "NAME", .kind = ValueHint::Kind::kKey},
    {.word = "KEY", .kind = ValueHint::Kind::kKey},       {.word = "BACKEND", .kind = ValueHint::Kind::kBackend},
    {.word = "USER", .kind = ValueHint::Kind::kUser},     {.word = "COMMAND", .kind = ValueHint::Kind::kProgram},
    {.word = "CMD", .kind = ValueHint::Kind::kProgram},   {.word = "PROGRAM", .kind = ValueHint::Kind::kProgram},
};

bool IsUpper(char c) { return c >= 'A' && c <= 'Z'; }

}  // namespace

ValueHint HintOf(std::string_view word) {
  if (word == "ALGORITHM") {
    return {.kind = ValueHint::Kind::kChoice, .choices = {"ec-p256", "ec-p384", "rsa-2048", "rsa-3072"}};
  }
  if (word == "PURPOSE") return {.kind = ValueHint::Kind::kChoice, .choices = {"handshake", "digest"}};
  if (word.find('|') != std::string_view::npos && std::ranges::none_of(word, &IsUpper)) {
    return {.kind = ValueHint::Kind::kChoice,
            .choices = absl::StrSplit(absl::string_view(word.data(), word.size()), '|')};
  }
  // Up to what is no letter: "FILE|none", "COMMAND...".
  const std::string_view first = word.substr(0, std::ranges::find_if_not(word, &IsUpper) - word.begin());
  const auto* const known = std::ranges::find(kKnown, first, &Known::word);
  if (known != std::end(kKnown)) return {.kind = known->kind, .choices = {}};
  return {};
}

std::string NameOf(const ValueHint& hint) {
  switch (hint.kind) {
    case ValueHint::Kind::kNothing:
      return "nothing";
    case ValueHint::Kind::kFile:
      return "file";
    case ValueHint::Kind::kFolder:
      return "folder";
    case ValueHint::Kind::kKey:
      return "key";
    case ValueHint::Kind::kBackend:
      return "backend";
    case ValueHint::Kind::kUser:
      return "user";
    case ValueHint::Kind::kProgram:
      return "program";
    case ValueHint::Kind::kChoice:
      return absl::StrJoin(hint.choices, " ");
  }
  return "nothing";
}

}  // namespace ddskey::cli
