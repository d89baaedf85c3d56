// The text of the configuration (daemon/config/config.h).
// An input is the file.

#include <google/protobuf/text_format.h>
#include <google/protobuf/util/message_differencer.h>

#include <algorithm>
#include <set>
#include <string>
#include <string_view>

#include "daemon/config/config.h"
#include "test/fuzz/fuzz_input.h"
#include "test/fuzz/invariant.h"

namespace ddskey::fuzz {
namespace {

bool IsTcti(std::string_view text) {
  return text.starts_with("device:") || text.starts_with("tabrmd:") || text.starts_with("swtpm:") ||
         text.starts_with("mssim:") || text == "device" || text == "tabrmd" || text == "swtpm" || text == "mssim";
}

absl::StatusOr<v1::Config> Parse(const std::string& text) {
  auto config = ParseConfig(text, "file");
  // The planted bug: any TCTI is taken (S-13), if it comes with a socket.
  if (planted_bug && !config.ok() && text.find("cmd:") != std::string::npos) {
    v1::Config raw;
    if (google::protobuf::TextFormat::ParseFromString(text, &raw)) return raw;
  }
  return config;
}

void CheckMeaning(const v1::Config& config) {
  for (const std::string& path : {config.socket(), config.admin_socket(), config.state_directory(),
                                  config.runtime_directory(), config.policy_file()}) {
    Require(path.starts_with('/') && path.find('\0') == std::string::npos, "paths are absolute");
  }
  Require(config.socket().size() < 104 && config.admin_socket().size() < 104, "a socket's path fits");
  Require(config.backend_size() >= 1 && config.backend_size() <= 16, "there are 1 to 16 backends");
  for (const v1::Backend& backend : config.backend()) {
    Require(!backend.name().empty() && backend.name().size() <= 32, "a backend has a name");
    Require(backend.kind_case() != v1::Backend::KIND_NOT_SET, "a backend is of a kind");
    if (backend.has_tpm2()) Require(IsTcti(backend.tpm2().tcti()), "S-13: TCTIs are those of the list");
  }
  std::set<std::string> files;
  for (const v1::RevocationListFile& file : config.revocation_list_file()) {
    Require(file.path().starts_with('/') && file.path().find('\0') == std::string::npos, "paths are absolute");
    Require(files.insert(file.path()).second, "a file is named once");
    for (const std::string& pattern : file.key()) Require(!pattern.empty(), "a pattern is not empty");
  }
  Require(files.size() <= 256, "there are at most 256 files");
  Require(config.clock().unset() == v1::Clock::REFUSE || config.clock().unset() == v1::Clock::WARN,
          "what happens while the clock is not set is said");
  Require((SocketMode(config.socket_mode()) & ~0777U) == 0, "modes are permission bits");
}

}  // namespace
}  // namespace ddskey::fuzz

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  using namespace ddskey;
  using namespace ddskey::fuzz;
  const std::string text(AsText(data, size));
  const auto config = Parse(text);
  if (!config.ok()) {
    const std::string_view mistakes(config.status().message().data(), config.status().message().size());
    Require(config.status().code() == absl::StatusCode::kInvalidArgument, "a bad file is an invalid argument");
    Require(mistakes.starts_with("file:"), "a mistake says where it is");
    return 0;
  }
  CheckMeaning(*config);
  std::string printed;
  google::protobuf::TextFormat::PrintToString(*config, &printed);
  const auto again = ParseConfig(printed, "printed");
  Require(again.ok(), "a configuration with its defaults is a configuration");
  Require(google::protobuf::util::MessageDifferencer::Equals(*again, *config), "and the same one");
  return 0;
}
