#include "client/doctor/shim_check.h"

#include <algorithm>
#include <vector>

#include "absl/strings/ascii.h"
#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "client/doctor/trusted_path.h"

namespace ddskey::doctor {
namespace {

// What the plugin was built against and tested with: its ABI for plugins is not that of 0.9 or 11.
constexpr char kGoodCyclone[] = "libddsc.so.0.10.";
constexpr char kConfigFolder[] = "/etc/ld.so.conf.d";
constexpr char kTokenModule[] = "/usr/share/p11-kit/modules/ddskey.module";

void CheckPlugin(const Host& host, const std::string& plugin, Findings& findings) {
  if (absl::IsNotFound(host.Look(plugin).status())) {
    findings.Warn(
        "shim.installed", absl::StrCat("Cyclone DDS applications find no plugin: there is no ", plugin),
        "install the package libddskey-cyclonedds (apt install ./libddskey-cyclonedds_*.deb, or from your repository)");
    return;
  }
  // What it loads runs with our rights.
  if (!CheckTrustedPath(host, plugin, 0, "shim", findings)) return;
  const absl::Status loaded = host.Load(plugin, {"init_authentication", "finalize_authentication"});
  if (loaded.ok()) {
    findings.Ok("shim.loads", absl::StrCat(plugin, " can be loaded with all that it needs"));
  } else {
    findings.Problem("shim.loads", absl::StrCat(plugin, " cannot be loaded: ", loaded.message()),
                     "apt install --reinstall libddskey-cyclonedds libddsc0debian");
  }
}

void CheckCyclone(const Host& host, const std::string& folder, Findings& findings) {
  std::vector<std::string> versions;
  for (const std::string& name : host.List(folder)) {
    // With a number, not the name that links lead from.
    if (absl::StartsWith(name, "libddsc.so.") && std::ranges::count(name, '.') > 2) versions.push_back(name);
  }
  const bool good =
      std::ranges::any_of(versions, [](const std::string& name) { return absl::StartsWith(name, kGoodCyclone); });
  if (good) {
    findings.Ok("shim.cyclonedds",
                absl::StrCat("Cyclone DDS is of a version that the plugin fits (", kGoodCyclone, "x)"));
  } else if (versions.empty()) {
    findings.Warn("shim.cyclonedds", absl::StrCat("there is no Cyclone DDS in ", folder), "apt install libddsc0debian");
  } else {
    findings.Problem("shim.cyclonedds",
                     absl::StrCat("Cyclone DDS is of another version (", versions.front(), ") than the plugin fits"),
                     "apt install libddsc0debian");
  }
}

// CheckLoaderCache sees whether the loader knows of the folder, which the file `path` names.
void CheckLoaderCache(const Host& host, const std::string& drop_in, const std::string& path, Findings& findings) {
  const absl::StatusOr<CommandResult> cache = host.Run({"/sbin/ldconfig", "-p"});
  if (cache.ok() && cache->exit_status == 0 && !absl::StrContains(cache->output, drop_in + "/")) {
    findings.Problem(
        "shim.machine-wide",
        absl::StrCat(path, " wants every Cyclone DDS application to use the plugin, but the loader was not told"),
        "ldconfig");
    return;
  }
  findings.Ok("shim.machine-wide", absl::StrCat("every Cyclone DDS application uses the plugin (", path, ")"));
}

void CheckMachineWide(const Host& host, const std::string& drop_in, Findings& findings) {
  for (const std::string& name : host.List(kConfigFolder)) {
    const std::string path = absl::StrCat(kConfigFolder, "/", name);
    const absl::StatusOr<std::string> text = host.Read(path);
    if (!text.ok()) continue;
    for (const absl::string_view line : absl::StrSplit(*text, '\n')) {
      if (absl::StripAsciiWhitespace(line) != drop_in) continue;
      CheckLoaderCache(host, drop_in, path, findings);
      return;
    }
  }
  findings.Ok("shim.machine-wide", "applications use the plugin if they are started by: ddskeyctl run -- COMMAND");
}

void CheckToken(const Host& host, const std::string& folder, Findings& findings) {
  const std::string module = absl::StrCat(folder, "/pkcs11/libddskey_pkcs11.so");
  if (absl::IsNotFound(host.Look(module).status())) {
    findings.Ok("pkcs11.installed", "the PKCS#11 module is not installed; only programs that know tokens need it");
    return;
  }
  if (!CheckTrustedPath(host, module, 0, "pkcs11", findings)) return;
  const absl::Status loaded = host.Load(module, {"C_GetFunctionList"});
  if (!loaded.ok()) {
    findings.Problem("pkcs11.loads", absl::StrCat(module, " cannot be loaded: ", loaded.message()),
                     "apt install --reinstall libddskey-pkcs11");
  } else if (!host.Look(kTokenModule).ok()) {
    findings.Warn("pkcs11.registered", absl::StrCat("p11-kit does not know the module: there is no ", kTokenModule),
                  "apt install --reinstall libddskey-pkcs11");
  } else {
    findings.Ok("pkcs11.loads", absl::StrCat(module, " can be loaded, and p11-kit knows it"));
  }
}

}  // namespace

std::string LibraryFolder() {
#if defined(__x86_64__)
  return "/usr/lib/x86_64-linux-gnu";
#elif defined(__aarch64__)
  return "/usr/lib/aarch64-linux-gnu";
#else
  return "/usr/lib";
#endif
}

void CheckShim(const Host& host, const std::string& folder, Findings& findings) {
  const std::string drop_in = absl::StrCat(folder, "/ddskey");
  CheckPlugin(host, absl::StrCat(drop_in, "/libdds_security_auth.so"), findings);
  CheckCyclone(host, folder, findings);
  CheckMachineWide(host, drop_in, findings);
  CheckToken(host, folder, findings);
}

}  // namespace ddskey::doctor
