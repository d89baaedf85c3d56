#ifndef CLIENT_CLI_DROP_IN_H_
#define CLIENT_CLI_DROP_IN_H_

#include <optional>
#include <string>

#include "absl/status/statusor.h"

namespace ddskey::cli {

// What is installed for applications.
struct Plugins {
  // The folder whose libdds_security_auth.so is ours.
  std::string drop_in;
  // libddskey_cyclonedds.so, the same plugin under a name of its own.
  std::string cyclonedds;
  // libddskey_pkcs11.so.
  std::string pkcs11;
};

// InstalledPlugins are the paths that our packages use, whether or not something is there.
Plugins InstalledPlugins();

// BuiltPlugins are those of the build tree that this program was started from, if it was.
std::optional<Plugins> BuiltPlugins();

// FindPlugins returns those of the build tree, else the installed ones. With `drop_in`, an absolute path, that folder
// is used. NOT_FOUND, with what to install, if there is no libdds_security_auth.so in the folder.
absl::StatusOr<Plugins> FindPlugins(const std::optional<std::string>& drop_in);

}  // namespace ddskey::cli

#endif  // CLIENT_CLI_DROP_IN_H_
