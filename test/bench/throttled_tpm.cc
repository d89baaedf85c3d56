#include "test/bench/throttled_tpm.h"

#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include <algorithm>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <filesystem>

namespace ddskey::bench {
namespace {

// TPM 2.0 Part 1, 18: tag, size of all, command or response code.
constexpr size_t kHeader = 10;
constexpr uint32_t kSign = 0x0000015d;  // TPM_CC_Sign

[[noreturn]] void Give(const char* what) {
  std::perror(what);
  std::exit(EXIT_FAILURE);
}

sockaddr_un Address(const std::string& path) {
  sockaddr_un address = {};
  address.sun_family = AF_UNIX;
  std::strncpy(address.sun_path, path.c_str(), sizeof address.sun_path - 1);
  return address;
}

int Socket() {
  const int made = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
  if (made < 0) Give("making a socket for the TPM's relay");
  return made;
}

uint32_t NumberAt(const std::string& message, size_t at) {
  uint32_t number = 0;
  for (size_t i = at; i < at + 4; ++i) number = number << 8 | static_cast<uint8_t>(message[i]);
  return number;
}

bool ReadInto(int from, std::string& message, size_t size) {
  while (message.size() < size) {
    char octets[4096];
    const ssize_t got = read(from, octets, std::min(sizeof octets, size - message.size()));
    if (got <= 0) return false;
    message.append(octets, static_cast<size_t>(got));
  }
  return true;
}

// ReadMessage reads a command or a response; nothing at the end of the connection.
std::optional<std::string> ReadMessage(int from) {
  std::string message;
  if (!ReadInto(from, message, kHeader) || !ReadInto(from, message, NumberAt(message, 2))) return std::nullopt;
  return message;
}

bool WriteAll(int to, const std::string& message) {
  return send(to, message.data(), message.size(), MSG_NOSIGNAL) == static_cast<ssize_t>(message.size());
}

}  // namespace

ThrottledTpm::ThrottledTpm(std::chrono::milliseconds signature_time)
    : signature_time_(signature_time), listener_(Socket()) {
  const std::string path = folder_.File("t");
  std::filesystem::create_symlink(tpm_.socket() + ".ctrl", path + ".ctrl");
  const sockaddr_un address = Address(path);
  if (bind(listener_, reinterpret_cast<const sockaddr*>(&address), sizeof address) != 0 || listen(listener_, 16) != 0) {
    Give("opening the TPM's relay");
  }
  thread_ = std::thread([this] { Serve(); });
}

ThrottledTpm::~ThrottledTpm() {
  shutdown(listener_, SHUT_RDWR);
  thread_.join();
  close(listener_);
}

void ThrottledTpm::Restart() {
  const std::lock_guard lock(mutex_);
  first_.reset();
}

double ThrottledTpm::Span() const {
  const std::lock_guard lock(mutex_);
  return first_.has_value() ? std::chrono::duration<double, std::milli>(free_ - *first_).count() : 0;
}

// Serve takes one connection at a time, as swtpm does.
void ThrottledTpm::Serve() {
  while (true) {
    const int client = accept4(listener_, nullptr, nullptr, SOCK_CLOEXEC);
    if (client < 0) return;
    Relay(client);
    close(client);
  }
}

void ThrottledTpm::Relay(int client) {
  const int tpm = Socket();
  const sockaddr_un address = Address(tpm_.socket());
  if (connect(tpm, reinterpret_cast<const sockaddr*>(&address), sizeof address) != 0) Give("connecting to swtpm");
  while (const auto command = ReadMessage(client)) {
    const auto begun = std::chrono::steady_clock::now();
    if (!WriteAll(tpm, *command)) break;
    const auto response = ReadMessage(tpm);
    if (!response.has_value()) break;
    if (NumberAt(*command, 6) == kSign) {
      ++signatures_;
      std::unique_lock lock(mutex_);
      if (!first_.has_value()) first_ = begun;
      const auto done = free_ = std::max(free_, begun) + signature_time_;
      lock.unlock();
      std::this_thread::sleep_until(done);
    }
    if (!WriteAll(client, *response)) break;
  }
  close(tpm);
}

}  // namespace ddskey::bench
