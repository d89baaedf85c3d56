#ifndef CLIENT_CLI_EXECUTABLE_H_
#define CLIENT_CLI_EXECUTABLE_H_

#include <string>

#include "absl/status/statusor.h"

namespace ddskey::cli {

// FindExecutable finds the program that execvp(3) would start for `command`, by `search` (as in PATH). NOT_FOUND if
// there is none; PERMISSION_DENIED if what is there cannot be executed.
absl::StatusOr<std::string> FindExecutable(const std::string& command, const std::string& search);

// LoaderProblem says why the dynamic loader does not look where LD_LIBRARY_PATH says when it starts the program `path`:
// it has rights that its caller has not, or it is linked statically. Empty if it does, or if nobody can tell.
std::string LoaderProblem(const std::string& path);

}  // namespace ddskey::cli

#endif  // CLIENT_CLI_EXECUTABLE_H_
