#ifndef CLIENT_SETUP_SERVICE_MANAGER_H_
#define CLIENT_SETUP_SERVICE_MANAGER_H_

#include <string>
#include <string_view>

#include "absl/status/status.h"
#include "absl/status/statusor.h"

namespace ddskey::setup {

// ServiceManager restarts the daemon and knows the users of services.
class ServiceManager {
 public:
  virtual ~ServiceManager() = default;

  // Restart restarts the daemon, or starts it. FAILED_PRECONDITION says what to do if that cannot be done from here.
  virtual absl::Status Restart() = 0;

  // Reload has the daemon read its policy again. Errors as Restart.
  virtual absl::Status Reload() = 0;

  // UserOf is the user (name or number) that the unit's processes run as. NOT_FOUND if there is no such unit;
  // FAILED_PRECONDITION if it has no User=, or one that is another at each start.
  virtual absl::StatusOr<std::string> UserOf(const std::string& unit) = 0;
};

// Systemd is the service manager of this host.
class Systemd : public ServiceManager {
 public:
  // Runs tells whether systemd runs here.
  static bool Runs();

  absl::Status Restart() override;
  absl::Status Reload() override;
  absl::StatusOr<std::string> UserOf(const std::string& unit) override;
};

// NoServiceManager is for hosts without systemd, and for a daemon that is none of its services.
class NoServiceManager : public ServiceManager {
 public:
  // `admin_socket` is the daemon's.
  explicit NoServiceManager(std::string admin_socket) : admin_socket_(std::move(admin_socket)) {}

  // Restart always says what to do. Reload sends SIGHUP to the process behind the socket, if that is a ddskeyd.
  absl::Status Restart() override;
  absl::Status Reload() override;
  absl::StatusOr<std::string> UserOf(const std::string& unit) override;

 private:
  const std::string admin_socket_;
};

// UserIn reads what `systemctl show --property=LoadState,User,DynamicUser` says of `unit`. Errors as UserOf.
absl::StatusOr<std::string> UserIn(std::string_view properties, const std::string& unit);

}  // namespace ddskey::setup

#endif  // CLIENT_SETUP_SERVICE_MANAGER_H_
