#ifndef CLIENT_CLI_HELP_H_
#define CLIENT_CLI_HELP_H_

#include <span>
#include <string>

#include "client/cli/command.h"

namespace ddskey::cli {

// GlobalOptions are those that every command takes.
std::span<const Option> GlobalOptions();

// Help is the text of `ddskeyctl --help`.
std::string Help();

// HelpOf is the text of `ddskeyctl COMMAND --help`.
std::string HelpOf(const Command& command);

}  // namespace ddskey::cli

#endif  // CLIENT_CLI_HELP_H_
