#ifndef DAEMON_HANDSHAKE_ROOT_STORAGE_H_
#define DAEMON_HANDSHAKE_ROOT_STORAGE_H_

#include <optional>
#include <string>
#include <utility>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "proto/contract/secret_bytes.h"

namespace ddskey {

// RootStorage keeps the roots of tickets over a restart of the daemon, and never over a restart of the machine (S-5).
class RootStorage {
 public:
  virtual ~RootStorage() = default;

  // Load returns what was saved last, or nothing.
  virtual absl::StatusOr<std::optional<SecretBytes>> Load() = 0;
  // Save replaces it.
  virtual absl::Status Save(const SecretBytes& content) = 0;
};

// FileRootStorage is a file of mode 0600 in a folder that should be on a tmpfs.
class FileRootStorage : public RootStorage {
 public:
  explicit FileRootStorage(std::string path) : path_(std::move(path)) {}

  // Load answers FAILED_PRECONDITION for a file that others may read or that somebody else owns.
  absl::StatusOr<std::optional<SecretBytes>> Load() override;
  absl::Status Save(const SecretBytes& content) override;

 private:
  std::string path_;
};

// DescriptorRootStorage is an anonymous file (memfd) that the service manager holds for us between two lives of the
// daemon. It does not own `descriptor`.
class DescriptorRootStorage : public RootStorage {
 public:
  explicit DescriptorRootStorage(int descriptor) : descriptor_(descriptor) {}

  absl::StatusOr<std::optional<SecretBytes>> Load() override;
  absl::Status Save(const SecretBytes& content) override;

 private:
  int descriptor_;
};

}  // namespace ddskey

#endif  // DAEMON_HANDSHAKE_ROOT_STORAGE_H_
