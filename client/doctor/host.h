#ifndef CLIENT_DOCTOR_HOST_H_
#define CLIENT_DOCTOR_HOST_H_

#include <sys/types.h>

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/time/time.h"

namespace ddskey::doctor {

// FileKind is what is behind a name.
enum class FileKind { kRegular, kFolder, kSocket, kDevice, kLink, kOther };

// FileFacts is whose a file is and who may use it.
struct FileFacts {
  FileKind kind = FileKind::kOther;
  uid_t owner = 0;
  gid_t group = 0;
  // Permission bits, with the sticky bit.
  mode_t mode = 0;
};

// UserFacts is an account.
struct UserFacts {
  uid_t uid = 0;
  gid_t gid = 0;
  std::string name;
  // All of them, `gid` too.
  std::vector<gid_t> groups;
};

// ClockFacts is what the kernel knows of the system's clock.
struct ClockFacts {
  absl::Time now;
  // Whether something (NTP, PTP, GPS) keeps it right; nothing if the kernel does not say.
  std::optional<bool> synchronised;
};

// CommandResult is how a program ended that was run.
struct CommandResult {
  int exit_status = 0;
  // What it wrote, both streams, at most 1 MiB.
  std::string output;
};

// Host is the machine as the checks see it: nothing they do changes it. Thread-compatible.
class Host {
 public:
  virtual ~Host() = default;

  // Look does not follow a link at the end of `path`. NOT_FOUND if there is nothing, PERMISSION_DENIED if we may not
  // look.
  virtual absl::StatusOr<FileFacts> Look(const std::string& path) const = 0;
  // Follow returns the path behind all links; errors as of Look.
  virtual absl::StatusOr<std::string> Follow(const std::string& path) const = 0;
  // Read reads a file of at most 1 MiB with our rights; errors as of Look.
  virtual absl::StatusOr<std::string> Read(const std::string& path) const = 0;
  // List returns the names in a folder, sorted; none if it cannot be read.
  virtual std::vector<std::string> List(const std::string& folder) const = 0;
  // FreeSpace is how many octets may still be written below `path`.
  virtual absl::StatusOr<uint64_t> FreeSpace(const std::string& path) const = 0;

  // User finds an account by its name, or by its number written out.
  virtual std::optional<UserFacts> User(const std::string& name) const = 0;
  virtual std::optional<gid_t> Group(const std::string& name) const = 0;
  // Self is our effective user.
  virtual uid_t Self() const = 0;

  virtual ClockFacts Clock() const = 0;
  // HasEntropy tells whether the kernel's random numbers are seeded.
  virtual bool HasEntropy() const = 0;

  // Load loads a library into a process of its own, as an application would, and looks `symbols` up in it.
  // FAILED_PRECONDITION has what the loader says.
  virtual absl::Status Load(const std::string& library, const std::vector<std::string>& symbols) const = 0;
  // Run runs a program without a shell, with nothing to read, for at most 10 s. NOT_FOUND if there is no such program.
  virtual absl::StatusOr<CommandResult> Run(const std::vector<std::string>& command) const = 0;
};

}  // namespace ddskey::doctor

#endif  // CLIENT_DOCTOR_HOST_H_
