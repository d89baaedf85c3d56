#include <algorithm>
#include <string>
#include <string_view>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "absl/strings/str_replace.h"
#include "client/cli/command.h"
#include "client/cli/completion.h"
#include "client/cli/help.h"
#include "client/cli/value_hint.h"

namespace ddskey::cli {
namespace {

constexpr std::string_view kHead = R"sh(#compdef ddskeyctl
# zsh completion for ddskeyctl(1). Made of its table of commands.

# Leaves what can be a name; a terminal and a shell get nothing else of what the daemon answers.
_ddskeyctl_names() {
  LC_ALL=C grep -xE '[A-Za-z0-9][A-Za-z0-9._-]{0,62}'
}

# Asks the daemon, quietly and for a second at most.
_ddskeyctl_ask() {
  local -a socket
  [[ -n ${opt_args[--socket]} ]] && socket=(--socket "${opt_args[--socket]}")
  ddskeyctl $socket --timeout 1 "$@" 2>/dev/null </dev/null
}

_ddskeyctl_keys() {
  local -a names
  names=(${(f)"$(_ddskeyctl_ask key list | awk 'NR > 1 { print $1 }' | _ddskeyctl_names)"})
  compadd -a names
}

_ddskeyctl_backends() {
  local -a names
  names=(${(f)"$(_ddskeyctl_ask --json status | tr -d '\n' | tr '{' '\n' | sed -n 's/^ *"name": *"\([^"]*\)", *"kind":.*/\1/p' | _ddskeyctl_names)"})
  compadd -a names
}
)sh";

constexpr std::string_view kTail = R"sh(
_ddskeyctl() {
  local curcontext=$curcontext state
  local -a globals
  typeset -A opt_args
  _ddskeyctl_globals
  _arguments -C $globals '1: :_ddskeyctl_first' '*:: :->rest' && return
  [[ $state == rest ]] && _ddskeyctl_rest
}

_ddskeyctl "$@"
)sh";

// Inside single quotes and square brackets of a specification.
std::string Described(std::string_view text) {
  return absl::StrReplaceAll(absl::string_view(text.data(), text.size()),
                             {{"'", "'\\''"}, {"[", "\\["}, {"]", "\\]"}, {":", "\\:"}, {"`", ""}});
}

std::string ActionOf(std::string_view word) {
  const ValueHint hint = HintOf(word);
  switch (hint.kind) {
    case ValueHint::Kind::kNothing:
      return "";
    case ValueHint::Kind::kFile:
      return "_files";
    case ValueHint::Kind::kFolder:
      return "_files -/";
    case ValueHint::Kind::kKey:
      return "_ddskeyctl_keys";
    case ValueHint::Kind::kBackend:
      return "_ddskeyctl_backends";
    case ValueHint::Kind::kUser:
      return "_users";
    case ValueHint::Kind::kProgram:
      return "_command_names -e";
    case ValueHint::Kind::kChoice:
      return absl::StrCat("(", absl::StrJoin(hint.choices, " "), ")");
  }
  return "";
}

std::string SpecOf(const Option& option) {
  std::string text = absl::StrCat("'", option.repeatable ? "*" : "", "--", std::string(option.name),
                                  option.value.empty() ? "" : "=", "[", Described(option.help), "]");
  if (!option.value.empty()) {
    absl::StrAppend(&text, option.optional_number ? "::" : ":", Described(option.value), ":", ActionOf(option.value));
  }
  return text + "'";
}

std::string SpecsOf(const Command& command) {
  std::string text;
  for (const Option& option : command.options) absl::StrAppend(&text, " \\\n        ", SpecOf(option));
  for (size_t i = 0; i < command.operands.size(); ++i) {
    absl::StrAppend(&text, " \\\n        '", i + 1, ":", Described(command.operands[i]), ":",
                    ActionOf(command.operands[i]), "'");
  }
  // A command line of its own.
  if (!command.more.empty()) text += " \\\n        '*::program:_normal'";
  return text;
}

std::string_view FirstOf(const Command& command) { return command.name.substr(0, command.name.find(' ')); }

// A list for _describe.
std::string Item(std::string_view word, std::string_view text) {
  return absl::StrCat("    '", std::string(word), ":", Described(text), "'\n");
}

std::string Globals() {
  std::string text = "\n_ddskeyctl_globals() {\n  globals=(\n";
  for (const Option& option : GlobalOptions()) absl::StrAppend(&text, "    ", SpecOf(option), "\n");
  return text + "  )\n}\n";
}

// The first words, once each: of a group the words that follow it say what it is for.
std::string First() {
  std::string text = "\n_ddskeyctl_first() {\n  local -a items\n  items=(\n";
  std::vector<std::string_view> seen;
  for (const Command* command : Commands()) {
    const std::string_view first = FirstOf(*command);
    if (std::ranges::find(seen, first) != seen.end()) continue;
    seen.push_back(first);
    std::vector<std::string> second;
    for (const Command* other : Commands()) {
      if (FirstOf(*other) == first && other->name != first) second.emplace_back(other->name.substr(first.size() + 1));
    }
    text += Item(first, second.empty() ? std::string(command->summary) : absl::StrJoin(second, ", "));
  }
  return text + "  )\n  _describe command items\n}\n";
}

// What follows the first word: the second, if there is a group, and what the command takes.
std::string Rest() {
  std::string text = "\n_ddskeyctl_rest() {\n  local -a items\n  case $words[1] in\n";
  std::vector<std::string_view> seen;
  for (const Command* command : Commands()) {
    const std::string_view first = FirstOf(*command);
    if (std::ranges::find(seen, first) != seen.end()) continue;
    seen.push_back(first);
    std::string items, cases;
    const Command* alone = nullptr;
    for (const Command* other : Commands()) {
      if (FirstOf(*other) != first) continue;
      if (other->name == first) {
        alone = other;
        continue;
      }
      const std::string_view second = other->name.substr(first.size() + 1);
      items += Item(second, other->summary);
      absl::StrAppend(&cases, "        ", std::string(second), ")\n          shift words; (( CURRENT-- ))\n",
                      "          _arguments $globals", SpecsOf(*other), "\n          return ;;\n");
    }
    absl::StrAppend(&text, "    ", std::string(first), ")\n");
    if (!items.empty()) {
      absl::StrAppend(&text, "      items=(\n", items, "      )\n",
                      "      (( CURRENT == 2 )) && [[ $words[2] != -* ]] && _describe command items\n",
                      "      case $words[2] in\n", cases, "      esac\n");
    }
    if (alone != nullptr) absl::StrAppend(&text, "      _arguments $globals", SpecsOf(*alone), "\n");
    text += "      ;;\n";
  }
  return text + "  esac\n}\n";
}

}  // namespace

std::string ZshCompletion() { return absl::StrCat(std::string(kHead), Globals(), First(), Rest(), std::string(kTail)); }

}  // namespace ddskey::cli
