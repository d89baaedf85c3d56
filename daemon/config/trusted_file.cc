#include "daemon/config/trusted_file.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <climits>
#include <cstring>
#include <deque>
#include <filesystem>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "proto/contract/status_macros.h"

namespace ddskey {
namespace {

// As the kernel.
constexpr int kMostLinks = 40;

bool IsOwnerTrusted(const struct stat& there) { return there.st_uid == 0 || there.st_uid == geteuid(); }

absl::Status CheckTrusted(const std::string& path, const struct stat& there, size_t limit) {
  if (!S_ISREG(there.st_mode)) return absl::FailedPreconditionError(absl::StrCat(path, " is not a regular file"));
  if (!IsOwnerTrusted(there)) {
    return absl::PermissionDeniedError(absl::StrCat(path, " belongs to user ", there.st_uid,
                                                    ", who could change what it says; run: chown root ", path));
  }
  if ((there.st_mode & (S_IWGRP | S_IWOTH)) != 0) {
    return absl::PermissionDeniedError(
        absl::StrCat(path, " can be written by others than its owner; run: chmod go-w ", path));
  }
  if (there.st_size > static_cast<off_t>(limit)) {
    return absl::InvalidArgumentError(absl::StrCat(path, " is larger than ", limit, " octets"));
  }
  return absl::OkStatus();
}

absl::StatusOr<std::string> ReadAll(const std::string& path, int fd, size_t limit, size_t expected) {
  std::string content;
  // An octet more than it should be, to see the end.
  content.resize(std::min(limit, expected) + 1);
  size_t size = 0;
  while (size < content.size()) {
    const ssize_t part = read(fd, content.data() + size, content.size() - size);
    if (part < 0 && errno == EINTR) continue;
    if (part < 0) return absl::FailedPreconditionError(absl::StrCat("reading ", path, ": ", std::strerror(errno)));
    if (part == 0) break;
    size += static_cast<size_t>(part);
    if (size == content.size() && size <= limit) content.resize(std::min(limit + 1, 2 * size));
  }
  if (size > limit) return absl::InvalidArgumentError(absl::StrCat(path, " grows while it is read"));
  content.resize(size);
  content.shrink_to_fit();
  return content;
}

absl::Status CheckStep(const std::string& path, const struct stat& there) {
  if (!IsOwnerTrusted(there)) {
    return absl::PermissionDeniedError(absl::StrCat(
        path, " belongs to user ", there.st_uid, ", who could put another file in its place; run: chown root ", path));
  }
  const bool others = (there.st_mode & (S_IWGRP | S_IWOTH)) != 0 && (there.st_mode & S_ISVTX) == 0;
  if (S_ISDIR(there.st_mode) && others) {
    return absl::PermissionDeniedError(
        absl::StrCat("the folder ", path, " can be written by others than its owner; run: chmod go-w ", path));
  }
  return absl::OkStatus();
}

absl::StatusOr<std::string> ReadLink(const std::string& path) {
  std::string target(PATH_MAX, '\0');
  const ssize_t size = readlink(path.c_str(), target.data(), target.size());
  if (size <= 0) return absl::FailedPreconditionError(absl::StrCat("reading the symbolic link ", path));
  target.resize(static_cast<size_t>(size));
  return target;
}

}  // namespace

absl::Status CheckTrustedFolders(const std::string& path) {
  // What is left to walk, and where we are.
  std::deque<std::string> steps = absl::StrSplit(path, '/', absl::SkipEmpty());
  std::string at = "/";
  int links = 0;
  while (!steps.empty()) {
    const std::string step = steps.front();
    steps.pop_front();
    if (step == ".") continue;
    if (step == "..") {
      at = std::filesystem::path(at).parent_path();
      continue;
    }
    const std::string next = at == "/" ? absl::StrCat("/", step) : absl::StrCat(at, "/", step);
    struct stat there = {};
    if (lstat(next.c_str(), &there) != 0) {
      if (errno == ENOENT && steps.empty()) return absl::OkStatus();
      const std::string what = absl::StrCat("looking at ", next, ": ", std::strerror(errno));
      return errno == ENOENT ? absl::NotFoundError(what) : absl::FailedPreconditionError(what);
    }
    // Whose the file may be is ReadTrustedFile's to say.
    if (steps.empty() && !S_ISLNK(there.st_mode)) return absl::OkStatus();
    RETURN_IF_ERROR(CheckStep(next, there));
    if (!S_ISLNK(there.st_mode)) {
      at = next;
      continue;
    }
    if (++links > kMostLinks) return absl::FailedPreconditionError(absl::StrCat(path, ": too many symbolic links"));
    ASSIGN_OR_RETURN(const std::string target, ReadLink(next));
    if (target.front() == '/') at = "/";
    const std::vector<std::string> more = absl::StrSplit(target, '/', absl::SkipEmpty());
    steps.insert(steps.begin(), more.begin(), more.end());
  }
  return absl::OkStatus();
}

absl::StatusOr<std::string> ReadTrustedFile(const std::string& path, size_t limit) {
  // O_NONBLOCK: a FIFO must not hold up the start.
  const int fd = open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK);
  if (fd < 0) {
    const std::string what = absl::StrCat("opening ", path, ": ", std::strerror(errno));
    return errno == ENOENT ? absl::NotFoundError(what) : absl::FailedPreconditionError(what);
  }
  struct stat there = {};
  absl::StatusOr<std::string> content = absl::InternalError(absl::StrCat("looking at ", path));
  if (fstat(fd, &there) == 0) {
    const absl::Status trusted = CheckTrusted(path, there, limit);
    content = trusted.ok() ? ReadAll(path, fd, limit, static_cast<size_t>(there.st_size))
                           : absl::StatusOr<std::string>(trusted);
  }
  close(fd);
  return content;
}

}  // namespace ddskey
