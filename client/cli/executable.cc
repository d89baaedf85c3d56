#include "client/cli/executable.h"

#include <elf.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <sys/xattr.h>
#include <unistd.h>

#include <string_view>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "client/ca/descriptor.h"

namespace ddskey::cli {
namespace {

// A file has fewer segments than this.
constexpr int kMostSegments = 1024;

// IsStatic tells whether `file` is an ELF program of this machine's word size that needs no dynamic loader.
bool IsStatic(int file) {
  Elf64_Ehdr header = {};
  if (pread(file, &header, sizeof(header), 0) != sizeof(header) ||
      std::string_view(reinterpret_cast<const char*>(header.e_ident), SELFMAG) != ELFMAG ||
      header.e_ident[EI_CLASS] != ELFCLASS64 || header.e_phentsize != sizeof(Elf64_Phdr) ||
      header.e_phnum > kMostSegments) {
    return false;
  }
  for (int i = 0; i < header.e_phnum; ++i) {
    Elf64_Phdr segment = {};
    const auto at = static_cast<off_t>(header.e_phoff + static_cast<uint64_t>(i) * sizeof(segment));
    if (pread(file, &segment, sizeof(segment), at) != sizeof(segment)) return false;
    if (segment.p_type == PT_INTERP) return false;
  }
  return true;
}

}  // namespace

absl::StatusOr<std::string> FindExecutable(const std::string& command, const std::string& search) {
  std::vector<std::string> candidates;
  if (command.find('/') != std::string::npos) {
    candidates.push_back(command);
  } else if (!command.empty()) {
    for (const absl::string_view folder : absl::StrSplit(search, ':')) {
      candidates.push_back(absl::StrCat(folder.empty() ? "." : folder, "/", command));
    }
  }
  bool denied = false;
  for (const std::string& candidate : candidates) {
    struct stat about = {};
    if (stat(candidate.c_str(), &about) != 0) continue;
    if (S_ISREG(about.st_mode) && access(candidate.c_str(), X_OK) == 0) return candidate;
    denied = true;
  }
  if (denied) return absl::PermissionDeniedError(absl::StrCat(command, ": it is no program that you may execute"));
  return absl::NotFoundError(absl::StrCat(command, ": there is no such program"));
}

std::string LoaderProblem(const std::string& path) {
  struct stat about = {};
  if (stat(path.c_str(), &about) == 0 && (about.st_mode & (S_ISUID | S_ISGID)) != 0) {
    return "it is a setuid or setgid program, for which the loader ignores LD_LIBRARY_PATH";
  }
  if (getxattr(path.c_str(), "security.capability", nullptr, 0) > 0) {
    return "it has file capabilities, and then the loader ignores LD_LIBRARY_PATH";
  }
  const ca::Descriptor file(open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK));
  if (file.get() >= 0 && IsStatic(file.get())) return "it is linked statically, and loads no plugin";
  return "";
}

}  // namespace ddskey::cli
