#ifndef DAEMON_CONFIG_WATCHED_FILE_H_
#define DAEMON_CONFIG_WATCHED_FILE_H_

#include <cstddef>
#include <optional>
#include <string>

#include "absl/status/statusor.h"

namespace ddskey {

// WatchedFile is a trusted file (daemon/config/trusted_file.h) that others replace while the daemon runs. It is looked
// at when asked and never waited for: a stat costs a microsecond, and tells about files on any file system, behind
// symbolic links, in folders that are renamed or not yet there, where inotify would have to watch every folder on the
// way and is silent for changes made on another machine. Thread-compatible.
class WatchedFile {
 public:
  WatchedFile(std::string path, size_t limit) : path_(std::move(path)), limit_(limit) {}

  const std::string& path() const { return path_; }

  // Poll returns nothing if the file is as it was when last read, and else what ReadTrustedFile and CheckTrustedFolders
  // say of it now. Content that was read a moment before is read once more, for a change in the same tick of the file
  // system's clock; it is returned again only if it is different.
  std::optional<absl::StatusOr<std::string>> Poll();

  // Forget has the next Poll return what is there, as the first one did.
  void Forget() { stamp_.reset(); }

 private:
  // Stamp is what changes when a file does; nothing when it is not there.
  struct Stamp {
    bool found = false;
    unsigned long device = 0;
    unsigned long inode = 0;
    unsigned long mode = 0;
    unsigned long owner = 0;
    long long size = 0;
    long long modified = 0;
    long long changed = 0;
    bool operator==(const Stamp&) const = default;
  };

  static Stamp StampOf(const std::string& path);
  absl::StatusOr<std::string> Read() const;

  std::string path_;
  size_t limit_;
  std::optional<Stamp> stamp_;
  bool again_ = false;
  // Of what was returned last, to tell it from what is read once more.
  size_t content_hash_ = 0;
};

}  // namespace ddskey

#endif  // DAEMON_CONFIG_WATCHED_FILE_H_
