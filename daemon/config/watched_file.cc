#include "daemon/config/watched_file.h"

#include <sys/stat.h>

#include <functional>
#include <utility>

#include "daemon/config/trusted_file.h"
#include "proto/contract/status_macros.h"

namespace ddskey {
namespace {

long long Nanoseconds(const timespec& time) { return time.tv_sec * 1'000'000'000LL + time.tv_nsec; }

// HashOf tells contents apart that follow each other; nothing depends on it that an attacker could gain from.
size_t HashOf(const absl::StatusOr<std::string>& content) {
  return std::hash<std::string>()(content.ok() ? *content : std::string(content.status().message()));
}

}  // namespace

WatchedFile::Stamp WatchedFile::StampOf(const std::string& path) {
  struct stat there = {};
  if (stat(path.c_str(), &there) != 0) return {};
  return {.found = true,
          .device = there.st_dev,
          .inode = there.st_ino,
          .mode = there.st_mode,
          .owner = there.st_uid,
          .size = there.st_size,
          .modified = Nanoseconds(there.st_mtim),
          .changed = Nanoseconds(there.st_ctim)};
}

absl::StatusOr<std::string> WatchedFile::Read() const {
  RETURN_IF_ERROR(CheckTrustedFolders(path_));
  return ReadTrustedFile(path_, limit_);
}

std::optional<absl::StatusOr<std::string>> WatchedFile::Poll() {
  // Before it is read: a change meanwhile is seen the next time.
  const Stamp stamp = StampOf(path_);
  const bool same = stamp_ == stamp;
  if (same && !again_) return std::nullopt;
  const bool first = !stamp_.has_value();
  stamp_ = stamp;
  absl::StatusOr<std::string> content = Read();
  const size_t hash = HashOf(content);
  const bool different = first || hash != content_hash_;
  content_hash_ = hash;
  again_ = !same || different;
  if (!different) return std::nullopt;
  return content;
}

}  // namespace ddskey
