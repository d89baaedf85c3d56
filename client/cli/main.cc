#include <unistd.h>

#include <csignal>
#include <cstdlib>
#include <iostream>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "client/cli/program.h"
#include "client/socket_admin_client.h"
#include "client/socket_path.h"

namespace {

// See https://no-color.org.
bool MayUseColour() {
  const char* const unwanted = std::getenv("NO_COLOR");
  const char* const terminal = std::getenv("TERM");
  return (unwanted == nullptr || *unwanted == '\0') && terminal != nullptr && std::string_view(terminal) != "dumb";
}

}  // namespace

int main(int argc, char** argv) {
  // Writing to a pipe that nobody reads becomes an error of the stream.
  std::signal(SIGPIPE, SIG_IGN);
  const std::vector<std::string> words(argv + (argc > 0 ? 1 : 0), argv + argc);
  const auto connect = [](const std::string& socket, std::chrono::milliseconds timeout) {
    return std::make_unique<ddskey::SocketAdminClient>(socket.empty() ? ddskey::AdminSocketPath() : socket, timeout);
  };
  const bool terminal = isatty(STDOUT_FILENO) == 1;
  const ddskey::cli::Io io = {.in = std::cin,
                              .out = std::cout,
                              .err = std::cerr,
                              .interactive = isatty(STDIN_FILENO) == 1,
                              .terminal = terminal,
                              .colour = terminal && MayUseColour(),
                              .now = absl::Now()};
  return ddskey::cli::RunProgram(words, connect, io);
}
