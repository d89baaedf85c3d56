#ifndef CLIENT_CLI_COMPLETION_H_
#define CLIENT_CLI_COMPLETION_H_

#include <string>

namespace ddskey::cli {

// BashCompletion is a script that completes ddskeyctl's commands, options, files, and the names of keys and backends,
// which it asks the daemon for, in bash. It needs no library of other completions.
std::string BashCompletion();

// ZshCompletion is the same for zsh, as a file `_ddskeyctl` of its function path.
std::string ZshCompletion();

}  // namespace ddskey::cli

#endif  // CLIENT_CLI_COMPLETION_H_
