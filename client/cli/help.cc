#include "client/cli/help.h"

#include <algorithm>
#include <cstddef>

namespace ddskey::cli {
namespace {

constexpr Option kGlobalOptions[] = {
    {.name = "socket", .value = "PATH", .help = "the daemon's administration socket"},
    {.name = "timeout", .value = "SECONDS", .help = "how long to wait for the daemon, 1 to 3600 (default 60)"},
    {.name = "json", .value = "", .help = "print the daemon's answer as JSON, for programs"},
    {.name = "help", .value = "", .help = "show help, also for one command"},
    {.name = "version", .value = "", .help = "show the version"},
};

constexpr ExitMeaning kExitMeanings[] = {
    {.code = 0, .text = "done"},
    {.code = 1, .text = "refused or failed; the message says why"},
    {.code = 2, .text = "the command line is wrong; nothing was done"},
    {.code = 3, .text = "the daemon, or the device behind it, could not be reached or did not answer in time"},
    {.code = 4,
     .text = "UNBOUND: an attestation in which everything fits, but that is not known to be of the TPM that it names"},
    {.code = 126, .text = "of run: the command cannot be executed; else run ends as its command does"},
    {.code = 127, .text = "of run: there is no such command"},
};

std::string Row(std::string_view left, std::string_view right, size_t width) {
  std::string line = "  " + std::string(left);
  line.append(width - left.size() + 2, ' ');
  return line + std::string(right) + "\n";
}

// Spell is an option as it is typed.
std::string Spell(const Option& option) {
  std::string word = "--" + std::string(option.name);
  if (option.optional_number) return word + " [" + std::string(option.value) + "]";
  return option.value.empty() ? word : word + " " + std::string(option.value);
}

std::string Rows(std::span<const Option> options) {
  size_t width = 0;
  for (const Option& option : options) width = std::max(width, Spell(option).size());
  std::string text;
  for (const Option& option : options) {
    std::string help(option.help);
    if (option.required) help += "; required";
    if (option.repeatable) help += "; may be repeated";
    text += Row(Spell(option), help, width);
  }
  return text;
}

std::string Synopsis(const Command& command) {
  std::string text(command.name);
  for (const std::string_view operand : command.operands) text += " " + std::string(operand);
  for (const Option& option : command.options) {
    std::string word = Spell(option);
    if (!option.required) word = "[" + word + "]";
    if (option.repeatable) word += "...";
    text += " " + word;
  }
  if (!command.more.empty()) text += " " + std::string(command.more);
  return text;
}

}  // namespace

std::span<const Option> GlobalOptions() { return kGlobalOptions; }

std::span<const ExitMeaning> ExitMeanings() { return kExitMeanings; }

std::string Help() {
  std::string text =
      "ddskeyctl administers ddskeyd, which keeps the private keys of DDS participants.\n\n"
      "Usage: ddskeyctl [OPTION...] COMMAND [ARGUMENT...]\n\nCommands:\n";
  size_t width = 0;
  for (const Command* command : Commands()) width = std::max(width, command->name.size());
  for (const Command* command : Commands()) text += Row(command->name, command->summary, width);
  text += "\nOptions of all commands:\n" + Rows(kGlobalOptions);
  text +=
      "\nThe socket is the one given with --socket, else in the environment variable DDSKEY_ADMIN_SOCKET, else\n"
      "/run/ddskeyd/admin.sock.\n"
      "\nExit status:\n";
  for (const ExitMeaning& meaning : ExitMeanings()) text += Row(std::to_string(meaning.code), meaning.text, 3);
  return text + "\nddskeyctl COMMAND --help says more about a command.\n";
}

std::string HelpOf(const Command& command) {
  std::string text = "Usage: ddskeyctl " + Synopsis(command) + "\n\n" + std::string(command.summary) + "\n";
  if (!command.details.empty()) text += std::string(command.details) + "\n";
  if (!command.options.empty()) text += "\nOptions:\n" + Rows(command.options);
  return text + "\nOptions of all commands:\n" + Rows(kGlobalOptions);
}

}  // namespace ddskey::cli
