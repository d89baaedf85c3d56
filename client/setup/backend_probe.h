#ifndef CLIENT_SETUP_BACKEND_PROBE_H_
#define CLIENT_SETUP_BACKEND_PROBE_H_

#include <functional>
#include <string>

#include "absl/status/statusor.h"
#include "client/setup/configuration.h"

namespace ddskey::setup {

// Surroundings are what tells which holders of keys there are.
struct Surroundings {
  // Whether there is a character device of this path.
  std::function<bool(const std::string& path)> has_device;
  // Whether tpm2-abrmd serves on the system bus.
  std::function<bool()> has_broker;
  // A variable of the environment; empty without one.
  std::function<std::string(const std::string& name)> variable;

  // Host is this host.
  static Surroundings Host();
};

// FoundBackend is a backend, and why it was chosen.
struct FoundBackend {
  BackendChoice choice;
  // For people, as the end of a sentence: "as you said".
  std::string reason;
  // What people must know of it; or empty.
  std::string warning;
};

// FindBackend chooses a backend. `wish` is "tpm" (/dev/tpmrm0), "tabrmd", "software", a TCTI ("swtpm:path=/run/swtpm"),
// or empty: then the first of /dev/tpmrm0, tpm2-abrmd, and the software TPM that TPM2TOOLS_TCTI names, else software,
// with a warning. FAILED_PRECONDITION if what is wished for is not there; INVALID_ARGUMENT for a wish that is none.
absl::StatusOr<FoundBackend> FindBackend(const std::string& wish, const Surroundings& surroundings);

}  // namespace ddskey::setup

#endif  // CLIENT_SETUP_BACKEND_PROBE_H_
