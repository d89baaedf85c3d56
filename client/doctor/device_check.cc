#include "client/doctor/device_check.h"

#include <sys/stat.h>

#include <algorithm>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "absl/strings/ascii.h"
#include "absl/strings/match.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "absl/strings/strip.h"
#include "client/doctor/trusted_path.h"

namespace ddskey::doctor {
namespace {

constexpr std::string_view kDevice = "device:";
constexpr std::string_view kDefaultTcti = "device:/dev/tpmrm0";

// IsTpmName tells whether the kernel would call a TPM so: "/dev/tpm0", "/dev/tpmrm0".
bool IsTpmName(absl::string_view path) {
  if (!absl::ConsumePrefix(&path, "/dev/tpm")) return false;
  absl::ConsumePrefix(&path, "rm");
  return !path.empty() && std::ranges::all_of(path, [](char c) { return absl::ascii_isdigit(c); });
}

bool MayUse(const UserFacts& user, const FileFacts& device) {
  const mode_t both = S_IROTH | S_IWOTH;
  if (user.uid == 0) return true;
  if (user.uid == device.owner) return (device.mode >> 6 & both) == both;
  const bool member = user.gid == device.group || std::ranges::find(user.groups, device.group) != user.groups.end();
  return ((member ? device.mode >> 3 : device.mode) & both) == both;
}

// FindNode returns the device behind `path`. Anything else is reported, and must not be written to.
std::optional<std::string> FindNode(const Host& host, const std::string& path, Findings& findings) {
  const absl::StatusOr<std::string> real = host.Follow(path);
  const absl::StatusOr<FileFacts> device = real.ok() ? host.Look(*real) : real.status();
  if (!device.ok()) {
    findings.Problem("tpm.device", absl::StrCat("there is no TPM at ", device.status().message()),
                     "switch the TPM on in the firmware's settings (and see: dmesg | grep -i tpm)");
    return std::nullopt;
  }
  if (device->kind == FileKind::kDevice && IsTpmName(*real)) return *real;
  findings.Problem("tpm.device", absl::StrCat(*real, " is no device of a TPM"),
                   "name one in the configuration, as tcti: \"device:/dev/tpmrm0\", then: systemctl restart ddskeyd");
  return std::nullopt;
}

void CheckNode(const Host& host, const std::string& path, Findings& findings) {
  const absl::StatusOr<FileFacts> device = host.Look(path);
  if (!device.ok()) return;
  const std::string text = absl::StrCat(path, " (mode ", Octal(device->mode), ", group ", device->group, ")");
  const std::optional<UserFacts> daemon = host.User("ddskeyd");
  if (daemon.has_value() && !MayUse(*daemon, *device)) {
    const bool in_group = device->group != 0;
    findings.Problem("tpm.permission", absl::StrCat("the user ddskeyd may not use ", text),
                     in_group ? "usermod -aG tss ddskeyd && systemctl restart ddskeyd"
                              : "apt install tpm-udev && udevadm trigger --subsystem-match=tpmrm");
    return;
  }
  if ((device->mode & S_IWOTH) != 0) {
    findings.Warn("tpm.permission", absl::StrCat("every user may use ", text), absl::StrCat("chmod 0660 ", path));
    return;
  }
  findings.Ok("tpm.permission", absl::StrCat("the daemon may use ", text));
}

// ValueOf finds "NAME: 0x1F" in what tpm2_getcap prints.
std::optional<uint64_t> ValueOf(const std::string& output, absl::string_view name) {
  for (const absl::string_view line : absl::StrSplit(output, '\n')) {
    const std::vector<absl::string_view> parts = absl::StrSplit(line, absl::MaxSplits(':', 1));
    if (parts.size() != 2 || absl::StripAsciiWhitespace(parts[0]) != name) continue;
    uint64_t value = 0;
    const absl::string_view text = absl::StripAsciiWhitespace(parts[1]);
    const bool hex = absl::StartsWith(text, "0x");
    if (hex ? absl::SimpleHexAtoi(text, &value) : absl::SimpleAtoi(text, &value)) return value;
  }
  return std::nullopt;
}

void CheckLockout(const Host& host, const std::string& tcti, Findings& findings) {
  const auto asked = host.Run({"tpm2_getcap", "--tcti", tcti, "properties-variable"});
  // Without tpm2-tools the daemon still warns of a lockout.
  if (!asked.ok() || asked->exit_status != 0) return;
  const std::optional<uint64_t> locked = ValueOf(asked->output, "inLockout");
  const std::optional<uint64_t> failed = ValueOf(asked->output, "TPM2_PT_LOCKOUT_COUNTER");
  const std::optional<uint64_t> limit = ValueOf(asked->output, "TPM2_PT_MAX_AUTH_FAIL");
  if (!failed.has_value()) return;
  const std::string text = absl::StrCat("the TPM has counted ", *failed, " wrong passwords",
                                        limit.has_value() ? " of " : "", limit.has_value() ? absl::StrCat(*limit) : "");
  const std::string fix = absl::StrCat("tpm2_dictionarylockout --tcti ", tcti, " --clear-lockout");
  if (locked.value_or(0) != 0) {
    findings.Problem("tpm.lockout", absl::StrCat(text, " and is locked: keys with passwords are refused"), fix);
  } else if (*failed > 0) {
    findings.Warn("tpm.lockout", text, fix);
  } else {
    findings.Ok("tpm.lockout", text);
  }
}

void CheckTpm(const Host& host, const v1::Backend& backend, Findings& findings) {
  const std::string tcti = backend.tpm2().tcti().empty() ? std::string(kDefaultTcti) : backend.tpm2().tcti();
  if (absl::StartsWith(tcti, std::string(kDevice))) {
    if (const auto node = FindNode(host, tcti.substr(kDevice.size()), findings)) {
      CheckNode(host, *node, findings);
      CheckLockout(host, absl::StrCat(std::string(kDevice), *node), findings);
    }
  }
  if (backend.tpm2().storage_root_name().empty()) {
    findings.Warn("tpm.storage-root",
                  absl::StrCat("the storage root of the backend ", backend.name(), " is trusted on first use"),
                  "put storage_root_name (`tpm2_readpublic -c 0x81000001`) into the configuration, then: systemctl "
                  "restart ddskeyd");
  } else {
    findings.Ok("tpm.storage-root", absl::StrCat("the storage root of the backend ", backend.name(), " is named"));
  }
}

void CheckToken(const Host& host, const v1::Backend& backend, Findings& findings) {
  const v1::Pkcs11Backend& token = backend.pkcs11();
  if (!token.helper_socket().empty()) {
    const absl::StatusOr<FileFacts> socket = host.Look(token.helper_socket());
    if (socket.ok() && socket->kind == FileKind::kSocket) {
      findings.Ok("token.helper", absl::StrCat(token.helper_socket(), " is there"));
    } else {
      findings.Problem("token.helper", absl::StrCat("there is no socket ", token.helper_socket()),
                       "systemctl enable --now ddskeyd-pkcs11@NAME.socket");
    }
    return;
  }
  if (token.same_user()) {
    findings.Warn("token.user",
                  absl::StrCat("the module of the backend ", backend.name(), " runs as the daemon's own user"),
                  "use helper_socket, as docs/keys.md says");
  }
  if (!absl::StartsWith(token.module(), "/")) return;
  if (!host.Look(token.module()).ok()) {
    findings.Problem("token.module", absl::StrCat("there is no module ", token.module()),
                     "install the token's PKCS#11 module, or correct `module` in the configuration");
  } else if (CheckTrustedPath(host, token.module(), 0, "token.module", findings)) {
    findings.Ok("token.module", absl::StrCat(token.module(), " is there and root's alone"));
  }
}

}  // namespace

void CheckDevices(const Host& host, const v1::Config& config, Findings& findings) {
  for (const v1::Backend& backend : config.backend()) {
    if (backend.has_tpm2()) CheckTpm(host, backend, findings);
    if (backend.has_pkcs11()) CheckToken(host, backend, findings);
    if (backend.has_software()) {
      findings.Ok("software.backend",
                  "keys of the software backend are protected by a file on this machine, not by a device");
    }
  }
}

}  // namespace ddskey::doctor
