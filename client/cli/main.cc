#include <unistd.h>

#include <csignal>
#include <iostream>
#include <memory>
#include <string>
#include <vector>

#include "client/cli/program.h"
#include "client/socket_admin_client.h"
#include "client/socket_path.h"

int main(int argc, char** argv) {
  // Writing to a pipe that nobody reads becomes an error of the stream.
  std::signal(SIGPIPE, SIG_IGN);
  const std::vector<std::string> words(argv + (argc > 0 ? 1 : 0), argv + argc);
  const auto connect = [](const std::string& socket, std::chrono::milliseconds timeout) {
    return std::make_unique<ddskey::SocketAdminClient>(socket.empty() ? ddskey::AdminSocketPath() : socket, timeout);
  };
  const ddskey::cli::Io io = {
      .in = std::cin, .out = std::cout, .err = std::cerr, .interactive = isatty(STDIN_FILENO) == 1, .now = absl::Now()};
  return ddskey::cli::RunProgram(words, connect, io);
}
