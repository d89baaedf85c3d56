#include "daemon/handshake/root_storage.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <cstdio>

#include "absl/cleanup/cleanup.h"
#include "absl/strings/str_cat.h"
#include "proto/contract/secret_access.h"
#include "proto/contract/status_macros.h"

namespace ddskey {
namespace {

constexpr off_t kLargest = 4096;

absl::StatusOr<std::optional<SecretBytes>> ReadAll(int descriptor, const struct stat& info, const std::string& what) {
  // What was never saved here cannot keep a daemon from starting.
  if (info.st_size == 0 || info.st_size > kLargest) return std::nullopt;
  ASSIGN_OR_RETURN(SecretBytes content, SecretBytes::Allocate(static_cast<size_t>(info.st_size)));
  const std::span<uint8_t> octets = content.Reveal(SecretAccess());
  size_t done = 0;
  while (done < octets.size()) {
    const ssize_t got = pread(descriptor, octets.data() + done, octets.size() - done, static_cast<off_t>(done));
    if (got < 0 && errno == EINTR) continue;
    if (got <= 0) return absl::DataLossError(absl::StrCat("cannot read ", what));
    done += static_cast<size_t>(got);
  }
  return content;
}

absl::Status WriteAll(int descriptor, const SecretBytes& content, const std::string& what) {
  const std::span<const uint8_t> octets = content.Reveal(SecretAccess());
  // One call: a process that is killed has written all of it or nothing.
  ssize_t wrote = -1;
  do {
    wrote = pwrite(descriptor, octets.data(), octets.size(), 0);
  } while (wrote < 0 && errno == EINTR);
  if (wrote != static_cast<ssize_t>(octets.size())) return absl::ErrnoToStatus(errno, absl::StrCat("writing ", what));
  return absl::OkStatus();
}

}  // namespace

absl::StatusOr<std::optional<SecretBytes>> FileRootStorage::Load() {
  const int file = open(path_.c_str(), O_RDONLY | O_NOFOLLOW | O_CLOEXEC);
  if (file < 0 && errno == ENOENT) return std::nullopt;
  if (file < 0) return absl::ErrnoToStatus(errno, absl::StrCat("opening ", path_));
  const absl::Cleanup close_file = [file] { close(file); };
  struct stat info = {};
  if (fstat(file, &info) != 0) return absl::ErrnoToStatus(errno, absl::StrCat("looking at ", path_));
  if (!S_ISREG(info.st_mode) || info.st_uid != geteuid() || (info.st_mode & 077) != 0) {
    return absl::FailedPreconditionError(
        absl::StrCat(path_, " must be a file of this user with mode 0600; remove it and start again"));
  }
  return ReadAll(file, info, path_);
}

absl::Status FileRootStorage::Save(const SecretBytes& content) {
  const std::string fresh = path_ + ".new";
  unlink(fresh.c_str());  // Left by a daemon that was killed here.
  const int file = open(fresh.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0600);
  if (file < 0) return absl::ErrnoToStatus(errno, absl::StrCat("making ", fresh));
  const absl::Cleanup close_file = [file] { close(file); };
  RETURN_IF_ERROR(WriteAll(file, content, fresh));
  if (rename(fresh.c_str(), path_.c_str()) != 0) return absl::ErrnoToStatus(errno, absl::StrCat("replacing ", path_));
  return absl::OkStatus();
}

absl::StatusOr<std::optional<SecretBytes>> DescriptorRootStorage::Load() {
  struct stat info = {};
  if (fstat(descriptor_, &info) != 0) return absl::ErrnoToStatus(errno, "looking at the kept ticket roots");
  return ReadAll(descriptor_, info, "the kept ticket roots");
}

absl::Status DescriptorRootStorage::Save(const SecretBytes& content) {
  RETURN_IF_ERROR(WriteAll(descriptor_, content, "the kept ticket roots"));
  // Something longer was here; with its end the roots would not be known again.
  struct stat info = {};
  const auto size = static_cast<off_t>(content.size());
  if (fstat(descriptor_, &info) != 0 || (info.st_size != size && ftruncate(descriptor_, size) != 0)) {
    return absl::ErrnoToStatus(errno, "cutting the kept ticket roots");
  }
  return absl::OkStatus();
}

}  // namespace ddskey
