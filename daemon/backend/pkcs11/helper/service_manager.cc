#include "daemon/backend/pkcs11/helper/service_manager.h"

#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include <array>
#include <charconv>
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <string>
#include <string_view>

namespace ddskey::pkcs11 {
namespace {

// systemd.exec(5), "Environment variables in spawned processes", without those of login sessions.
constexpr std::array kItsVariables = {"LISTEN_FDS",
                                      "LISTEN_PID",
                                      "LISTEN_FDNAMES",
                                      "NOTIFY_SOCKET",
                                      "WATCHDOG_USEC",
                                      "WATCHDOG_PID",
                                      "INVOCATION_ID",
                                      "JOURNAL_STREAM",
                                      "SYSTEMD_EXEC_PID",
                                      "MAINPID",
                                      "MANAGERPID",
                                      "RUNTIME_DIRECTORY",
                                      "STATE_DIRECTORY",
                                      "CACHE_DIRECTORY",
                                      "LOGS_DIRECTORY",
                                      "CREDENTIALS_DIRECTORY",
                                      "CONFIGURATION_DIRECTORY",
                                      "MEMORY_PRESSURE_WATCH",
                                      "MEMORY_PRESSURE_WRITE"};

std::string Variable(const char* name) {
  const char* const value = std::getenv(name);
  return value == nullptr ? "" : value;
}

uint64_t Number(const std::string& digits) {
  uint64_t number = 0;
  std::from_chars(digits.data(), digits.data() + digits.size(), number);
  return number;
}

int ConnectTo(std::string path) {
  sockaddr_un address = {};
  if (path.empty() || path.size() >= sizeof(address.sun_path)) return -1;
  // "@" stands for the abstract name space.
  const size_t size = offsetof(sockaddr_un, sun_path) + path.size();
  if (path.front() == '@') path.front() = '\0';
  address.sun_family = AF_UNIX;
  path.copy(address.sun_path, path.size());
  const int fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
  if (fd >= 0 && connect(fd, reinterpret_cast<const sockaddr*>(&address), static_cast<socklen_t>(size)) != 0) {
    close(fd);
    return -1;
  }
  return fd;
}

}  // namespace

ServiceManager ServiceManager::Find() {
  ServiceManager manager;
  const std::string own = std::to_string(getpid());
  manager.has_socket_ = Variable("LISTEN_PID") == own && Variable("LISTEN_FDS") == "1";
  manager.notify_ = ConnectTo(Variable("NOTIFY_SOCKET"));
  const std::string watched = Variable("WATCHDOG_PID");
  const std::chrono::microseconds wanted(Number(Variable("WATCHDOG_USEC")));
  if (wanted.count() > 0 && (watched.empty() || watched == own)) {
    manager.period_ = std::chrono::duration_cast<std::chrono::milliseconds>(wanted) / 3;
  }
  for (const char* name : kItsVariables) unsetenv(name);
  return manager;
}

void ServiceManager::Say(const char* what) const {
  const std::string_view text = what;
  if (notify_ >= 0) send(notify_, text.data(), text.size(), MSG_NOSIGNAL);
}

}  // namespace ddskey::pkcs11
