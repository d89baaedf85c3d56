#ifndef CLIENT_CLI_SETUP_OPTIONS_H_
#define CLIENT_CLI_SETUP_OPTIONS_H_

#include <string>

#include "absl/status/statusor.h"
#include "client/cli/arguments.h"
#include "client/cli/command.h"
#include "client/setup/service_manager.h"
#include "client/setup/wishes.h"

namespace ddskey::cli {

// kSetupOptions are those of ddskeyctl setup.
inline constexpr Option kSetupOptions[] = {
    {.name = "identity",
     .value = "NAME=USER",
     .help = "an identity, for the processes of a user of this host",
     .repeatable = true},
    {.name = "unit",
     .value = "[NAME=]UNIT",
     .help = "an identity for the user of a systemd unit, named after it if NAME is not given",
     .repeatable = true},
    {.name = "backend",
     .value = "BACKEND",
     .help = "where keys are held: tpm, tabrmd, software, or a TCTI like swtpm:path=FILE; looked for if not given"},
    {.name = "replace-backends", .value = "", .help = "put it in the place of those that are configured"},
    {.name = "identity-ca", .value = "FILE", .help = "PEM identity CA that somebody else keeps; else one is made here"},
    {.name = "permissions-ca", .value = "FILE", .help = "PEM permissions CA that somebody else keeps, likewise"},
    {.name = "passphrase-file",
     .value = "FILE",
     .help = "its first line opens the CAs made here; made up, and kept with them, if not given"},
    {.name = "for", .value = "MIDDLEWARE", .help = "cyclonedds (default) or fastdds, which has keys by PKCS#11"},
    {.name = "domains", .value = "FIRST-LAST", .help = "of governance and permissions (default 0-230)"},
    {.name = "algorithm", .value = "ALGORITHM", .help = "ec-p256 (default), ec-p384, rsa-2048 or rsa-3072"},
    {.name = "organization", .value = "NAME", .help = "O= of CAs and identities; the name of this host if not given"},
    {.name = "days", .value = "DAYS", .help = "how long certificates are valid, 1 to 3650 (default 365)"},
    {.name = "etc", .value = "DIR", .help = "folder of the configuration (default /etc/ddskeyd)"},
    {.name = "drop-in",
     .value = "DIR",
     .help = "folder of our libdds_security_auth.so; the installed one if not given"},
    {.name = "dry-run", .value = "", .help = "say what would be done, and change nothing"},
    {.name = "yes", .value = "", .help = "ask nothing"},
};

// SettingsPath is the folder of --etc, without a slash at the end, or /etc/ddskeyd. A usage error for a relative path.
absl::StatusOr<std::string> SettingsPath(const Arguments& arguments);

// ReadSetupWishes reads what is wished for, all but the plugins. `units` knows the users of --unit.
absl::StatusOr<setup::Wishes> ReadSetupWishes(const Arguments& arguments, setup::ServiceManager& units);

// AskForIdentities asks at the terminal who is to have identities, until an empty line.
absl::Status AskForIdentities(const Io& io, setup::ServiceManager& units, setup::Wishes& wishes);

}  // namespace ddskey::cli

#endif  // CLIENT_CLI_SETUP_OPTIONS_H_
