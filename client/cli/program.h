#ifndef CLIENT_CLI_PROGRAM_H_
#define CLIENT_CLI_PROGRAM_H_

#include <chrono>
#include <functional>
#include <memory>
#include <span>
#include <string>

#include "client/admin_client.h"
#include "client/cli/command.h"
#include "client/cli/exit_code.h"

namespace ddskey::cli {

// Connect makes the client that commands use; `socket` is empty if none was given.
using Connect =
    std::function<std::unique_ptr<AdminClient>(const std::string& socket, std::chrono::milliseconds timeout)>;

// RunProgram does what `words` (without the program's name) say and returns the exit status. Answers go to `io.out`; an
// error is one sentence and the next step on `io.err`. `io.json` is set by the option --json.
ExitCode RunProgram(std::span<const std::string> words, const Connect& connect, Io io);

}  // namespace ddskey::cli

#endif  // CLIENT_CLI_PROGRAM_H_
