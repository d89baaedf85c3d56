#include "client/ca/folder.h"

#include <fcntl.h>
#include <linux/openat2.h>
#include <stdio.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <cstring>

#include "absl/strings/str_cat.h"
#include "client/ca/descriptor.h"
#include "proto/contract/status_macros.h"

namespace ddskey::ca {
namespace {

absl::Status FromErrno(const char* doing, const std::string& path, int error) {
  const std::string message = absl::StrCat("cannot ", doing, " ", path, ": ", std::strerror(error));
  switch (error) {
    case ENOENT:
      return absl::NotFoundError(message);
    case EEXIST:
      return absl::AlreadyExistsError(message);
    case EACCES:
    case EPERM:
      return absl::PermissionDeniedError(message);
    default:
      return absl::FailedPreconditionError(message);
  }
}

int OpenBeneath(int folder, const std::string& name, int flags, mode_t mode) {
  open_how how = {};
  how.flags = static_cast<uint64_t>(flags) | O_CLOEXEC | O_NOFOLLOW;
  how.mode = mode;
  how.resolve = RESOLVE_BENEATH | RESOLVE_NO_SYMLINKS;
  return static_cast<int>(syscall(SYS_openat2, folder, name.c_str(), &how, sizeof(how)));
}

absl::Status Write(int fd, std::string_view content, const std::string& path) {
  while (!content.empty()) {
    const ssize_t put = write(fd, content.data(), content.size());
    if (put < 0 && errno == EINTR) continue;
    if (put < 0) return FromErrno("write", path, errno);
    content.remove_prefix(static_cast<size_t>(put));
  }
  if (fsync(fd) != 0) return FromErrno("write", path, errno);
  return absl::OkStatus();
}

}  // namespace

absl::StatusOr<std::unique_ptr<Folder>> Folder::Make(const std::string& path) {
  if (mkdir(path.c_str(), 0700) != 0) return FromErrno("make the folder", path, errno);
  return Open(path);
}

absl::StatusOr<std::unique_ptr<Folder>> Folder::Open(const std::string& path) {
  const int fd = open(path.c_str(), O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
  if (fd < 0) return FromErrno("open the folder", path, errno);
  std::unique_ptr<Folder> folder(new Folder(path, fd));
  struct stat about = {};
  if (fstat(fd, &about) != 0) return FromErrno("look at", path, errno);
  if (about.st_uid != geteuid() || (about.st_mode & 077) != 0) {
    return absl::PermissionDeniedError(
        absl::StrCat(path, " must belong to the user who runs this, and be closed to others: chmod 700 ", path));
  }
  while (flock(fd, LOCK_EX) != 0) {
    if (errno != EINTR) return FromErrno("lock", path, errno);
  }
  return folder;
}

Folder::~Folder() { close(fd_); }

absl::Status Folder::MakeFolder(const std::string& name) {
  if (mkdirat(fd_, name.c_str(), 0700) != 0) return FromErrno("make the folder", absl::StrCat(path_, "/", name), errno);
  return Sync(name);
}

absl::StatusOr<std::string> Folder::Read(const std::string& name, size_t limit) const {
  const std::string path = absl::StrCat(path_, "/", name);
  const Descriptor file(OpenBeneath(fd_, name, O_RDONLY | O_NONBLOCK, 0));
  if (file.get() < 0) return FromErrno("read", path, errno);
  struct stat about = {};
  if (fstat(file.get(), &about) != 0) return FromErrno("read", path, errno);
  if (!S_ISREG(about.st_mode)) return absl::FailedPreconditionError(absl::StrCat(path, " is no regular file"));
  std::string content;
  std::array<char, 4096> buffer;
  while (true) {
    const ssize_t got = read(file.get(), buffer.data(), buffer.size());
    if (got < 0 && errno == EINTR) continue;
    if (got < 0) return FromErrno("read", path, errno);
    if (got == 0) return content;
    content.append(buffer.data(), static_cast<size_t>(got));
    if (content.size() > limit) return absl::FailedPreconditionError(absl::StrCat(path, " is too large"));
  }
}

absl::Status Folder::Create(const std::string& name, std::string_view content, mode_t mode) {
  const std::string path = absl::StrCat(path_, "/", name);
  const Descriptor file(OpenBeneath(fd_, name, O_WRONLY | O_CREAT | O_EXCL, mode));
  if (file.get() < 0) return FromErrno("make", path, errno);
  RETURN_IF_ERROR(Write(file.get(), content, path));
  return Sync(name);
}

absl::Status Folder::Replace(const std::string& name, std::string_view content) {
  const std::string unfinished = absl::StrCat(name, ".new");
  // One that was left behind by an interrupted change.
  unlinkat(fd_, unfinished.c_str(), 0);
  RETURN_IF_ERROR(Create(unfinished, content, 0600));
  if (renameat(fd_, unfinished.c_str(), fd_, name.c_str()) != 0) {
    return FromErrno("replace", absl::StrCat(path_, "/", name), errno);
  }
  return Sync(name);
}

// Sync brings the entry of `name` to the disk: of a file in a folder of ours, that folder.
absl::Status Folder::Sync(const std::string& name) const {
  const size_t slash = name.rfind('/');
  if (slash == std::string::npos) {
    return fsync(fd_) == 0 ? absl::OkStatus() : FromErrno("write", path_, errno);
  }
  const Descriptor folder(OpenBeneath(fd_, name.substr(0, slash), O_RDONLY | O_DIRECTORY, 0));
  if (folder.get() < 0 || fsync(folder.get()) != 0) return FromErrno("write", path_, errno);
  return absl::OkStatus();
}

}  // namespace ddskey::ca
