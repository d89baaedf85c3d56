#ifndef CLIENT_SETUP_SETTINGS_FOLDER_H_
#define CLIENT_SETUP_SETTINGS_FOLDER_H_

#include <sys/types.h>

#include <memory>
#include <optional>
#include <string>
#include <string_view>

#include "absl/status/status.h"
#include "absl/status/statusor.h"

namespace ddskey::setup {

// SettingsFolder is /etc/ddskeyd, or a folder in its place: files that everybody may read and only its owner may
// change. Names are resolved beneath it, without symbolic links (S-14); what belongs to somebody else, or what others
// may write to, is refused by name. Every change is on the disk when a call returns.
class SettingsFolder {
 public:
  // Open opens the folder `path`, which must belong to the caller. NOT_FOUND if it is not there; PERMISSION_DENIED if
  // it, or a folder above it, is somebody else's, or others may write to it (or, if it is sticky, more than add to it):
  // nobody can put another in its place. Links above it are followed once, here: path() has none.
  static absl::StatusOr<std::unique_ptr<SettingsFolder>> Open(const std::string& path);

  // Make is the same, and makes the folder if it is not there, mode 0755. It is locked while the object lives:
  // FAILED_PRECONDITION if another process has it so.
  static absl::StatusOr<std::unique_ptr<SettingsFolder>> Make(const std::string& path);

  ~SettingsFolder();
  SettingsFolder(const SettingsFolder&) = delete;
  SettingsFolder& operator=(const SettingsFolder&) = delete;

  // Read returns the content of the file `name` ("applications/talker/environment"), or nothing if it is not there.
  // PERMISSION_DENIED if it or a folder on the way is a link or not the owner's; FAILED_PRECONDITION if it is no
  // regular file, or has more than a MiB.
  absl::StatusOr<std::optional<std::string>> Read(const std::string& name) const;

  // Write makes or replaces the file, with the folders on the way: whatever happens, there is the old or the new one. A
  // new file has the mode 0644; one that was there keeps owner, group and mode. Errors as Read.
  absl::Status Write(const std::string& name, std::string_view content);

  // Keep copies the file to `name`.before-setup, or to the first of `name`.before-setup.2 and so on that is free, with
  // the same owner, group and mode, and returns the name of the copy; empty if there is no such file.
  absl::StatusOr<std::string> Keep(const std::string& name);

  // Exists tells whether the folder `name` is there and can be trusted. Errors as Read.
  absl::StatusOr<bool> Exists(const std::string& name) const;

  // Rename gives a folder in it another name, which must be free; Remove removes a folder with all that is in it.
  absl::Status Rename(const std::string& from, const std::string& to);
  absl::Status Remove(const std::string& name);

  const std::string& path() const { return path_; }
  // File is the path of a file in it.
  std::string File(const std::string& name) const { return path_ + "/" + name; }

 private:
  // Rights are who may do what with a file.
  struct Rights {
    std::optional<uid_t> owner;
    std::optional<gid_t> group;
    mode_t mode = 0644;
  };

  SettingsFolder(std::string path, int fd) : path_(std::move(path)), fd_(fd) {}
  // OpenTrusted opens what is at `name`, and sees to it that it is the owner's, as every folder on the way; -1 if there
  // is nothing.
  absl::StatusOr<int> OpenTrusted(const std::string& name, int flags) const;
  absl::Status MakeWay(const std::string& name);
  // RightsOf are those of the file, or of a new one.
  absl::StatusOr<Rights> RightsOf(const std::string& name) const;
  absl::Status Create(const std::string& name, std::string_view content, const Rights& rights);
  absl::Status Sync(const std::string& name) const;

  const std::string path_;
  const int fd_;
};

}  // namespace ddskey::setup

#endif  // CLIENT_SETUP_SETTINGS_FOLDER_H_
