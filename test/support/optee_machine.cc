#include "test/support/optee_machine.h"

#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include <algorithm>
#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <fstream>

#include "test/support/process.h"
#include "test/support/temp_dir.h"

namespace ddskey::test {
namespace {

[[noreturn]] void Give(const std::string& what) {
  std::fprintf(stderr, "OpteeMachine: %s\n", what.c_str());
  std::abort();
}

std::string FromEnvironment(const char* name) {
  const char* value = std::getenv(name);
  if (value == nullptr) Give(std::string(name) + " is not set; run this test with ./dev test-optee");
  return value;
}

// Ask sends a line to the socket at `path` and returns what comes back, without the end of the line.
std::string Ask(const std::string& path, const std::string& line) {
  sockaddr_un address{};
  address.sun_family = AF_UNIX;
  if (path.size() >= sizeof address.sun_path) Give(path + " is too long for a socket");
  std::ranges::copy(path, address.sun_path);
  const int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
  std::string answer;
  if (connect(fd, reinterpret_cast<const sockaddr*>(&address), sizeof address) == 0 &&
      send(fd, line.data(), line.size(), MSG_NOSIGNAL) == static_cast<ssize_t>(line.size())) {
    char octet;
    while (recv(fd, &octet, 1, 0) == 1 && octet != '\n') answer += octet;
  }
  close(fd);
  return answer;
}

}  // namespace

OpteeMachine::OpteeMachine()
    : module_(FromEnvironment("DDSKEY_OPTEE_MODULE")),
      folder_(FromEnvironment("DDSKEY_OPTEE")),
      pin_(ReadFile(folder_ + "/pin")) {
  Do("hello");
}

void OpteeMachine::EmptyToken(int token) const {
  const std::string slot = std::to_string(token);
  // It can be made anew when the last session has ended, which nobody waited for.
  const bool is_empty = WaitFor(
                            [&] {
                              return Tool({"--init-token", "--slot-index", slot, "--label", Label(token)});
                            },
                            std::chrono::minutes(1)) &&
                        Tool({"--init-pin", "--login", "--slot-index", slot, "--pin", "env:DDSKEY_PIN"});
  if (!is_empty) Give("the token " + Label(token) + " cannot be emptied");
}

void OpteeMachine::Note(const std::string& what, const std::string& value) const {
  std::ofstream(folder_ + "/figures", std::ios::app) << what << '\t' << value << '\n';
}

void OpteeMachine::Do(const std::string& command) const {
  const std::string answer = Ask(folder_ + "/control.sock", command + "\n");
  if (!answer.starts_with("ok")) Give(command + ": " + (answer.empty() ? "the machine is not reached" : answer));
}

bool OpteeMachine::Tool(std::vector<std::string> arguments) const {
  arguments.insert(arguments.begin(), {"pkcs11-tool", "--module", module_, "--so-pin", "env:DDSKEY_PIN"});
  Process::Options options;
  const std::string environment = this->environment();
  const size_t sign = environment.find('=');
  options.environment = {{environment.substr(0, sign), environment.substr(sign + 1)}, {"DDSKEY_PIN", pin_}};
  return Run(arguments, nullptr, options) == 0;
}

}  // namespace ddskey::test
