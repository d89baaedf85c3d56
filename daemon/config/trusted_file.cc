#include "daemon/config/trusted_file.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>

#include "absl/strings/str_cat.h"
#include "proto/contract/status_macros.h"

namespace ddskey {
namespace {

absl::Status CheckTrusted(const std::string& path, const struct stat& there) {
  if (!S_ISREG(there.st_mode)) return absl::FailedPreconditionError(absl::StrCat(path, " is not a regular file"));
  if (there.st_uid != 0 && there.st_uid != geteuid()) {
    return absl::PermissionDeniedError(absl::StrCat(path, " belongs to user ", there.st_uid,
                                                    ", who could change what it says; run: chown root ", path));
  }
  if ((there.st_mode & (S_IWGRP | S_IWOTH)) != 0) {
    return absl::PermissionDeniedError(
        absl::StrCat(path, " can be written by others than its owner; run: chmod go-w ", path));
  }
  if (there.st_size > static_cast<off_t>(kMaxTrustedFileOctets)) {
    return absl::InvalidArgumentError(absl::StrCat(path, " is larger than ", kMaxTrustedFileOctets, " octets"));
  }
  return absl::OkStatus();
}

absl::StatusOr<std::string> ReadAll(const std::string& path, int fd) {
  std::string content;
  content.resize(kMaxTrustedFileOctets + 1);
  size_t size = 0;
  while (size < content.size()) {
    const ssize_t part = read(fd, content.data() + size, content.size() - size);
    if (part < 0 && errno == EINTR) continue;
    if (part < 0) return absl::FailedPreconditionError(absl::StrCat("reading ", path, ": ", std::strerror(errno)));
    if (part == 0) break;
    size += static_cast<size_t>(part);
  }
  if (size > kMaxTrustedFileOctets) return absl::InvalidArgumentError(absl::StrCat(path, " grows while it is read"));
  content.resize(size);
  content.shrink_to_fit();
  return content;
}

}  // namespace

absl::StatusOr<std::string> ReadTrustedFile(const std::string& path) {
  // O_NONBLOCK: a FIFO must not hold up the start.
  const int fd = open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK);
  if (fd < 0) {
    const std::string what = absl::StrCat("opening ", path, ": ", std::strerror(errno));
    return errno == ENOENT ? absl::NotFoundError(what) : absl::FailedPreconditionError(what);
  }
  struct stat there = {};
  absl::StatusOr<std::string> content = absl::InternalError(absl::StrCat("looking at ", path));
  if (fstat(fd, &there) == 0) {
    const absl::Status trusted = CheckTrusted(path, there);
    content = trusted.ok() ? ReadAll(path, fd) : absl::StatusOr<std::string>(trusted);
  }
  close(fd);
  return content;
}

}  // namespace ddskey
