#include <algorithm>
#include <string>
#include <string_view>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "client/cli/command.h"
#include "client/cli/completion.h"
#include "client/cli/help.h"
#include "client/cli/value_hint.h"

namespace ddskey::cli {
namespace {

// What asks, and decides what to offer; the functions before it are made of the table.
constexpr std::string_view kEngine = R"sh(
# Asks the daemon, quietly and for a second at most.
_ddskeyctl_ask() {
  local -a socket=()
  local i
  for ((i = 1; i + 1 < COMP_CWORD; i++)); do
    [[ ${COMP_WORDS[i]} == --socket ]] && socket=(--socket "${COMP_WORDS[i + 1]}")
  done
  "${COMP_WORDS[0]}" "${socket[@]}" --timeout 1 "$@" 2>/dev/null </dev/null
}

# Leaves what can be a name; a terminal and a shell get nothing else of what the daemon answers.
_ddskeyctl_names() {
  LC_ALL=C grep -xE '[A-Za-z0-9][A-Za-z0-9._-]{0,62}'
}

# Offers those words of $1 that begin with $2, too. Unlike compgen -W it expands nothing.
_ddskeyctl_among() {
  local IFS=$' \t\n' word
  local -a words=()
  read -r -d '' -a words <<<"$1"
  for word in "${words[@]}"; do
    [[ $word == "$2"* ]] && COMPREPLY+=("$word")
  done
}

# Offers what $1 says for the word $2.
_ddskeyctl_offer() {
  local words
  case $1 in
    nothing) return ;;
    file)
      compopt -o filenames 2>/dev/null
      mapfile -t COMPREPLY < <(compgen -f -- "$2")
      return
      ;;
    folder)
      compopt -o filenames 2>/dev/null
      mapfile -t COMPREPLY < <(compgen -d -- "$2")
      return
      ;;
    user)
      mapfile -t COMPREPLY < <(compgen -u -- "$2")
      return
      ;;
    program)
      compopt -o filenames 2>/dev/null
      mapfile -t COMPREPLY < <(compgen -c -f -- "$2")
      return
      ;;
    key) words=$(_ddskeyctl_ask key list | awk 'NR > 1 { print $1 }' | _ddskeyctl_names) ;;
    backend) words=$(_ddskeyctl_ask --json status | tr -d '\n' | tr '{' '\n' | sed -n 's/^ *"name": *"\([^"]*\)", *"kind":.*/\1/p' | _ddskeyctl_names) ;;
    *) words=$1 ;;
  esac
  _ddskeyctl_among "$words" "$2"
}

