#include "client/doctor/system_host.h"

#include <dlfcn.h>
#include <fcntl.h>
#include <grp.h>
#include <pwd.h>
#include <sys/random.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <sys/timex.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <charconv>
#include <climits>
#include <cstdlib>
#include <cstring>
#include <filesystem>
#include <system_error>

#include "absl/strings/str_cat.h"
#include "client/ca/descriptor.h"
#include "client/doctor/child_process.h"

namespace ddskey::doctor {
namespace {

constexpr size_t kMostContent = size_t{1} << 20;
constexpr size_t kAccountBuffer = size_t{16} * 1024;
constexpr int kMostGroups = 1024;
constexpr std::chrono::seconds kLimit(10);
// The shell's for a program that is not there.
constexpr int kNoProgram = 127;

absl::Status FromErrno(const std::string& path, int error) {
  const std::string message = absl::StrCat(path, ": ", std::strerror(error));
  if (error == ENOENT || error == ENOTDIR) return absl::NotFoundError(message);
  if (error == EACCES || error == EPERM) return absl::PermissionDeniedError(message);
  return absl::FailedPreconditionError(message);
}

FileKind KindOf(mode_t mode) {
  if (S_ISREG(mode)) return FileKind::kRegular;
  if (S_ISDIR(mode)) return FileKind::kFolder;
  if (S_ISSOCK(mode)) return FileKind::kSocket;
  if (S_ISCHR(mode)) return FileKind::kDevice;
  if (S_ISLNK(mode)) return FileKind::kLink;
  return FileKind::kOther;
}

UserFacts FactsOf(const passwd& entry) {
  UserFacts facts = {.uid = entry.pw_uid, .gid = entry.pw_gid, .name = entry.pw_name, .groups = {}};
  int count = kMostGroups;
  facts.groups.resize(kMostGroups);
  if (getgrouplist(entry.pw_name, entry.pw_gid, facts.groups.data(), &count) < 0) count = 0;
  facts.groups.resize(static_cast<size_t>(count));
  return facts;
}

// LoadHere is what a child does: it says what is wrong and returns 1.
int LoadHere(const std::string& library, const std::vector<std::string>& symbols, int output) {
  void* const handle = dlopen(library.c_str(), RTLD_NOW | RTLD_LOCAL);
  if (handle == nullptr) {
    WriteAll(output, dlerror());
    return 1;
  }
  for (const std::string& symbol : symbols) {
    if (dlsym(handle, symbol.c_str()) != nullptr) continue;
    WriteAll(output, absl::StrCat("it has no symbol ", symbol));
    return 1;
  }
  return 0;
}

}  // namespace

absl::StatusOr<FileFacts> SystemHost::Look(const std::string& path) const {
  struct stat there = {};
  if (lstat(path.c_str(), &there) != 0) return FromErrno(path, errno);
  return FileFacts{.kind = KindOf(there.st_mode),
                   .owner = there.st_uid,
                   .group = there.st_gid,
                   .mode = there.st_mode & (ACCESSPERMS | S_ISVTX)};
}

absl::StatusOr<std::string> SystemHost::Follow(const std::string& path) const {
  std::string real(PATH_MAX, '\0');
  if (realpath(path.c_str(), real.data()) == nullptr) return FromErrno(path, errno);
  return std::string(real.c_str());
}

absl::StatusOr<std::string> SystemHost::Read(const std::string& path) const {
  // A pipe must not hold us up.
  const ca::Descriptor file(open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NOCTTY | O_NONBLOCK));
  if (file.get() < 0) return FromErrno(path, errno);
  std::string content;
  std::array<char, 4096> buffer;
  while (true) {
    const ssize_t got = read(file.get(), buffer.data(), buffer.size());
    if (got < 0 && errno == EINTR) continue;
    if (got < 0) return FromErrno(path, errno);
    if (got == 0) return content;
    content.append(buffer.data(), static_cast<size_t>(got));
    if (content.size() > kMostContent) return absl::FailedPreconditionError(absl::StrCat(path, " is over 1 MiB"));
  }
}

