#include "test/support/tpm_relay.h"

#include <arpa/inet.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <poll.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <termios.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstdio>
#include <cstdlib>
#include <cstring>

namespace ddskey::test {
namespace {

// TPM 2.0 Part 1, 18: tag, size of all, command or response code.
constexpr size_t kHeader = 10;
// TPM_RC_FAILURE, without sessions.
constexpr char kFailure[kHeader] = {'\x80', '\x01', 0, 0, 0, kHeader, 0, 0, 1, 1};
// Codes of the simulator's protocol.
constexpr uint32_t kSendCommand = 8;
constexpr uint32_t kSessionEnd = 20;
constexpr int kPollMs = 20;

[[noreturn]] void Give(const char* what) {
  std::perror(what);
  std::abort();
}

uint32_t NumberAt(const std::string& octets, size_t at) {
  uint32_t number = 0;
  for (size_t i = at; i < at + 4; ++i) number = number << 8 | static_cast<uint8_t>(octets[i]);
  return number;
}

std::string Number(uint32_t value) {
  return {static_cast<char>(value >> 24), static_cast<char>(value >> 16), static_cast<char>(value >> 8),
          static_cast<char>(value)};
}

bool ReadInto(int from, std::string& octets, size_t size) {
  while (octets.size() < size) {
    char buffer[4096];
    const ssize_t got = read(from, buffer, std::min(sizeof buffer, size - octets.size()));
    if (got <= 0) return false;
    octets.append(buffer, static_cast<size_t>(got));
  }
  return true;
}

bool ReadMessage(int from, std::string& message) {
  return ReadInto(from, message, kHeader) && ReadInto(from, message, NumberAt(message, 2));
}

bool WriteAll(int to, const std::string& octets) {
  ssize_t wrote = send(to, octets.data(), octets.size(), MSG_NOSIGNAL);
  if (wrote < 0 && errno == ENOTSOCK) wrote = write(to, octets.data(), octets.size());
  return wrote == static_cast<ssize_t>(octets.size());
}

// Ready waits until there is something to read; false if that took long.
bool Ready(int descriptor) {
  pollfd events = {descriptor, POLLIN, 0};
  return poll(&events, 1, kPollMs) > 0 && (events.revents & POLLIN) != 0;
}

// Listen opens a port of the loopback; any if it is 0. Returns -1 if it is taken.
int Listen(uint16_t& port) {
  const int listener = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
  if (listener < 0) Give("making a socket for the TPM's relay");
  sockaddr_in address = {};
  address.sin_family = AF_INET;
  address.sin_port = htons(port);
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  socklen_t size = sizeof address;
  if (bind(listener, reinterpret_cast<const sockaddr*>(&address), size) != 0 || listen(listener, 16) != 0 ||
      getsockname(listener, reinterpret_cast<sockaddr*>(&address), &size) != 0) {
    close(listener);
    return -1;
  }
  port = ntohs(address.sin_port);
  return listener;
}

}  // namespace

TpmRelay::TpmRelay(Swtpm& tpm, Way way) : tpm_(tpm) {
  switch (way) {
    case Way::kDevice:
      OpenDevice();
      break;
    case Way::kSimulator:
      OpenSimulator();
      break;
    case Way::kTcp:
      OpenTcp();
      break;
  }
}

TpmRelay::~TpmRelay() {
  stopping_ = true;
  for (std::thread& thread : threads_) thread.join();
  for (const int descriptor : descriptors_) close(descriptor);
}

void TpmRelay::OpenDevice() {
  const int terminal = posix_openpt(O_RDWR | O_NOCTTY | O_CLOEXEC);
  char name[64];
  if (terminal < 0 || grantpt(terminal) != 0 || unlockpt(terminal) != 0 ||
      ptsname_r(terminal, name, sizeof name) != 0) {
    Give("making a pseudo-terminal for the TPM's relay");
  }
  // Held open, so that the other end is there between two users.
  const int device = open(name, O_RDWR | O_NOCTTY | O_CLOEXEC);
  termios settings = {};
  if (device < 0 || tcgetattr(device, &settings) != 0) Give("opening the TPM's relay");
  cfmakeraw(&settings);
  if (tcsetattr(device, TCSANOW, &settings) != 0) Give("setting up the TPM's relay");
  descriptors_ = {terminal, device};
  tcti_ = std::string("device:") + name;
  threads_.emplace_back([this] { ServeDevice(); });
}

uint16_t TpmRelay::OpenPorts() {
  for (;;) {
    uint16_t port = 0;
    const int commands = Listen(port);
    uint16_t next = static_cast<uint16_t>(port + 1);
    const int second = Listen(next);
    if (commands >= 0 && second >= 0) {
      descriptors_ = {commands, second};
      return port;
    }
    close(commands);
    close(second);
  }
}

void TpmRelay::OpenSimulator() {
  // The platform's port is the one after the TPM's.
  tcti_ = "mssim:host=127.0.0.1,port=" + std::to_string(OpenPorts());
  threads_.emplace_back([this] { Accept(descriptors_[0], [this](int client) { return AnswerCommand(client); }); });
  threads_.emplace_back([this] { Accept(descriptors_[1], &AnswerPlatform); });
}

void TpmRelay::OpenTcp() {
  // The port for controlling swtpm is the one after the TPM's.
  tcti_ = "swtpm:host=127.0.0.1,port=" + std::to_string(OpenPorts());
  threads_.emplace_back([this] { Accept(descriptors_[0], [this](int client) { return AnswerBare(client); }); });
  threads_.emplace_back([this] { Accept(descriptors_[1], [this](int client) { return AnswerControl(client); }); });
}

void TpmRelay::ServeDevice() const {
  while (!stopping_) {
    if (!Ready(descriptors_[0])) continue;
    std::string command;
    if (!ReadMessage(descriptors_[0], command)) return;
    std::string answer = Execute(command);
    // A device has no end of a connection to show.
    if (answer.empty()) answer = std::string(kFailure, sizeof kFailure);
    if (!WriteAll(descriptors_[0], answer)) return;
  }
}

// Accept serves one client at a time, each until it leaves.
void TpmRelay::Accept(int listener, const std::function<bool(int)>& answer) const {
  while (!stopping_) {
    if (!Ready(listener)) continue;
    const int client = accept4(listener, nullptr, nullptr, SOCK_CLOEXEC);
    if (client < 0) continue;
    while (!stopping_ && (!Ready(client) || answer(client))) {
    }
    close(client);
  }
}

bool TpmRelay::AnswerCommand(int client) const {
  std::string code;
  if (!ReadInto(client, code, 4) || NumberAt(code, 0) == kSessionEnd) return false;
  // A locality, and the size of the command.
  std::string frame;
  if (NumberAt(code, 0) != kSendCommand || !ReadInto(client, frame, 5)) return false;
  std::string command;
  if (!ReadInto(client, command, NumberAt(frame, 1))) return false;
  const std::string answer = Execute(command);
  return !answer.empty() && WriteAll(client, Number(static_cast<uint32_t>(answer.size())) + answer + Number(0));
}

bool TpmRelay::AnswerPlatform(int client) {
  std::string code;
  return ReadInto(client, code, 4) && NumberAt(code, 0) != kSessionEnd && WriteAll(client, Number(0));
}

bool TpmRelay::AnswerBare(int client) const {
  std::string command;
  if (!ReadMessage(client, command)) return false;
  const std::string answer = Execute(command);
  return !answer.empty() && WriteAll(client, answer);
}

// AnswerControl passes one request on; both it and its answer are short, and come in one piece.
bool TpmRelay::AnswerControl(int client) const {
  char buffer[4096];
  const ssize_t asked = read(client, buffer, sizeof buffer);
  if (asked <= 0) return false;
  const int connection = Connect(tpm_.socket() + ".ctrl");
  const bool sent = connection >= 0 && WriteAll(connection, std::string(buffer, static_cast<size_t>(asked)));
  const ssize_t answered = sent ? read(connection, buffer, sizeof buffer) : 0;
  if (connection >= 0) close(connection);
  return answered > 0 && WriteAll(client, std::string(buffer, static_cast<size_t>(answered)));
}

int TpmRelay::Connect(const std::string& path) {
  const int connection = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
  if (connection < 0) Give("making a socket for the TPM's relay");
  sockaddr_un address = {};
  address.sun_family = AF_UNIX;
  std::strncpy(address.sun_path, path.c_str(), sizeof address.sun_path - 1);
  if (connect(connection, reinterpret_cast<const sockaddr*>(&address), sizeof address) == 0) return connection;
  close(connection);
  return -1;
}

// Execute has swtpm do one command; empty if it is not there.
std::string TpmRelay::Execute(const std::string& command) const {
  const int connection = Connect(tpm_.socket());
  if (connection < 0) return "";
  std::string answer;
  if (!WriteAll(connection, command) || !ReadMessage(connection, answer)) answer.clear();
  close(connection);
  return answer;
}

}  // namespace ddskey::test
