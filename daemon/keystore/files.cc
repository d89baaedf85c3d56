#include "daemon/keystore/files.h"

#include <fcntl.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <cstdio>
#include <cstring>
#include <filesystem>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"

namespace ddskey {
namespace {

std::string FolderOf(const std::string& path) {
  const std::string folder = std::filesystem::path(path).parent_path();
  return folder.empty() ? "." : folder;
}

absl::Status SystemError(const char* doing, const std::string& path) {
  const int error = errno;
  const std::string text = absl::StrCat("cannot ", doing, " ", path, ": ", std::strerror(error));
  if (error == ENOSPC || error == EDQUOT) return absl::ResourceExhaustedError(text);
  return absl::FailedPreconditionError(text);
}

absl::Status Sync(const std::string& path, int flags) {
  const int descriptor = open(path.c_str(), flags | O_RDONLY | O_CLOEXEC | O_NOFOLLOW);
  if (descriptor < 0) return SystemError("open", path);
  const int result = fsync(descriptor);
  absl::Status status = result == 0 ? absl::OkStatus() : SystemError("synchronise", path);
  close(descriptor);
  return status;
}

}  // namespace

absl::StatusOr<std::unique_ptr<FileLock>> FileLock::Take(const std::string& path) {
  const int descriptor = open(path.c_str(), O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600);
  if (descriptor < 0) return SystemError("open", path);
  std::unique_ptr<FileLock> lock(new FileLock(descriptor));
  if (flock(descriptor, LOCK_EX | LOCK_NB) == 0) return lock;
  if (errno == EWOULDBLOCK) {
    return absl::FailedPreconditionError(absl::StrCat(path, " is locked: another ddskeyd uses this keystore"));
  }
  return SystemError("lock", path);
}

FileLock::~FileLock() { close(descriptor_); }

absl::Status CheckFolderOf(const std::string& path) {
  const std::string folder = FolderOf(path);
  struct stat found = {};
  if (stat(folder.c_str(), &found) != 0) return SystemError("find the folder", folder);
  if (!S_ISDIR(found.st_mode)) return absl::FailedPreconditionError(absl::StrCat(folder, " is not a folder"));
  if (found.st_uid != 0 && found.st_uid != geteuid()) {
    return absl::FailedPreconditionError(
        absl::StrCat("the folder ", folder, " belongs to uid ", found.st_uid, ", which could replace the keystore"));
  }
  if ((found.st_mode & 022) != 0) {
    return absl::FailedPreconditionError(absl::StrCat("the folder ", folder, " is writable for others (mode ",
                                                      absl::StrFormat("%04o", found.st_mode & 07777),
                                                      "); use chmod go-w ", folder));
  }
  return absl::OkStatus();
}

absl::StatusOr<std::optional<size_t>> CheckFile(const std::string& path) {
  struct stat found = {};
  if (lstat(path.c_str(), &found) != 0) {
    if (errno == ENOENT) return std::nullopt;
    return SystemError("find", path);
  }
  if (!S_ISREG(found.st_mode)) return absl::FailedPreconditionError(absl::StrCat(path, " is not a regular file"));
  if (found.st_uid != geteuid()) {
    return absl::FailedPreconditionError(
        absl::StrCat(path, " belongs to uid ", found.st_uid, ", not to uid ", geteuid()));
  }
  if ((found.st_mode & 077) != 0) {
    return absl::FailedPreconditionError(absl::StrCat(path, " is accessible to others (mode ",
                                                      absl::StrFormat("%04o", found.st_mode & 07777),
                                                      "); use chmod 600 ", path));
  }
  return static_cast<size_t>(found.st_size);
}

absl::Status CreateFile(const std::string& path) {
  const int descriptor = open(path.c_str(), O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW, 0600);
  if (descriptor < 0) return SystemError("create", path);
  close(descriptor);
  return absl::OkStatus();
}

absl::Status RemoveFile(const std::string& path) {
  if (unlink(path.c_str()) == 0 || errno == ENOENT) return absl::OkStatus();
  return SystemError("remove", path);
}

absl::Status SyncFile(const std::string& path) { return Sync(path, 0); }

absl::Status RenameFile(const std::string& from, const std::string& to) {
  if (std::rename(from.c_str(), to.c_str()) != 0) return SystemError("make", to);
  return Sync(FolderOf(to), O_DIRECTORY);
}

}  // namespace ddskey
