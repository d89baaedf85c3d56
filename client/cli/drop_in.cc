#include "client/cli/drop_in.h"

#include <sys/stat.h>

#include <filesystem>
#include <system_error>

#include "absl/strings/str_cat.h"
#include "client/cli/arguments.h"

namespace ddskey::cli {
namespace {

#if defined(__x86_64__)
constexpr char kLibraries[] = "/usr/lib/x86_64-linux-gnu";
#elif defined(__aarch64__)
constexpr char kLibraries[] = "/usr/lib/aarch64-linux-gnu";
#else
#error "the multiarch folder of this architecture is not known"
#endif

constexpr char kPlugin[] = "libdds_security_auth.so";
constexpr char kTool[] = "/client/cli/ddskeyctl";

bool IsFile(const std::string& path) {
  struct stat about = {};
  return stat(path.c_str(), &about) == 0 && S_ISREG(about.st_mode);
}

}  // namespace

Plugins InstalledPlugins() {
  const std::string libraries = kLibraries;
  return {.drop_in = libraries + "/ddskey",
          .cyclonedds = libraries + "/libddskey_cyclonedds.so",
          .pkcs11 = libraries + "/pkcs11/libddskey_pkcs11.so"};
}

std::optional<Plugins> BuiltPlugins() {
  std::error_code error;
  const std::string program = std::filesystem::read_symlink("/proc/self/exe", error);
  if (error || !program.ends_with(kTool)) return std::nullopt;
  const std::string tree = program.substr(0, program.size() - std::string_view(kTool).size()) + "/plugin_shim";
  if (!IsFile(absl::StrCat(tree, "/cyclonedds/", kPlugin))) return std::nullopt;
  return Plugins{.drop_in = tree + "/cyclonedds",
                 .cyclonedds = tree + "/cyclonedds/libddskey_cyclonedds.so",
                 .pkcs11 = tree + "/pkcs11/libddskey_pkcs11.so"};
}

absl::StatusOr<Plugins> FindPlugins(const std::optional<std::string>& drop_in) {
  Plugins plugins = BuiltPlugins().value_or(InstalledPlugins());
  if (drop_in.has_value()) {
    // A relative path would mean another folder wherever the application goes.
    if (!drop_in->starts_with('/')) return UsageError("--drop-in is an absolute path");
    plugins.drop_in = *drop_in;
  }
  if (IsFile(absl::StrCat(plugins.drop_in, "/", kPlugin))) return plugins;
  return absl::NotFoundError(absl::StrCat("there is no ", plugins.drop_in, "/", kPlugin,
                                          ": install the package libddskey-cyclonedds, or name its folder with "
                                          "--drop-in"));
}

}  // namespace ddskey::cli
