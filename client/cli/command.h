#ifndef CLIENT_CLI_COMMAND_H_
#define CLIENT_CLI_COMMAND_H_

#include <istream>
#include <ostream>
#include <span>
#include <string_view>

#include "absl/status/status.h"
#include "absl/time/time.h"
#include "client/admin_client.h"
#include "client/cli/arguments.h"

namespace ddskey::cli {

// Io is all that a command sees of the world besides the daemon and the files that it is told to read or write.
struct Io {
  std::istream& in;
  std::ostream& out;
  std::ostream& err;
  // Somebody sits at `in` and can answer a question.
  bool interactive = false;
  // Answer with the message of admin.proto in JSON instead of text for people.
  bool json = false;
  // `out` is a terminal; and it may have colours.
  bool terminal = false;
  bool colour = false;
  absl::Time now;
};

// Command is a row of the table of commands. Everything points to constants.
struct Command {
  // One or two words, for example "key create".
  std::string_view name;
  std::string_view summary;
  // Paragraphs for `--help`; may be empty.
  std::string_view details;
  // What must follow, for example {"NAME"}.
  std::span<const std::string_view> operands;
  std::span<const Option> options;
  // What may follow the operands, in any number, for example "[-- CMD [ARG...]]"; nothing if empty.
  std::string_view more = {};
  // Does the work. What it returns that is not OK becomes the error message and the exit status.
  absl::Status (*run)(const Arguments& arguments, AdminClient& admin, const Io& io);
};

// Commands is the table, in the order in which `--help` shows it.
std::span<const Command* const> Commands();

}  // namespace ddskey::cli

#endif  // CLIENT_CLI_COMMAND_H_