_ddskeyctl() {
  local current=${COMP_WORDS[COMP_CWORD]} command= options= kind= word i
  local -a plain=()
  COMPREPLY=()
  # The shell takes --option=value for three words.
  local last=$((COMP_CWORD - 1))
  if [[ $current == '=' ]]; then
    current=
  elif [[ ${COMP_WORDS[last]} == '=' ]]; then
    last=$((last - 1))
  fi
  # Which command is it? Values of options are no words of it.
  for ((i = 1; i < COMP_CWORD; i++)); do
    word=${COMP_WORDS[i]}
    if [[ $word == -- ]]; then
      _ddskeyctl_offer program "$current"
      return
    elif [[ $word == --* ]]; then
      _ddskeyctl_value "$command" "$word"
      [[ -n $kind ]] && { [[ ${COMP_WORDS[i + 1]} == '=' ]] && i=$((i + 1)); i=$((i + 1)); }
      continue
    elif [[ $word == -* ]]; then
      continue
    fi
    plain+=("$word")
    if ((${#plain[@]} <= 2)) && _ddskeyctl_is_command "${plain[*]}"; then
      command=${plain[*]}
    fi
  done
  # The value of an option?
  kind=
  [[ ${COMP_WORDS[last]} == --* ]] && _ddskeyctl_value "$command" "${COMP_WORDS[last]}"
  if [[ -n $kind ]]; then
    _ddskeyctl_offer "$kind" "$current"
    return
  fi
  if [[ $current == -* ]]; then
    _ddskeyctl_options "$command"
    _ddskeyctl_among "$options" "$current"
    return
  fi
  # A word of the command's name, or an operand of it.
  local words=
  if ((${#plain[@]} == 0)); then
    _ddskeyctl_first
  elif ((${#plain[@]} == 1)); then
    _ddskeyctl_second "${plain[0]}"
  fi
  local -a name=()
  read -r -a name <<<"$command"
  if [[ -n $command ]]; then
    _ddskeyctl_operand "$command" "$((${#plain[@]} - ${#name[@]}))"
    [[ -n $kind ]] && _ddskeyctl_offer "$kind" "$current"
  fi
  [[ -n $words ]] && _ddskeyctl_among "$words" "$current"
}

complete -F _ddskeyctl ddskeyctl
)sh";

std::string Quoted(std::string_view text) { return absl::StrCat("'", std::string(text), "'"); }

std::string OptionWords(std::span<const Option> options) {
  std::vector<std::string> words;
  for (const Option& option : options) words.push_back("--" + std::string(option.name));
  return absl::StrJoin(words, " ");
}

// The first words of commands, once each, in order.
std::vector<std::string> FirstWords() {
  std::vector<std::string> words;
  for (const Command* command : Commands()) {
    std::string word(command->name.substr(0, command->name.find(' ')));
    if (std::ranges::find(words, word) == words.end()) words.push_back(std::move(word));
  }
  return words;
}

// The words that may follow `first`.
std::vector<std::string> SecondWords(std::string_view first) {
  std::vector<std::string> words;
  for (const Command* command : Commands()) {
    if (command->name.starts_with(std::string(first) + " ")) {
      words.emplace_back(command->name.substr(first.size() + 1));
    }
  }
  return words;
}

std::string Names() {
  std::string text = "\n_ddskeyctl_is_command() {\n  case $1 in\n";
  for (const Command* command : Commands()) absl::StrAppend(&text, "    ", Quoted(command->name), ") return 0 ;;\n");
  absl::StrAppend(&text, "  esac\n  return 1\n}\n\n_ddskeyctl_first() {\n  words='", absl::StrJoin(FirstWords(), " "),
                  "'\n}\n\n_ddskeyctl_second() {\n  case $1 in\n");
  for (const std::string& first : FirstWords()) {
    const std::vector<std::string> second = SecondWords(first);
    if (!second.empty()) absl::StrAppend(&text, "    ", first, ") words='", absl::StrJoin(second, " "), "' ;;\n");
  }
  return absl::StrCat(text, "  esac\n}\n");
}

// A line of a case for each option with a value.
void AppendValues(std::string_view command, std::span<const Option> options, std::string& text) {
  for (const Option& option : options) {
    if (option.value.empty() || option.optional_number) continue;
    const std::string pattern = command.empty()
                                    ? absl::StrCat("*' --", std::string(option.name), "'")
                                    : Quoted(absl::StrCat(std::string(command), " --", std::string(option.name)));
    absl::StrAppend(&text, "    ", pattern, ") kind=", Quoted(NameOf(HintOf(option.value))), " ;;\n");
  }
}

std::string Options() {
  std::string text =
      "\n# Sets kind to what the value of the option $2 of the command $1 is; empty if it has none.\n"
      "_ddskeyctl_value() {\n  kind=\n  case \"$1 $2\" in\n";
  for (const Command* command : Commands()) AppendValues(command->name, command->options, text);
  AppendValues("", GlobalOptions(), text);
  absl::StrAppend(&text, "  esac\n}\n\n_ddskeyctl_options() {\n  options='", OptionWords(GlobalOptions()),
                  "'\n  case $1 in\n");
  for (const Command* command : Commands()) {
    if (command->options.empty()) continue;
    absl::StrAppend(&text, "    ", Quoted(command->name), ") options=\"$options ", OptionWords(command->options),
                    "\" ;;\n");
  }
  absl::StrAppend(&text, "  esac\n}\n");
  return text;
}

std::string Operands() {
  std::string text =
      "\n# Sets kind to what the operand number $2 of the command $1 is.\n"
      "_ddskeyctl_operand() {\n  kind=\n  case \"$1 $2\" in\n";
  for (const Command* command : Commands()) {
    for (size_t i = 0; i < command->operands.size(); ++i) {
      absl::StrAppend(&text, "    ", Quoted(absl::StrCat(std::string(command->name), " ", i)),
                      ") kind=", Quoted(NameOf(HintOf(command->operands[i]))), " ;;\n");
    }
  }
  return absl::StrCat(text, "  esac\n}\n");
}

}  // namespace

std::string BashCompletion() {
  return absl::StrCat("# bash completion for ddskeyctl(1). Made of its table of commands.\n", Names(), Options(),
                      Operands(), std::string(kEngine));
}

}  // namespace ddskey::cli
