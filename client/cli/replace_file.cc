#include "client/cli/replace_file.h"

#include <fcntl.h>
#include <linux/openat2.h>
#include <stdio.h>
#include <sys/random.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <cerrno>
#include <cstdint>
#include <utility>

#include "absl/strings/str_cat.h"
#include "client/ca/descriptor.h"

namespace ddskey::cli {
namespace {

using ca::Descriptor;

// Scratch is a file in a folder that is gone at the end, unless it was moved to its place.
class Scratch {
 public:
  Scratch(int folder, std::string name)
      : folder_(folder),
        name_(std::move(name)),
        file_(openat(folder, name_.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0600)) {}
  ~Scratch() {
    if (file_.get() >= 0 && !moved_) unlinkat(folder_, name_.c_str(), 0);
  }
  Scratch(const Scratch&) = delete;
  Scratch& operator=(const Scratch&) = delete;

  bool good() const { return file_.get() >= 0; }

  bool Fill(std::string_view content, mode_t mode) const {
    while (!content.empty()) {
      const ssize_t written = write(file_.get(), content.data(), content.size());
      if (written < 0 && errno == EINTR) continue;
      if (written < 0) return false;
      content.remove_prefix(static_cast<size_t>(written));
    }
    return fchmod(file_.get(), mode) == 0 && fsync(file_.get()) == 0;
  }

  bool MoveTo(const std::string& name) {
    moved_ = renameat(folder_, name_.c_str(), folder_, name.c_str()) == 0;
    return moved_;
  }

 private:
  const int folder_;
  const std::string name_;
  const Descriptor file_;
  bool moved_ = false;
};

// OpenFolder goes through no link: somebody whom a folder on the way belongs to could have put one there.
int OpenFolder(const std::string& path) {
  open_how how = {};
  how.flags = O_RDONLY | O_DIRECTORY | O_CLOEXEC;
  how.resolve = RESOLVE_NO_SYMLINKS;
  return static_cast<int>(syscall(SYS_openat2, AT_FDCWD, path.c_str(), &how, sizeof(how)));
}

}  // namespace

absl::Status ReplaceFile(const std::string& path, std::string_view content, mode_t mode) {
  const size_t slash = path.rfind('/');
  const std::string folder_path = slash == std::string::npos ? "." : path.substr(0, slash + 1);
  const std::string name = slash == std::string::npos ? path : path.substr(slash + 1);
  const Descriptor folder(OpenFolder(folder_path));
  if (folder.get() < 0 && errno == ELOOP) {
    return absl::FailedPreconditionError(
        absl::StrCat("cannot write ", path, ": a folder on the way is a symbolic link: name the one it leads to"));
  }
  if (folder.get() < 0) return absl::ErrnoToStatus(errno, absl::StrCat("cannot write ", path));
  struct stat there = {};
  // Else a device or a link of the system's (/dev/stdout) would become a file.
  if (fstatat(folder.get(), name.c_str(), &there, AT_SYMLINK_NOFOLLOW) == 0 && !S_ISREG(there.st_mode)) {
    return absl::FailedPreconditionError(absl::StrCat(path, " is there and is no regular file"));
  }
  uint64_t number = 0;
  if (getentropy(&number, sizeof(number)) != 0) return absl::ErrnoToStatus(errno, "no random numbers");
  // The number comes last: who collects files of a folder by their suffix does not see it.
  Scratch scratch(folder.get(), absl::StrCat(".", name, ".", absl::Hex(number, absl::kZeroPad16)));
  if (!scratch.good() || !scratch.Fill(content, mode) || !scratch.MoveTo(name)) {
    return absl::ErrnoToStatus(errno, absl::StrCat("cannot write ", path));
  }
  return absl::OkStatus();
}

}  // namespace ddskey::cli