std::vector<std::string> SystemHost::List(const std::string& folder) const {
  std::vector<std::string> names;
  std::error_code error;
  for (auto entry = std::filesystem::directory_iterator(folder, error);
       !error && entry != std::filesystem::directory_iterator(); entry.increment(error)) {
    names.push_back(entry->path().filename());
  }
  std::ranges::sort(names);
  return names;
}

absl::StatusOr<uint64_t> SystemHost::FreeSpace(const std::string& path) const {
  struct statvfs space = {};
  if (statvfs(path.c_str(), &space) != 0) return FromErrno(path, errno);
  return static_cast<uint64_t>(space.f_bavail) * space.f_frsize;
}

std::optional<UserFacts> SystemHost::User(const std::string& name) const {
  std::string buffer(kAccountBuffer, '\0');
  passwd entry = {};
  passwd* found = nullptr;
  if (getpwnam_r(name.c_str(), &entry, buffer.data(), buffer.size(), &found) == 0 && found != nullptr) {
    return FactsOf(*found);
  }
  uid_t number = 0;
  const auto [end, error] = std::from_chars(name.data(), name.data() + name.size(), number);
  if (error != std::errc() || end != name.data() + name.size()) return std::nullopt;
  if (getpwuid_r(number, &entry, buffer.data(), buffer.size(), &found) == 0 && found != nullptr) {
    return FactsOf(*found);
  }
  return std::nullopt;
}

std::optional<gid_t> SystemHost::Group(const std::string& name) const {
  std::string buffer(kAccountBuffer, '\0');
  group entry = {};
  group* found = nullptr;
  if (getgrnam_r(name.c_str(), &entry, buffer.data(), buffer.size(), &found) != 0 || found == nullptr) return {};
  return found->gr_gid;
}

uid_t SystemHost::Self() const { return geteuid(); }

ClockFacts SystemHost::Clock() const {
  ClockFacts facts = {.now = absl::Now(), .synchronised = std::nullopt};
  timex kernel = {};
  const int state = adjtimex(&kernel);
  if (state >= 0) facts.synchronised = state != TIME_ERROR && (kernel.status & STA_UNSYNC) == 0;
  return facts;
}

bool SystemHost::HasEntropy() const {
  char octet = 0;
  return getrandom(&octet, sizeof(octet), GRND_NONBLOCK) == sizeof(octet);
}

absl::Status SystemHost::Load(const std::string& library, const std::vector<std::string>& symbols) const {
  const auto loaded = RunInChild([&](int output) { return LoadHere(library, symbols, output); }, kLimit);
  if (!loaded.ok()) return loaded.status();
  if (loaded->exit_status == 0) return absl::OkStatus();
  if (loaded->output.empty()) {
    return absl::FailedPreconditionError(absl::StrCat("loading it ended a process with ", loaded->exit_status));
  }
  return absl::FailedPreconditionError(loaded->output);
}

absl::StatusOr<CommandResult> SystemHost::Run(const std::vector<std::string>& command) const {
  const auto run = [&command](int output) {
    std::vector<char*> words;
    for (const std::string& word : command) words.push_back(const_cast<char*>(word.c_str()));
    words.push_back(nullptr);
    const int nothing = open("/dev/null", O_RDONLY | O_CLOEXEC);
    if (nothing < 0 || dup2(nothing, STDIN_FILENO) < 0 || dup2(output, STDOUT_FILENO) < 0 ||
        dup2(output, STDERR_FILENO) < 0) {
      return 1;
    }
    execvp(words[0], words.data());
    return kNoProgram;
  };
  const auto ended = RunInChild(run, kLimit);
  if (!ended.ok()) return ended.status();
  if (ended->exit_status == kNoProgram) return absl::NotFoundError(absl::StrCat("there is no ", command.front()));
  return CommandResult{.exit_status = ended->exit_status, .output = ended->output};
}

}  // namespace ddskey::doctor
