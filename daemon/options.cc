#include "daemon/options.h"

#include <string_view>

#include "absl/strings/str_cat.h"

namespace ddskey {

absl::StatusOr<Options> ParseOptions(const std::vector<std::string>& arguments) {
  static constexpr std::string_view kConfig = "--config";
  static constexpr std::string_view kInventory = "--inventory";
  Options options;
  for (size_t i = 0; i < arguments.size(); ++i) {
    const std::string& argument = arguments[i];
    if (argument == "--check") {
      options.check = true;
    } else if (argument == kInventory && i + 1 < arguments.size()) {
      options.inventory = arguments[++i];
    } else if (argument == "--help" || argument == "-h") {
      options.help = true;
    } else if (argument == "--version") {
      options.version = true;
    } else if (argument == kConfig && i + 1 < arguments.size()) {
      options.config = arguments[++i];
    } else if (argument.starts_with("--config=")) {
      options.config = argument.substr(kConfig.size() + 1);
    } else if (argument == kConfig || argument == kInventory) {
      return absl::InvalidArgumentError(absl::StrCat(argument, " needs the path of a file"));
    } else {
      return absl::InvalidArgumentError(absl::StrCat("unknown argument \"", argument, "\"; see: ddskeyd --help"));
    }
  }
  return options;
}

std::string Usage() {
  return
      R"(Usage: ddskeyd [--config FILE] [--check]
       ddskeyd --inventory KEYSTORE

Holds the private keys of DDS participants, and authenticates for them over a unix socket.

  --config FILE  Configuration in protobuf text format; default /etc/ddskeyd/ddskeyd.textproto, which may be absent.
                 It must belong to root, or to the user ddskeyd runs as, and not be writable by others.
  --check        Check the configuration and the policy, say what is wrong with line and column, and exit.
  --inventory KEYSTORE
                 Say how many keys a keystore has that no daemon has open, and in which backends, and exit.
  --version      Print the version and exit.
  --help         Print this and exit.

Signals: SIGHUP reads the policy again and takes it if it has no mistakes. SIGTERM and SIGINT end the daemon in order.
Exit status: 0 ended in order, or the check found nothing; 1 failed; 2 wrong arguments, or the check found mistakes.
)";
}

}  // namespace ddskey
