#ifndef CLIENT_CLI_VALUE_HINT_H_
#define CLIENT_CLI_VALUE_HINT_H_

#include <string>
#include <string_view>
#include <vector>

namespace ddskey::cli {

// ValueHint is what a shell can offer where the table of commands has a word like NAME or FILE.
struct ValueHint {
  enum class Kind { kNothing, kFile, kFolder, kKey, kBackend, kUser, kProgram, kChoice };
  Kind kind = Kind::kNothing;
  // Of kChoice.
  std::vector<std::string> choices;
};

// HintOf tells by the word. "file|none" in lower case are choices, "FILE|none" is a file.
ValueHint HintOf(std::string_view word);

// NameOf is a word for the kind, for scripts: "file", "key"; choices are themselves, separated by spaces.
std::string NameOf(const ValueHint& hint);

}  // namespace ddskey::cli

#endif  // CLIENT_CLI_VALUE_HINT_H_
