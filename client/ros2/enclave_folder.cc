#include "client/ros2/enclave_folder.h"

#include <fcntl.h>
#include <linux/openat2.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <filesystem>
#include <span>

#include "absl/strings/str_cat.h"
#include "client/ros2/owners_rights.h"
#include "proto/contract/secret_access.h"
#include "proto/contract/status_macros.h"

namespace ddskey::ros2 {
namespace {

using ca::Descriptor;

constexpr size_t kLargestSecret = size_t{16} * 1024;
constexpr size_t kLargestDocument = size_t{64} * 1024;
// RESOLVE_BENEATH gives up when folders are renamed meanwhile.
constexpr int kTries = 32;

std::string Shown(std::string_view text) { return std::string(text); }

std::unique_ptr<Descriptor> OpenBelow(int folder, const std::string& path, uint64_t flags, uint64_t resolve,
                                      int* error) {
  open_how how = {};
  how.flags = flags | O_CLOEXEC;
  how.resolve = resolve;
  int fd = -1;
  for (int i = 0; i < kTries; ++i) {
    fd = static_cast<int>(syscall(SYS_openat2, folder, path.c_str(), &how, sizeof(how)));
    if (fd >= 0 || errno != EAGAIN) break;
  }
  *error = errno;
  return std::make_unique<Descriptor>(fd);
}

const char* WhyNot(int error) {
  if (error == ELOOP) return "there is a symbolic link on the way";
  if (error == EXDEV) return "its link leads out of the keystore: name the keystore's folder with --keystore";
  return strerror(error);
}

Stamp StampFrom(const struct stat& about) {
  return {.device = about.st_dev, .inode = about.st_ino, .mode = about.st_mode & 07777, .links = about.st_nlink};
}

std::string StagedName(const std::string& name) { return absl::StrCat(".", name, ".ddskeyd-new"); }
std::string KeptName(const std::string& name) {
  return absl::StrCat(name, absl::string_view(EnclaveFolder::kKept.data(), EnclaveFolder::kKept.size()));
}

// ReadInto fills `octets` as far as there is something; -1 is an error.
ssize_t ReadInto(int fd, std::span<uint8_t> octets) {
  size_t size = 0;
  while (size < octets.size()) {
    const ssize_t got = read(fd, octets.data() + size, octets.size() - size);
    if (got < 0 && errno == EINTR) continue;
    if (got < 0) return -1;
    if (got == 0) break;
    size += static_cast<size_t>(got);
  }
  return static_cast<ssize_t>(size);
}

absl::StatusOr<std::string> ReadText(int fd, const std::string& file, size_t limit) {
  std::string content(limit + 1, '\0');
  const ssize_t size = ReadInto(fd, {reinterpret_cast<uint8_t*>(content.data()), content.size()});
  if (size < 0) return absl::FailedPreconditionError(absl::StrCat("cannot read ", file, ": ", strerror(errno)));
  if (size == 0 || static_cast<size_t>(size) > limit) {
    return absl::FailedPreconditionError(
        absl::StrCat("cannot read ", file, ": it has not 1 octet to ", limit / 1024, " KiB"));
  }
  content.resize(static_cast<size_t>(size));
  return content;
}

// KeystoreOf is the folder above the folder "enclaves" that is nearest to `path`, or `path` itself.
std::filesystem::path KeystoreOf(const std::filesystem::path& path) {
  for (std::filesystem::path above = path.parent_path(); above != above.root_path(); above = above.parent_path()) {
    if (above.filename() == "enclaves") return above.parent_path();
  }
  return path;
}

std::filesystem::path Absolute(const std::string& path) {
  std::filesystem::path absolute = std::filesystem::absolute(path).lexically_normal();
  return absolute.has_filename() ? absolute : absolute.parent_path();
}

}  // namespace

absl::StatusOr<EnclaveFolder> EnclaveFolder::Open(const std::string& path, const std::string& keystore) {
  if (path.empty()) return absl::InvalidArgumentError("the enclave's folder has no name");
  const std::filesystem::path folder = Absolute(path);
  const std::filesystem::path root = keystore.empty() ? KeystoreOf(folder) : Absolute(keystore);
  const std::string below = folder.lexically_relative(root);
  if (below.empty() || below.starts_with("..")) {
    return absl::InvalidArgumentError(absl::StrCat(folder.string(), " is not in the keystore ", root.string()));
  }
  const auto cannot = [&](const std::string& why) {
    return absl::FailedPreconditionError(absl::StrCat("cannot use the folder ", folder.string(), ": ", why));
  };
  int error = 0;
  auto top = OpenBelow(AT_FDCWD, root, O_PATH | O_DIRECTORY, RESOLVE_NO_SYMLINKS, &error);
  if (top->get() < 0) return cannot(WhyNot(error));
  const auto place = OpenBelow(top->get(), below, O_PATH | O_DIRECTORY, RESOLVE_BENEATH | RESOLVE_NO_SYMLINKS, &error);
  struct stat about = {};
  if (place->get() < 0 || fstat(place->get(), &about) != 0) return cannot(WhyNot(place->get() < 0 ? error : errno));
  if (geteuid() != 0 && geteuid() != about.st_uid)
    return cannot("it is somebody else's: run this as root, or as its owner");
  if ((about.st_mode & S_IWOTH) != 0) return cannot("everybody may write to it: chmod o-w it first");
  EnclaveFolder opened(folder, below, std::move(top), about.st_uid);
  {
    ASSIGN_OR_RETURN(const auto rights, OwnersRights::Take(about.st_uid));
    opened.folder_ = OpenBelow(place->get(), ".", O_RDONLY | O_DIRECTORY, RESOLVE_BENEATH, &error);
  }
  if (opened.folder_->get() < 0) return cannot(WhyNot(error));
  if (flock(opened.folder_->get(), LOCK_EX | LOCK_NB) != 0) {
    return absl::AbortedError(absl::StrCat("another program is migrating ", folder.string(), ": repeat it later"));
  }
  return opened;
}

absl::Status EnclaveFolder::Failure(std::string_view doing, const std::string& name, int error) const {
  const std::string message = absl::StrCat("cannot ", Shown(doing), " ", path_, "/", name, ": ", WhyNot(error));
  return error == ENOENT ? absl::NotFoundError(message) : absl::FailedPreconditionError(message);
}

absl::Status EnclaveFolder::CheckFile(int fd, const std::string& name, bool also_of_root, Stamp* stamp) const {
  struct stat about = {};
  if (fstat(fd, &about) != 0) return Failure("read", name, errno);
  const auto cannot = [&](const char* why) {
    return absl::FailedPreconditionError(absl::StrCat("cannot read ", path_, "/", name, ": ", why));
  };
  if (!S_ISREG(about.st_mode)) return cannot("it is no regular file");
  if (about.st_uid != owner_ && !(also_of_root && about.st_uid == 0)) {
    return cannot("it does not belong to the owner of the folder");
  }
  *stamp = StampFrom(about);
  return absl::OkStatus();
}

absl::StatusOr<std::unique_ptr<Descriptor>> EnclaveFolder::OpenOwn(const std::string& name, Stamp* stamp) const {
  int error = 0;
  std::unique_ptr<Descriptor> file;
  {
    ASSIGN_OR_RETURN(const auto rights, OwnersRights::Take(owner_));
    file = OpenBelow(folder_->get(), name, O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_NOCTTY,
                     RESOLVE_BENEATH | RESOLVE_NO_SYMLINKS, &error);
  }
  if (file->get() < 0) return Failure("read", name, error);
  RETURN_IF_ERROR(CheckFile(file->get(), name, false, stamp));
  return file;
}

absl::StatusOr<OwnFile<std::string>> EnclaveFolder::Read(const std::string& name, size_t limit) const {
  OwnFile<std::string> result;
  ASSIGN_OR_RETURN(const auto file, OpenOwn(name, &result.stamp));
  ASSIGN_OR_RETURN(result.content, ReadText(file->get(), path_ + "/" + name, limit));
  return result;
}

absl::StatusOr<OwnFile<SecretBytes>> EnclaveFolder::ReadSecret(const std::string& name) const {
  Stamp stamp;
  ASSIGN_OR_RETURN(const auto file, OpenOwn(name, &stamp));
  ASSIGN_OR_RETURN(SecretBytes buffer, SecretBytes::Allocate(kLargestSecret + 1));
  const std::span<uint8_t> octets = buffer.Reveal(SecretAccess());
  const ssize_t size = ReadInto(file->get(), octets);
  if (size < 0) return Failure("read", name, errno);
  if (size == 0 || static_cast<size_t>(size) > kLargestSecret) {
    return absl::FailedPreconditionError(
        absl::StrCat("cannot read ", path_, "/", name, ": it has not 1 octet to 16 KiB"));
  }
  ASSIGN_OR_RETURN(SecretBytes content, SecretBytes::Allocate(static_cast<size_t>(size)));
  std::copy_n(octets.begin(), size, content.Reveal(SecretAccess()).begin());
  return OwnFile<SecretBytes>{std::move(content), stamp};
}

absl::StatusOr<std::string> EnclaveFolder::ReadPublic(const std::string& name) const {
  int error = 0;
  std::unique_ptr<Descriptor> file;
  {
    ASSIGN_OR_RETURN(const auto rights, OwnersRights::Take(owner_));
    file = OpenBelow(root_->get(), below_ + "/" + name, O_RDONLY | O_NONBLOCK | O_NOCTTY,
                     RESOLVE_BENEATH | RESOLVE_NO_MAGICLINKS, &error);
  }
  if (file->get() < 0) return Failure("read", name, error);
  Stamp stamp;
  RETURN_IF_ERROR(CheckFile(file->get(), name, true, &stamp));
  ASSIGN_OR_RETURN(std::string content, ReadText(file->get(), path_ + "/" + name, kLargestDocument));
  if (content.find("PRIVATE KEY-----") != std::string::npos) {
    return absl::InvalidArgumentError(absl::StrCat(path_, "/", name, " holds a private key"));
  }
  return content;
}

absl::StatusOr<std::optional<Stamp>> EnclaveFolder::StampOf(const std::string& name) const {
  struct stat about = {};
  const absl::Status status =
      AsOwner("look at", name, [&] { return fstatat(folder_->get(), name.c_str(), &about, AT_SYMLINK_NOFOLLOW); });
  if (absl::IsNotFound(status)) return std::optional<Stamp>();
  RETURN_IF_ERROR(status);
  return std::optional<Stamp>(StampFrom(about));
}

absl::Status EnclaveFolder::AsOwner(std::string_view doing, const std::string& name,
                                    const std::function<int()>& work) const {
  ASSIGN_OR_RETURN(const auto rights, OwnersRights::Take(owner_));
  if (work() == 0) return absl::OkStatus();
  return Failure(doing, name, errno);
}

absl::Status EnclaveFolder::Stage(const std::string& name, std::string_view content, mode_t mode) {
  RETURN_IF_ERROR(Remove(StagedName(name)));
  return AsOwner("write", StagedName(name), [&] {
    const Descriptor file(
        openat(folder_->get(), StagedName(name).c_str(), O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0600));
    if (file.get() < 0) return -1;
    while (!content.empty()) {
      const ssize_t put = write(file.get(), content.data(), content.size());
      if (put < 0 && errno == EINTR) continue;
      if (put < 0) return -1;
      content.remove_prefix(static_cast<size_t>(put));
    }
    return fchmod(file.get(), mode) == 0 && fsync(file.get()) == 0 ? 0 : -1;
  });
}

absl::Status EnclaveFolder::Keep(const std::string& name, const Stamp& stamp, mode_t mode) {
  const std::string kept = KeptName(name);
  ASSIGN_OR_RETURN(const std::optional<Stamp> before, StampOf(kept));
  if (before.has_value() && !before->IsSameFile(stamp)) {
    return absl::FailedPreconditionError(
        absl::StrCat(path_, "/", kept, " is there, of an earlier migration: move it away first"));
  }
  if (!before.has_value()) {
    RETURN_IF_ERROR(
        AsOwner("keep", name, [&] { return linkat(folder_->get(), name.c_str(), folder_->get(), kept.c_str(), 0); }));
  }
  ASSIGN_OR_RETURN(const std::optional<Stamp> now, StampOf(kept));
  if (!now.has_value() || !now->IsSameFile(stamp)) {
    RETURN_IF_ERROR(Remove(kept));
    return absl::FailedPreconditionError(absl::StrCat(path_, "/", name, " was changed meanwhile: begin again"));
  }
  return AsOwner("protect", kept, [&] {
    // Not through a link: what was seen above may have been replaced since.
    const Descriptor file(openat(folder_->get(), kept.c_str(), O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC));
    return file.get() >= 0 && fchmod(file.get(), mode) == 0 && fsync(folder_->get()) == 0 ? 0 : -1;
  });
}

absl::Status EnclaveFolder::Switch(const std::string& name) {
  return AsOwner("replace", name, [&] {
    if (renameat(folder_->get(), StagedName(name).c_str(), folder_->get(), name.c_str()) != 0) return -1;
    return fsync(folder_->get());
  });
}

absl::Status EnclaveFolder::PutBack(const std::string& name) {
  const absl::Status status = AsOwner("put back", name, [&] {
    // Both names of one file: rename() would leave them.
    const std::string kept = KeptName(name);
    if (renameat(folder_->get(), kept.c_str(), folder_->get(), name.c_str()) != 0) return -1;
    if (unlinkat(folder_->get(), kept.c_str(), 0) != 0 && errno != ENOENT) return -1;
    return fsync(folder_->get());
  });
  return absl::IsNotFound(status) ? absl::OkStatus() : status;
}

absl::Status EnclaveFolder::Remove(const std::string& name) {
  const absl::Status status = AsOwner("remove", name, [&] { return unlinkat(folder_->get(), name.c_str(), 0); });
  return absl::IsNotFound(status) ? absl::OkStatus() : status;
}

}  // namespace ddskey::ros2
