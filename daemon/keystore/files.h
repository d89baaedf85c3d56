#ifndef DAEMON_KEYSTORE_FILES_H_
#define DAEMON_KEYSTORE_FILES_H_

#include <cstddef>
#include <memory>
#include <optional>
#include <string>

#include "absl/status/status.h"
#include "absl/status/statusor.h"

namespace ddskey {

// FileLock is a lock on a file, held until it is destroyed or the process ends.
class FileLock {
 public:
  // Take makes the file `path`, mode 0600, and locks it. FAILED_PRECONDITION if it is locked already.
  static absl::StatusOr<std::unique_ptr<FileLock>> Take(const std::string& path);

  ~FileLock();
  FileLock(const FileLock&) = delete;
  FileLock& operator=(const FileLock&) = delete;

 private:
  explicit FileLock(int descriptor) : descriptor_(descriptor) {}

  int descriptor_;
};

// CheckFolderOf accepts `path` if its folder belongs to root or this process's user and nobody else can write there;
// FAILED_PRECONDITION says what is wrong.
absl::Status CheckFolderOf(const std::string& path);

// CheckFile returns the size of the file `path`, or nothing if there is none. FAILED_PRECONDITION if it is no regular
// file, belongs to another user than this process's, or others may read or write it.
absl::StatusOr<std::optional<size_t>> CheckFile(const std::string& path);

// CreateFile makes an empty file, mode 0600, which must not exist.
absl::Status CreateFile(const std::string& path);

// RemoveFile removes a file if it exists.
absl::Status RemoveFile(const std::string& path);

// SyncFile returns when the content of a file is on the disk.
absl::Status SyncFile(const std::string& path);

// RenameFile gives a file another name in its folder, in the place of a file that has it, and returns when that is on
// the disk.
absl::Status RenameFile(const std::string& from, const std::string& to);

}  // namespace ddskey

#endif  // DAEMON_KEYSTORE_FILES_H_
