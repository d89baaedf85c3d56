#ifndef CLIENT_CLI_DOCTOR_H_
#define CLIENT_CLI_DOCTOR_H_

#include <string>

#include "absl/status/status.h"
#include "client/admin_client.h"
#include "client/cli/command.h"

namespace ddskey::cli {

// DoctorOptions says what to look at.
struct DoctorOptions {
  // Only this identity's keys; all if empty.
  std::string identity;
  // The user whose handshakes are tried, by name or number; if empty, one whom the policy lets use the key.
  std::string user;
  // The daemon's configuration file.
  std::string config = "/etc/ddskeyd/ddskeyd.textproto";
  // The daemon's administration socket; if empty, `AdminSocketPath()`.
  std::string admin_socket;
};

// Diagnose looks at the daemon, its files and its host, and prints what it finds to `io`, each with what mends it.
// FAILED_PRECONDITION if there are problems; warnings are none.
absl::Status Diagnose(AdminClient& admin, const DoctorOptions& options, const Io& io);

}  // namespace ddskey::cli

#endif  // CLIENT_CLI_DOCTOR_H_
