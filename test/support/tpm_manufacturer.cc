#include "test/support/tpm_manufacturer.h"

#include <cstdio>
#include <cstdlib>
#include <filesystem>

#include "test/support/process.h"

namespace ddskey::test {

TpmManufacturer::TpmManufacturer() {
  const std::string ca = dir_.File("ca");
  std::filesystem::create_directory(ca);
  dir_.Write("localca.conf", "statedir = " + ca + "\nsigningkey = " + ca + "/signkey.pem\nissuercert = " + ca +
                                 "/issuercert.pem\ncertserial = " + ca + "/certserial\n");
  dir_.Write("localca.options", "--platform-manufacturer Test\n--platform-version 1\n--platform-model Test\n");
  dir_.Write("setup.conf",
             "create_certs_tool = /usr/bin/swtpm_localca\ncreate_certs_tool_config = " + dir_.File("localca.conf") +
                 "\ncreate_certs_tool_options = " + dir_.File("localca.options") + "\nactive_pcr_banks = sha256\n");
}

std::unique_ptr<Swtpm> TpmManufacturer::Make() const {
  auto tpm = std::make_unique<Swtpm>([this](const std::string& state) {
    std::string output;
    if (Run({"swtpm_setup", "--tpm2", "--tpmstate", state, "--create-ek-cert", "--config", dir_.File("setup.conf")},
            &output) == 0) {
      return;
    }
    std::fprintf(stderr, "swtpm_setup failed\n%s\n", output.c_str());
    std::abort();
  });
  dir_.Write("roots.pem",
             ReadFile(dir_.File("ca/issuercert.pem")) + ReadFile(dir_.File("ca/swtpm-localca-rootca-cert.pem")));
  return tpm;
}

std::string TpmManufacturer::roots() const { return dir_.File("roots.pem"); }

}  // namespace ddskey::test
