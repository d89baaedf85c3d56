#ifndef DAEMON_BACKEND_PKCS11_HELPER_PROCESS_H_
#define DAEMON_BACKEND_PKCS11_HELPER_PROCESS_H_

#include <sys/types.h>

#include <memory>
#include <string>

#include "absl/status/statusor.h"
#include "daemon/backend/pkcs11/helper_options.h"

namespace ddskey::pkcs11 {

// HelperProcess is a connection to a process that runs a module: a child of this one, which is killed at the end of
// this object, or a service of systemd, which ends when its connection does.
class HelperProcess {
 public:
  // Start starts the child, or connects if the options name a socket. FAILED_PRECONDITION if the helper, its user or
  // its socket is not as it must be, with what to do: S-15 wants a user for it that is not the daemon's. UNAVAILABLE if
  // nobody serves the socket now.
  static absl::StatusOr<std::unique_ptr<HelperProcess>> Start(const HelperOptions& options);

  ~HelperProcess();
  HelperProcess(const HelperProcess&) = delete;
  HelperProcess& operator=(const HelperProcess&) = delete;

  // End kills the child or closes the connection, and says how the child had ended if it had; empty otherwise.
  std::string End();

  int fd() const { return fd_; }
  // pid is 0 if the process is not a child.
  pid_t pid() const { return pid_; }
  // warning is what an administrator should know about how it runs, or empty.
  const std::string& warning() const { return warning_; }

 private:
  HelperProcess(int fd, pid_t pid, std::string warning) : fd_(fd), pid_(pid), warning_(std::move(warning)) {}

  static absl::StatusOr<std::unique_ptr<HelperProcess>> StartChild(const HelperOptions& options);
  static absl::StatusOr<std::unique_ptr<HelperProcess>> Connect(const HelperOptions& options);

  int fd_;
  pid_t pid_;
  std::string warning_;
};

// CheckHelperOptions is INVALID_ARGUMENT for options that cannot be.
absl::Status CheckHelperOptions(const HelperOptions& options);

}  // namespace ddskey::pkcs11

#endif  // DAEMON_BACKEND_PKCS11_HELPER_PROCESS_H_
