#include "client/setup/backend_probe.h"

#include <sys/stat.h>
#include <systemd/sd-bus.h>

#include <algorithm>
#include <cstdlib>
#include <string_view>

#include "absl/strings/str_cat.h"

namespace ddskey::setup {
namespace {

constexpr char kDevice[] = "/dev/tpmrm0";
constexpr char kBroker[] = "com.intel.tss2.Tabrmd";

constexpr char kSoftwareWarning[] =
    "there is no TPM here: keys are encrypted with a secret in a file of the daemon's. Whoever copies the disk, or is "
    "root once, has them. Once there is a TPM, delete the identities and run setup again with --backend tpm "
    "--replace-backends";

bool HasDevice(const std::string& path) {
  struct stat about = {};
  return stat(path.c_str(), &about) == 0 && S_ISCHR(about.st_mode);
}

// IsOwned asks whether somebody serves under the name of tpm2-abrmd.
bool IsOwned(sd_bus* bus) {
  sd_bus_message* answer = nullptr;
  int owned = 0;
  const bool asked = sd_bus_call_method(bus, "org.freedesktop.DBus", "/org/freedesktop/DBus", "org.freedesktop.DBus",
                                        "NameHasOwner", nullptr, &answer, "s", kBroker) >= 0 &&
                     sd_bus_message_read(answer, "b", &owned) > 0;
  sd_bus_message_unref(answer);
  return asked && owned != 0;
}

bool HasBroker() {
  sd_bus* bus = nullptr;
  if (sd_bus_open_system(&bus) < 0) return false;
  const bool owned = IsOwned(bus);
  sd_bus_flush_close_unref(bus);
  return owned;
}

// LooksLikeTcti tells a TCTI of tpm2-tss from a mistyped word.
bool LooksLikeTcti(std::string_view text) {
  const size_t colon = text.find(':');
  if (colon == std::string_view::npos || colon == 0) return false;
  return std::ranges::all_of(text, [](char c) { return c > ' ' && c < 0x7f && c != '"' && c != '\\'; });
}

FoundBackend Tpm(const std::string& tcti, const std::string& reason) {
  return {.choice = {.kind = "tpm2", .tcti = tcti}, .reason = reason, .warning = ""};
}

FoundBackend Software(const std::string& reason, const std::string& warning) {
  return {.choice = {.kind = "software", .tcti = ""}, .reason = reason, .warning = warning};
}

FoundBackend Probe(const Surroundings& surroundings) {
  if (surroundings.has_device(kDevice)) {
    return Tpm(absl::StrCat("device:", kDevice), "as this machine has a TPM 2.0");
  }
  if (surroundings.has_broker()) return Tpm("tabrmd:", "as tpm2-abrmd serves on the system bus");
  const std::string configured = surroundings.variable("TPM2TOOLS_TCTI");
  if (configured.starts_with("swtpm:") && LooksLikeTcti(configured)) {
    FoundBackend found = Tpm(configured, "as TPM2TOOLS_TCTI names it");
    found.warning = "a software TPM protects keys no better than the files of its state are protected";
    return found;
  }
  return Software("as no TPM was found: no /dev/tpmrm0, no tpm2-abrmd on the system bus", kSoftwareWarning);
}

}  // namespace

Surroundings Surroundings::Host() {
  return {.has_device = &HasDevice, .has_broker = &HasBroker, .variable = [](const std::string& name) {
            const char* const value = secure_getenv(name.c_str());
            return std::string(value == nullptr ? "" : value);
          }};
}

absl::StatusOr<FoundBackend> FindBackend(const std::string& wish, const Surroundings& surroundings) {
  if (wish.empty()) return Probe(surroundings);
  if (wish == "software") return Software("as you said", "");
  if (wish == "tpm") {
    if (!surroundings.has_device(kDevice)) {
      return absl::FailedPreconditionError(
          "there is no /dev/tpmrm0: no TPM 2.0, or it is switched off in the firmware, or the kernel has no driver");
    }
    return Tpm(absl::StrCat("device:", kDevice), "as you said");
  }
  if (wish == "tabrmd") {
    if (!surroundings.has_broker()) {
      return absl::FailedPreconditionError(
          "tpm2-abrmd does not serve on the system bus: systemctl start tpm2-abrmd, and install libtss2-tcti-tabrmd0");
    }
    return Tpm("tabrmd:", "as you said");
  }
  if (LooksLikeTcti(wish)) return Tpm(wish, "as you said");
  return absl::InvalidArgumentError(
      "a backend is tpm, tabrmd, software, or a TCTI like swtpm:path=/run/swtpm.sock or device:/dev/tpmrm1");
}

}  // namespace ddskey::setup
