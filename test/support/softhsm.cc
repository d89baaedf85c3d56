#include "test/support/softhsm.h"

#include <cstdio>
#include <cstdlib>
#include <filesystem>
#include <vector>

#include "test/support/process.h"

namespace ddskey::test {
namespace {

constexpr char kSecurityOfficer[] = "87654321";

std::string MustRun(const std::vector<std::string>& command, const std::string& config) {
  Process::Options options;
  options.environment["SOFTHSM2_CONF"] = config;
  std::string output;
  if (Run(command, &output, options) != 0) {
    std::fprintf(stderr, "SoftHsm: %s failed: %s\n", command.front().c_str(), output.c_str());
    std::abort();
  }
  return output;
}

// The serial number is in the block of lines that comes before the label's.
std::string SerialOf(const std::string& slots, const std::string& label) {
  static const std::string kSerial = "Serial number:";
  const size_t found = slots.find("Label:            " + label + " ");
  const size_t at = found == std::string::npos ? found : slots.rfind(kSerial, found);
  if (at == std::string::npos) {
    std::fprintf(stderr, "SoftHsm: no token %s in: %s\n", label.c_str(), slots.c_str());
    std::abort();
  }
  const size_t begin = slots.find_first_not_of(' ', at + kSerial.size());
  return slots.substr(begin, slots.find_first_of(" \n", begin) - begin);
}

}  // namespace

SoftHsm::SoftHsm() {
  std::filesystem::create_directory(tokens());
  dir_.Write("softhsm2.conf", "directories.tokendir = " + tokens() +
                                  "\nobjectstore.backend = file\nlog.level = ERROR\nslots.removable = false\n");
  Share();
}

std::string SoftHsm::AddToken(const std::string& label, const std::string& pin) const {
  MustRun({"softhsm2-util", "--init-token", "--free", "--label", label, "--pin", pin, "--so-pin", kSecurityOfficer},
          config());
  Share();
  return SerialOf(MustRun({"softhsm2-util", "--show-slots"}, config()), label);
}

void SoftHsm::SetPin(const std::string& label, const std::string& pin) const {
  MustRun({"pkcs11-tool", "--module", kSoftHsmModule, "--token-label", label, "--login", "--login-type", "so",
           "--so-pin", kSecurityOfficer, "--init-pin", "--new-pin", pin},
          config());
  Share();
}

void SoftHsm::Import(const std::string& token, const std::string& pin, const std::string& pem, const std::string& label,
                     const std::string& id) const {
  const std::string file = dir_.Write("imported.pem", pem);
  MustRun({"softhsm2-util", "--import", file, "--token", token, "--pin", pin, "--label", label, "--id", id}, config());
  std::filesystem::remove(file);
  Share();
}

void SoftHsm::Remove() const {
  std::filesystem::rename(tokens(), dir_.File("away"));
  std::filesystem::create_directory(tokens());
  Share();
}

void SoftHsm::Return() const {
  std::filesystem::remove_all(tokens());
  std::filesystem::rename(dir_.File("away"), tokens());
}

void SoftHsm::Share() const {
  using std::filesystem::perms;
  const perms files = perms::owner_read | perms::owner_write | perms::group_read | perms::group_write |
                      perms::others_read | perms::others_write;
  std::filesystem::permissions(dir_.path(), perms::all);
  for (const auto& entry : std::filesystem::recursive_directory_iterator(dir_.path())) {
    std::filesystem::permissions(entry.path(), entry.is_directory() ? perms::all : files);
  }
}

}  // namespace ddskey::test
