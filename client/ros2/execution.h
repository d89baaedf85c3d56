#ifndef CLIENT_ROS2_EXECUTION_H_
#define CLIENT_ROS2_EXECUTION_H_

#include <functional>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "client/admin_client.h"
#include "client/ros2/enclave_folder.h"
#include "client/ros2/migration.h"

namespace ddskey::ros2 {

// Means are what a plan is carried out with.
struct Means {
  AdminClient& admin;
  EnclaveFolder& folder;
  // Gives the daemon the private key of key.pem.
  std::function<absl::Status()> import;
  // Certifies a request (PEM), with the CA's key that is at hand.
  std::function<absl::StatusOr<std::string>(const std::string& request)> certify;
  absl::Time now;
};

// Execute does the steps of `plan`. Nothing in the folder that was there before is changed until the daemon has the
// identity and has proven that it works; then the files are replaced one by one, key.pem last. When it fails, what it
// has done stays, and repeating it goes on from there. Returns the certification request (PEM) if the plan waits.
absl::StatusOr<std::string> Execute(const Plan& plan, const Means& means);

// Restore puts the key and certificate back that a migration has kept. Returns what it did, a sentence each.
// FAILED_PRECONDITION if none is kept, or if key.pem is another key meanwhile.
absl::StatusOr<std::vector<std::string>> Restore(EnclaveFolder& folder, bool dry_run);

}  // namespace ddskey::ros2

#endif  // CLIENT_ROS2_EXECUTION_H_
