#ifndef CLIENT_CA_FOLDER_H_
#define CLIENT_CA_FOLDER_H_

#include <sys/types.h>

#include <memory>
#include <string>
#include <string_view>

#include "absl/status/status.h"
#include "absl/status/statusor.h"

namespace ddskey::ca {

// Folder is a folder of files that nobody else may read or replace. Every name is resolved beneath it, without symbolic
// links (S-14), and every change is on the disk when a call returns. For one thread; processes keep out of each other's
// way by opening it.
class Folder {
 public:
  // Make makes the folder, mode 0700, and opens it. ALREADY_EXISTS if something is there.
  static absl::StatusOr<std::unique_ptr<Folder>> Make(const std::string& path);

  // Open opens it and waits until no other process has it open. NOT_FOUND if it is not there; PERMISSION_DENIED unless
  // it belongs to the caller and nobody else may enter it.
  static absl::StatusOr<std::unique_ptr<Folder>> Open(const std::string& path);

  ~Folder();
  Folder(const Folder&) = delete;
  Folder& operator=(const Folder&) = delete;

  // MakeFolder makes a folder in it, mode 0700.
  absl::Status MakeFolder(const std::string& name);

  // Read returns the content of a regular file. NOT_FOUND if it is not there, FAILED_PRECONDITION if it has more than
  // `limit` octets or is no regular file.
  absl::StatusOr<std::string> Read(const std::string& name, size_t limit) const;

  // Create makes the file with `mode`. ALREADY_EXISTS if something is there.
  absl::Status Create(const std::string& name, std::string_view content, mode_t mode);

  // Replace makes the file, mode 0600, or puts it in the place of another: whatever happens, one of both is there.
  absl::Status Replace(const std::string& name, std::string_view content);

  const std::string& path() const { return path_; }

 private:
  Folder(std::string path, int fd) : path_(std::move(path)), fd_(fd) {}
  absl::Status Sync(const std::string& name) const;

  const std::string path_;
  const int fd_;
};

}  // namespace ddskey::ca

#endif  // CLIENT_CA_FOLDER_H_
