#ifndef CLIENT_CLI_HELP_H_
#define CLIENT_CLI_HELP_H_

#include <span>
#include <string>
#include <string_view>

#include "client/cli/command.h"

namespace ddskey::cli {

// GlobalOptions are those that every command takes.
std::span<const Option> GlobalOptions();

// ExitMeaning is what an exit status of ddskeyctl says.
struct ExitMeaning {
  int code;
  std::string_view text;
};

// ExitMeanings are all of them, by number.
std::span<const ExitMeaning> ExitMeanings();

// Help is the text of `ddskeyctl --help`.
std::string Help();

// HelpOf is the text of `ddskeyctl COMMAND --help`.
std::string HelpOf(const Command& command);

}  // namespace ddskey::cli

#endif  // CLIENT_CLI_HELP_H_
