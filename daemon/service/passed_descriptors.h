#ifndef DAEMON_SERVICE_PASSED_DESCRIPTORS_H_
#define DAEMON_SERVICE_PASSED_DESCRIPTORS_H_

#include <map>
#include <optional>
#include <string>

#include "absl/status/status.h"

namespace ddskey {

// PassedDescriptors are what the service manager passed at start (sd_listen_fds_with_names(3)): listening sockets, and
// what an earlier run of the daemon put into the descriptor store.
class PassedDescriptors {
 public:
  // Receive takes them all out of the environment. Call it once, before there are threads.
  static PassedDescriptors Receive();

  PassedDescriptors(PassedDescriptors&& other) noexcept = default;
  PassedDescriptors& operator=(PassedDescriptors&& other) = delete;
  // The destructor closes what was not taken.
  ~PassedDescriptors();

  // Take gives away the descriptor with `name`; the caller closes it. Nothing if none was passed. The first one if
  // there are several.
  std::optional<int> Take(const std::string& name);

 private:
  PassedDescriptors() = default;

  std::multimap<std::string, int> descriptors_;
};

// StoreDescriptor has the service manager keep a copy of `fd` under `name` until the service is stopped for good, so
// that the next run of the daemon receives it; the caller keeps `fd`. What was stored under the name before is dropped.
// `name` is 1 to 64 characters of [a-z0-9-]. FAILED_PRECONDITION if there is no service manager.
absl::Status StoreDescriptor(const std::string& name, int fd);

}  // namespace ddskey

#endif  // DAEMON_SERVICE_PASSED_DESCRIPTORS_H_
