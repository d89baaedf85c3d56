#include "test/support/softhsm_backend.h"

#include <unistd.h>

#include <charconv>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <iterator>

#include "absl/strings/str_cat.h"

namespace ddskey::test {

std::string HelperProgram() { return std::filesystem::absolute("daemon/backend/pkcs11/helper/ddskeyd-pkcs11"); }

std::string SoftHsmBackend(const SoftHsm& hsm, const std::string& name, const std::string& label,
                           const std::string& more) {
  return absl::StrCat("backend { name: \"", name, "\" pkcs11 { module: \"", kSoftHsmModule, "\" token_label: \"", label,
                      "\" environment: \"", hsm.environment(), "\" helper: \"", HelperProgram(), "\" same_user: true ",
                      geteuid() == 0 ? absl::StrCat("helper_user: \"", kHelperUser, "\" ") : "", more, " } }\n");
}

std::vector<pid_t> HelpersOf(pid_t daemon) {
  std::vector<pid_t> helpers;
  for (const auto& entry : std::filesystem::directory_iterator("/proc")) {
    const std::string name = entry.path().filename();
    pid_t pid = 0;
    if (std::from_chars(name.data(), name.data() + name.size(), pid).ptr != name.data() + name.size()) continue;
    // "pid (comm) state ppid ..."; the name of the program is cut to 15 octets.
    std::ifstream file(entry.path() / "stat");
    const std::string stat((std::istreambuf_iterator<char>(file)), std::istreambuf_iterator<char>());
    const size_t comm = stat.find("(ddskeyd-pkcs11) ");
    if (comm == std::string::npos) continue;
    const std::string parent = stat.substr(stat.find(' ', stat.rfind(')') + 2) + 1);
    if (std::atoi(parent.c_str()) == daemon) helpers.push_back(pid);
  }
  return helpers;
}

}  // namespace ddskey::test
