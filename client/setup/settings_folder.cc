#include "client/setup/settings_folder.h"

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
#include <filesystem>
#include <system_error>
#include <utility>

#include "absl/strings/str_cat.h"
#include "client/ca/descriptor.h"
#include "proto/contract/status_macros.h"

namespace ddskey::setup {
namespace {

using ca::Descriptor;

constexpr size_t kLargest = size_t{1} << 20;
constexpr int kMostCopies = 1000;

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

// CheckOwn sees that nobody but the caller, or root, can change what `fd` is.
absl::Status CheckOwn(int fd, const std::string& path) {
  struct stat about = {};
  if (fstat(fd, &about) != 0) return FromErrno("look at", path, errno);
  if (about.st_uid != geteuid() && about.st_uid != 0) {
    return absl::PermissionDeniedError(absl::StrCat(path, " belongs to the user with the number ", about.st_uid,
                                                    ", who could change it: see what it is, then chown root or remove "
                                                    "it"));
  }
  if ((about.st_mode & 022) != 0) {
    return absl::PermissionDeniedError(absl::StrCat(path,
                                                    " can be written to by others: see what it is, then chmod "
                                                    "go-w ",
                                                    path));
  }
  return absl::OkStatus();
}

// CheckAbove sees that nobody but the caller, or root, can put something else in the place of what is in the folder.
absl::Status CheckAbove(int fd, const std::string& path) {
  struct stat about = {};
  if (fstat(fd, &about) != 0) return FromErrno("look at", path, errno);
  // What is in a sticky folder only its owner and that of the folder can move.
  const bool others_write = (about.st_mode & 022) != 0 && (about.st_mode & S_ISVTX) == 0;
  if ((about.st_uid == geteuid() || about.st_uid == 0) && !others_write) return absl::OkStatus();
  return absl::PermissionDeniedError(
      absl::StrCat("others than root and you may change the folder ", path, ", and by that what is below it"));
}

// Place is a folder that nobody can exchange, and the name of something in it.
struct Place {
  std::unique_ptr<Descriptor> above;
  // Without links, but for the name itself.
  std::string path;
  std::string name;
};

// Find goes to the folder that `path` is in, from the root on, and looks at each folder on the way.
absl::StatusOr<Place> Find(const std::string& path) {
  std::error_code error;
  std::filesystem::path wanted = std::filesystem::absolute(path, error).lexically_normal();
  if (!wanted.has_filename()) wanted = wanted.parent_path();
  if (error || !wanted.has_filename()) return absl::InvalidArgumentError(absl::StrCat(path, " is no folder to use"));
  const std::filesystem::path above = std::filesystem::canonical(wanted.parent_path(), error);
  if (error) return FromErrno("open the folder above", path, error.value());
  auto at = std::make_unique<Descriptor>(open("/", O_PATH | O_DIRECTORY | O_CLOEXEC));
  std::filesystem::path way = "/";
  RETURN_IF_ERROR(CheckAbove(at->get(), way));
  for (const std::filesystem::path& name : above.relative_path()) {
    way /= name;
    // A link is one that was put there just now.
    auto next =
        std::make_unique<Descriptor>(openat(at->get(), name.c_str(), O_PATH | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC));
    if (next->get() < 0) return FromErrno("open the folder", way, errno);
    RETURN_IF_ERROR(CheckAbove(next->get(), way));
    at = std::move(next);
  }
  return Place{.above = std::move(at), .path = above / wanted.filename(), .name = wanted.filename()};
}

absl::Status WriteAll(int fd, std::string_view content, const std::string& path) {
  while (!content.empty()) {
    const ssize_t put = write(fd, content.data(), content.size());
    if (put < 0 && errno == EINTR) continue;
    if (put < 0) return FromErrno("write", path, errno);
    content.remove_prefix(static_cast<size_t>(put));
  }
  return fsync(fd) == 0 ? absl::OkStatus() : FromErrno("write", path, errno);
}

}  // namespace

absl::StatusOr<std::unique_ptr<SettingsFolder>> SettingsFolder::Open(const std::string& path) {
  ASSIGN_OR_RETURN(const Place place, Find(path));
  const int fd = openat(place.above->get(), place.name.c_str(), O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
  if (fd < 0) return FromErrno("open the folder", path, errno);
  std::unique_ptr<SettingsFolder> folder(new SettingsFolder(place.path, fd));
  RETURN_IF_ERROR(CheckOwn(fd, path));
  return folder;
}

absl::StatusOr<std::unique_ptr<SettingsFolder>> SettingsFolder::Make(const std::string& path) {
  ASSIGN_OR_RETURN(const Place place, Find(path));
  if (mkdirat(place.above->get(), place.name.c_str(), 0755) != 0 && errno != EEXIST) {
    return FromErrno("make the folder", path, errno);
  }
  ASSIGN_OR_RETURN(std::unique_ptr<SettingsFolder> folder, Open(path));
  if (flock(folder->fd_, LOCK_EX | LOCK_NB) != 0) {
    return absl::FailedPreconditionError(absl::StrCat("another ddskeyctl setup is at work in ", path));
  }
  return folder;
}

SettingsFolder::~SettingsFolder() { close(fd_); }

absl::StatusOr<int> SettingsFolder::OpenTrusted(const std::string& name, int flags) const {
  for (size_t slash = name.find('/'); slash != std::string::npos; slash = name.find('/', slash + 1)) {
    const std::string folder = name.substr(0, slash);
    const Descriptor way(OpenBeneath(fd_, folder, O_RDONLY | O_DIRECTORY, 0));
    if (way.get() < 0 && errno == ENOENT) return -1;
    if (way.get() < 0 && (errno == ELOOP || errno == ENOTDIR)) {
      return absl::PermissionDeniedError(absl::StrCat(File(folder), " is no folder, or a symbolic link: remove it"));
    }
    if (way.get() < 0) return FromErrno("open the folder", File(folder), errno);
    RETURN_IF_ERROR(CheckOwn(way.get(), File(folder)));
  }
  const int fd = OpenBeneath(fd_, name, flags, 0);
  if (fd < 0 && errno == ENOENT) return -1;
  if (fd < 0 && (errno == ELOOP || errno == ENOTDIR)) {
    return absl::PermissionDeniedError(absl::StrCat(File(name), " is a symbolic link, or no folder: remove it"));
  }
  if (fd < 0) return FromErrno("open", File(name), errno);
  if (const absl::Status status = CheckOwn(fd, File(name)); !status.ok()) {
    close(fd);
    return status;
  }
  return fd;
}

absl::StatusOr<std::optional<std::string>> SettingsFolder::Read(const std::string& name) const {
  ASSIGN_OR_RETURN(const int fd, OpenTrusted(name, O_RDONLY | O_NONBLOCK));
  if (fd < 0) return std::nullopt;
  const Descriptor file(fd);
  struct stat about = {};
  if (fstat(fd, &about) != 0 || !S_ISREG(about.st_mode)) {
    return absl::FailedPreconditionError(absl::StrCat(File(name), " is no regular file"));
  }
  std::string content;
  std::array<char, 4096> buffer;
  while (true) {
    const ssize_t got = read(fd, buffer.data(), buffer.size());
    if (got < 0 && errno == EINTR) continue;
    if (got < 0) return FromErrno("read", File(name), errno);
    if (got == 0) return content;
    content.append(buffer.data(), static_cast<size_t>(got));
    if (content.size() > kLargest) return absl::FailedPreconditionError(absl::StrCat(File(name), " is too large"));
  }
}

absl::Status SettingsFolder::MakeWay(const std::string& name) {
  for (size_t slash = name.find('/'); slash != std::string::npos; slash = name.find('/', slash + 1)) {
    const std::string folder = name.substr(0, slash);
    if (mkdirat(fd_, folder.c_str(), 0755) == 0) {
      // Whatever the umask is: applications read what is in it.
      const Descriptor made(OpenBeneath(fd_, folder, O_RDONLY | O_DIRECTORY, 0));
      if (made.get() < 0 || fchmod(made.get(), 0755) != 0) return FromErrno("make the folder", File(folder), errno);
      RETURN_IF_ERROR(Sync(folder));
    } else if (errno != EEXIST) {
      return FromErrno("make the folder", File(folder), errno);
    }
    ASSIGN_OR_RETURN(const int fd, OpenTrusted(folder, O_RDONLY | O_DIRECTORY));
    if (fd >= 0) close(fd);
  }
  return absl::OkStatus();
}

absl::StatusOr<SettingsFolder::Rights> SettingsFolder::RightsOf(const std::string& name) const {
  ASSIGN_OR_RETURN(const int fd, OpenTrusted(name, O_RDONLY | O_NONBLOCK));
  if (fd < 0) return Rights();
  const Descriptor file(fd);
  struct stat about = {};
  if (fstat(fd, &about) != 0) return FromErrno("look at", File(name), errno);
  return Rights{.owner = about.st_uid, .group = about.st_gid, .mode = about.st_mode & 0777};
}

absl::Status SettingsFolder::Create(const std::string& name, std::string_view content, const Rights& rights) {
  // Nobody else reads it before it is whose it shall be.
  const Descriptor file(OpenBeneath(fd_, name, O_WRONLY | O_CREAT | O_EXCL, 0600));
  if (file.get() < 0) return FromErrno("make", File(name), errno);
  struct stat made = {};
  if (fstat(file.get(), &made) != 0) return FromErrno("make", File(name), errno);
  const uid_t owner = rights.owner.value_or(made.st_uid);
  const gid_t group = rights.group.value_or(made.st_gid);
  if ((owner != made.st_uid || group != made.st_gid) && fchown(file.get(), owner, group) != 0) {
    return FromErrno("keep owner and group of the file for", File(name), errno);
  }
  if (fchmod(file.get(), rights.mode) != 0) return FromErrno("make", File(name), errno);
  RETURN_IF_ERROR(WriteAll(file.get(), content, File(name)));
  return Sync(name);
}

absl::Status SettingsFolder::Write(const std::string& name, std::string_view content) {
  RETURN_IF_ERROR(MakeWay(name));
  // What is there must be ours to replace.
  ASSIGN_OR_RETURN(const std::optional<std::string> before, Read(name));
  if (before.has_value() && *before == content) return absl::OkStatus();
  const std::string unfinished = absl::StrCat(name, ".new");
  unlinkat(fd_, unfinished.c_str(), 0);
  ASSIGN_OR_RETURN(const Rights rights, RightsOf(name));
  RETURN_IF_ERROR(Create(unfinished, content, rights));
  if (renameat(fd_, unfinished.c_str(), fd_, name.c_str()) != 0) return FromErrno("replace", File(name), errno);
  return Sync(name);
}

absl::StatusOr<std::string> SettingsFolder::Keep(const std::string& name) {
  ASSIGN_OR_RETURN(const std::optional<std::string> content, Read(name));
  if (!content.has_value()) return "";
  for (int number = 1; number < kMostCopies; ++number) {
    const std::string copy = absl::StrCat(name, ".before-setup", number == 1 ? "" : absl::StrCat(".", number));
    ASSIGN_OR_RETURN(const std::optional<std::string> there, Read(copy));
    // One that was made just before an interruption.
    if (there == content) return copy;
    if (there.has_value()) continue;
    ASSIGN_OR_RETURN(const Rights rights, RightsOf(name));
    RETURN_IF_ERROR(Create(copy, *content, rights));
    return copy;
  }
  return absl::ResourceExhaustedError(absl::StrCat("there are too many copies of ", File(name), " beside it"));
}

absl::StatusOr<bool> SettingsFolder::Exists(const std::string& name) const {
  ASSIGN_OR_RETURN(const int fd, OpenTrusted(name, O_RDONLY | O_DIRECTORY));
  if (fd >= 0) close(fd);
  return fd >= 0;
}

absl::Status SettingsFolder::Rename(const std::string& from, const std::string& to) {
  if (renameat2(fd_, from.c_str(), fd_, to.c_str(), RENAME_NOREPLACE) != 0) {
    return FromErrno("make", File(to), errno);
  }
  return Sync(to);
}

absl::Status SettingsFolder::Remove(const std::string& name) {
  ASSIGN_OR_RETURN(const bool there, Exists(name));
  if (!there) return absl::OkStatus();
  // It and all on the way is ours: nobody can exchange it meanwhile.
  std::error_code error;
  std::filesystem::remove_all(File(name), error);
  return error ? FromErrno("remove", File(name), error.value()) : absl::OkStatus();
}

absl::Status SettingsFolder::Sync(const std::string& name) const {
  const size_t slash = name.rfind('/');
  if (slash == std::string::npos) return fsync(fd_) == 0 ? absl::OkStatus() : FromErrno("write", path_, errno);
  const Descriptor folder(OpenBeneath(fd_, name.substr(0, slash), O_RDONLY | O_DIRECTORY, 0));
  if (folder.get() < 0 || fsync(folder.get()) != 0) return FromErrno("write", File(name), errno);
  return absl::OkStatus();
}

}  // namespace ddskey::setup
