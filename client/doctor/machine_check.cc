#include "client/doctor/machine_check.h"

#include <sys/stat.h>

#include <cstdint>
#include <string>
#include <string_view>

#include "absl/strings/str_cat.h"
#include "client/doctor/trusted_path.h"

namespace ddskey::doctor {
namespace {

constexpr uint64_t kMebi = uint64_t{1} << 20;
// SQLite writes a change twice; a store of a hundred identities has about 1 MiB.
constexpr uint64_t kTooLittleSpace = 8 * kMebi;
constexpr uint64_t kLittleSpace = 64 * kMebi;
constexpr mode_t kOthers = S_IRWXG | S_IRWXO;
constexpr mode_t kMayConnect = S_IWUSR | S_IWGRP | S_IWOTH;

// LookAtSocket returns the facts of a socket that is there and of somebody who may have made it.
std::optional<FileFacts> LookAtSocket(const Host& host, const std::string& path, const std::string& unit,
                                      std::string_view check, Findings& findings) {
  const std::string name(check);
  const absl::StatusOr<FileFacts> facts = host.Look(path);
  if (!facts.ok()) {
    findings.Problem(name + ".exists", absl::StrCat("there is no socket ", facts.status().message()),
                     absl::StrCat("systemctl enable --now ", unit));
    return std::nullopt;
  }
  if (facts->kind != FileKind::kSocket) {
    findings.Problem(name + ".exists", absl::StrCat(path, " is no socket"),
                     absl::StrCat("rm ", path, " && systemctl restart ", unit));
    return std::nullopt;
  }
  if (facts->owner != 0 && facts->owner != DaemonUser(host)) {
    findings.Problem(name + ".owner",
                     absl::StrCat(path, " belongs to user ", facts->owner, ": clients do not trust what is behind it"),
                     absl::StrCat("rm ", path, " && systemctl restart ", unit));
    return std::nullopt;
  }
  return *facts;
}

}  // namespace

void CheckSockets(const Host& host, const v1::Config& config, Findings& findings) {
  if (const auto facts = LookAtSocket(host, config.socket(), "ddskeyd.socket", "socket", findings)) {
    const std::string text = absl::StrCat(config.socket(), " has the mode ", Octal(facts->mode));
    if ((facts->mode & kMayConnect) != kMayConnect && config.socket_mode().empty()) {
      findings.Warn("socket.mode", absl::StrCat(text, ": not every application may connect, whatever the policy says"),
                    "systemctl restart ddskeyd.socket (and see SocketMode= in: systemctl cat ddskeyd.socket)");
    } else {
      findings.Ok("socket.mode", text);
    }
  }
  if (const auto facts = LookAtSocket(host, config.admin_socket(), "ddskeyd-admin.socket", "admin-socket", findings)) {
    const std::string text = absl::StrCat(config.admin_socket(), " has the mode ", Octal(facts->mode));
    if ((facts->mode & S_IWOTH) != 0) {
      findings.Problem("admin-socket.mode", absl::StrCat(text, ": everybody may connect to the administration"),
                       absl::StrCat("chmod 0600 ", config.admin_socket(),
                                    " (and see SocketMode= in: systemctl cat ddskeyd-admin.socket)"));
    } else {
      findings.Ok("admin-socket.mode", text);
    }
  }
}

void CheckState(const Host& host, const v1::Config& config, Findings& findings) {
  const std::string& folder = config.state_directory();
  const absl::StatusOr<FileFacts> facts = host.Look(folder);
  if (!facts.ok()) {
    findings.Problem("state.exists",
                     absl::StrCat("the folder of the keystore cannot be seen: ", facts.status().message()),
                     "systemctl restart ddskeyd");
    return;
  }
  const uid_t daemon = DaemonUser(host);
  bool good = true;
  const auto check = [&](const std::string& path, const FileFacts& there) {
    if ((there.mode & kOthers) != 0) {
      findings.Problem("state.mode",
                       absl::StrCat(path, " is open to others than its owner (mode ", Octal(there.mode), ")"),
                       absl::StrCat("chmod go-rwx ", path));
      good = false;
    }
    if (there.owner != 0 && there.owner != daemon) {
      findings.Problem("state.owner", absl::StrCat(path, " belongs to user ", there.owner),
                       absl::StrCat("chown ddskeyd:ddskeyd ", path));
      good = false;
    }
  };
  check(folder, *facts);
  for (const std::string& name : host.List(folder)) {
    const std::string path = absl::StrCat(folder, "/", name);
    const absl::StatusOr<FileFacts> inside = host.Look(path);
    if (inside.ok()) check(path, *inside);
  }
  if (good) findings.Ok("state.mode", absl::StrCat(folder, " and what is in it is the daemon's alone"));
  const absl::StatusOr<uint64_t> space = host.FreeSpace(folder);
  if (!space.ok()) return;
  const std::string text = absl::StrCat(*space / kMebi, " MiB are free in ", folder);
  const std::string fix = "journalctl --vacuum-size=100M (and see: df -h)";
  if (*space < kTooLittleSpace) {
    findings.Problem("state.space", absl::StrCat(text, ": changes of the keystore may fail"), fix);
  } else if (*space < kLittleSpace) {
    findings.Warn("state.space", text, fix);
  } else {
    findings.Ok("state.space", text);
  }
}

void CheckMachine(const Host& host, Findings& findings) {
  const ClockFacts clock = host.Clock();
  const std::string says =
      absl::StrCat("the clock says ", absl::FormatTime("%Y-%m-%d %H:%M:%S", clock.now, absl::UTCTimeZone()), " UTC");
  if (clock.synchronised.value_or(true)) {
    findings.Ok("clock.synchronised", clock.synchronised.has_value() ? absl::StrCat(says, " and is kept right") : says);
  } else {
    findings.Warn("clock.synchronised", absl::StrCat(says, ", and nothing keeps it right"),
                  "timedatectl set-ntp true (needs systemd-timesyncd or chrony)");
  }
  if (host.HasEntropy()) {
    const absl::StatusOr<std::string> source = host.Read("/sys/class/misc/hw_random/rng_current");
    const bool device = source.ok() && !source->empty() && *source != "none\n";
    findings.Ok("entropy", absl::StrCat("the kernel's random numbers are seeded",
                                        device ? ", also by a device" : "; there is no hardware generator"));
  } else {
    findings.Problem("entropy", "the kernel has no random numbers yet: everything that needs a key waits",
                     "apt install rng-tools-debian (or give the virtual machine a virtio-rng device)");
  }
}

}  // namespace ddskey::doctor
