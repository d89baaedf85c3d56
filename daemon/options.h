#ifndef DAEMON_OPTIONS_H_
#define DAEMON_OPTIONS_H_

#include <optional>
#include <string>
#include <vector>

#include "absl/status/statusor.h"

namespace ddskey {

// Options are what the command line of ddskeyd says.
struct Options {
  // The configuration file; the default one, which may be absent, if not given.
  std::optional<std::string> config;
  bool check = false;
  // The keystore to say the inventory of.
  std::optional<std::string> inventory;
  bool help = false;
  bool version = false;
};

// ParseOptions reads the arguments behind the program's name. INVALID_ARGUMENT for anything it does not know.
absl::StatusOr<Options> ParseOptions(const std::vector<std::string>& arguments);

// Usage is what `--help` prints.
std::string Usage();

}  // namespace ddskey

#endif  // DAEMON_OPTIONS_H_
