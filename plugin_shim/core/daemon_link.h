#ifndef PLUGIN_SHIM_CORE_DAEMON_LINK_H_
#define PLUGIN_SHIM_CORE_DAEMON_LINK_H_

#include <chrono>
#include <optional>
#include <string>
#include <string_view>

#include "client/authentication_client.h"
#include "plugin_shim/core/wait_budget.h"

namespace ddskey {

// DaemonLink is how one plugin instance of a host, that is one DDS domain, reaches the daemon: over the socket that
// `ServiceSocketPath()` names when it is made, with one budget for all that its threads wait. Thread-safe.
class DaemonLink {
 public:
  DaemonLink();

  const std::string& socket() const { return client_.socket(); }
  AuthenticationClient& client() { return client_; }
  WaitBudget& budget() { return budget_; }

 private:
  AuthenticationClient client_;
  WaitBudget budget_;
};

// ConnectTimeout is how long the creation of a participant waits for the daemon: `property` in milliseconds, else the
// environment variable DDSKEY_CONNECT_TIMEOUT_MS, else five seconds. Nothing if that is not a number from 1 to 600,000.
std::optional<std::chrono::milliseconds> ConnectTimeout(const std::optional<std::string>& property);

}  // namespace ddskey

#endif  // PLUGIN_SHIM_CORE_DAEMON_LINK_H_
