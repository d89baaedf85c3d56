#include "plugin_shim/core/daemon_link.h"

#include <charconv>
#include <cstdlib>

#include "client/socket_path.h"

namespace ddskey {

DaemonLink::DaemonLink() : client_(ServiceSocketPath()) {}

std::optional<std::chrono::milliseconds> ConnectTimeout(const std::optional<std::string>& property) {
  constexpr int kMost = 600'000;
  const char* const environment = secure_getenv("DDSKEY_CONNECT_TIMEOUT_MS");
  std::string_view text = "5000";
  if (environment != nullptr && *environment != '\0') text = environment;
  if (property) text = *property;

  int milliseconds = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), milliseconds);
  if (error != std::errc() || end != text.data() + text.size()) return std::nullopt;
  if (milliseconds < 1 || milliseconds > kMost) return std::nullopt;
  return std::chrono::milliseconds(milliseconds);
}

}  // namespace ddskey
