#ifndef DAEMON_CONFIG_CONFIG_H_
#define DAEMON_CONFIG_CONFIG_H_

#include <sys/types.h>

#include <string>
#include <string_view>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "ddskey/v1/config.pb.h"

namespace ddskey {

// Where the configuration is looked for when no path is given.
inline constexpr std::string_view kDefaultConfigPath = "/etc/ddskeyd/ddskeyd.textproto";

// LoadConfig reads the configuration at `path` (protobuf text format, config.proto; S-14 says whose it must be) and
// fills in every default, so that no field but those of `limits` is empty; `state_directory` and `runtime_directory`
// have them from $STATE_DIRECTORY and $RUNTIME_DIRECTORY where systemd set those. NOT_FOUND if there is no such file.
// INVALID_ARGUMENT has every mistake on a line of its own, as "PATH:LINE:COLUMN: sentence"; mistakes of meaning are
// only looked for when there are none of syntax.
absl::StatusOr<v1::Config> LoadConfig(const std::string& path);

// ParseConfig is LoadConfig for text that was read from `file_name`.
absl::StatusOr<v1::Config> ParseConfig(const std::string& text, const std::string& file_name);

// DefaultConfig is the configuration of a daemon without a file.
v1::Config DefaultConfig();

// SocketMode reads the permission bits of a socket, "0600", as LoadConfig has checked them.
mode_t SocketMode(const std::string& octal);

}  // namespace ddskey

#endif  // DAEMON_CONFIG_CONFIG_H_
