#include "client/cli/replace_file.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <cstdio>
#include <cstdlib>
#include <utility>

#include "absl/strings/str_cat.h"

namespace ddskey::cli {
namespace {

// Scratch is a file that is gone at the end, unless it was moved to its place.
class Scratch {
 public:
  explicit Scratch(std::string path) : path_(std::move(path)), fd_(mkostemp(path_.data(), O_CLOEXEC)) {}
  ~Scratch() {
    if (fd_ < 0) return;
    close(fd_);
    if (!moved_) unlink(path_.c_str());
  }
  Scratch(const Scratch&) = delete;
  Scratch& operator=(const Scratch&) = delete;

  bool good() const { return fd_ >= 0; }

  bool Fill(std::string_view content, mode_t mode) const {
    while (!content.empty()) {
      const ssize_t written = write(fd_, content.data(), content.size());
      if (written < 0 && errno == EINTR) continue;
      if (written < 0) return false;
      content.remove_prefix(static_cast<size_t>(written));
    }
    return fchmod(fd_, mode) == 0 && fsync(fd_) == 0;
  }

  bool MoveTo(const std::string& path) {
    moved_ = rename(path_.c_str(), path.c_str()) == 0;
    return moved_;
  }

 private:
  std::string path_;
  const int fd_;
  bool moved_ = false;
};

}  // namespace

absl::Status ReplaceFile(const std::string& path, std::string_view content, mode_t mode) {
  struct stat there = {};
  // Else a device or a link of the system's (/dev/stdout) would become a file.
  if (lstat(path.c_str(), &there) == 0 && !S_ISREG(there.st_mode)) {
    return absl::FailedPreconditionError(absl::StrCat(path, " is there and is no regular file"));
  }
  const size_t slash = path.rfind('/');
  const std::string folder = slash == std::string::npos ? "" : path.substr(0, slash + 1);
  const std::string name = slash == std::string::npos ? path : path.substr(slash + 1);
  // The suffix comes last: who collects files of a folder by their suffix does not see it.
  Scratch scratch(absl::StrCat(folder, ".", name, ".XXXXXX"));
  if (!scratch.good() || !scratch.Fill(content, mode) || !scratch.MoveTo(path)) {
    return absl::ErrnoToStatus(errno, absl::StrCat("cannot write ", path));
  }
  return absl::OkStatus();
}

}  // namespace ddskey::cli
