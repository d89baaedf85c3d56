#ifndef CLIENT_CLI_DOCTOR_H_
#define CLIENT_CLI_DOCTOR_H_

#include <functional>
#include <string>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "client/admin_client.h"
#include "client/cli/command.h"
#include "client/doctor/finding.h"
#include "client/doctor/host.h"
#include "client/doctor/self_test.h"

namespace ddskey::cli {

// DoctorOptions says what to look at.
struct DoctorOptions {
  // Only this identity's keys; all if empty.
  std::string identity;
  // The user whose handshakes are tried, by name or number; if empty, one whom the policy lets use the key.
  std::string user;
  // The daemon's configuration file.
  std::string config = "/etc/ddskeyd/ddskeyd.textproto";
  // The administration socket that `admin` speaks through; if empty, the one of the configuration.
  std::string admin_socket = "";
  // The daemon's program.
  std::string daemon = "/usr/sbin/ddskeyd";
};

// Diagnose looks at the daemon, its files and its host, tries a handshake with each identity, and prints what it finds
// to `io`, each with what mends it. FAILED_PRECONDITION if there are problems; warnings are none. To be called while
// this process has one thread.
absl::Status Diagnose(AdminClient& admin, const DoctorOptions& options, const Io& io);

// DoctorSenses are how a diagnosis learns of anything but the administration of the daemon.
struct DoctorSenses {
  const doctor::Host& host;
  // As doctor::CheckService and doctor::TryHandshake.
  std::function<void(const std::string& socket, doctor::Findings& findings)> check_service;
  std::function<absl::StatusOr<doctor::SelfTestResult>(const doctor::SelfTest& test)> try_handshake;
};

// The same, with other senses than this machine's.
absl::Status Diagnose(AdminClient& admin, const DoctorOptions& options, const DoctorSenses& senses, const Io& io);

}  // namespace ddskey::cli

#endif  // CLIENT_CLI_DOCTOR_H_
