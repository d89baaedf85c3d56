#ifndef CLIENT_CLI_CA_OPTIONS_H_
#define CLIENT_CLI_CA_OPTIONS_H_

#include <string_view>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "client/cli/arguments.h"
#include "client/cli/command.h"
#include "proto/contract/secret_bytes.h"

namespace ddskey::cli {

// What the commands of the CA share. They need no daemon.

// kCaOperands is the folder that all of them work on.
inline constexpr std::string_view kCaOperands[] = {"FOLDER"};

inline constexpr Option kPassphraseFile = {
    .name = "passphrase-file", .value = "FILE", .help = "its first line opens the CA's keys; asked for if not given"};
inline constexpr Option kOut = {
    .name = "out", .value = "FILE", .help = "write to FILE, which must not exist; - is the output (default)"};

// How a passphrase is asked for: once, twice because it is new, or once and of any length because somebody else has
// chosen it.
enum class Asking { kOnce, kTwice, kOfOthers };

// PassphraseOf is that of --passphrase-file, or what a person types at the terminal. A usage error without either.
absl::StatusOr<SecretBytes> PassphraseOf(const Arguments& arguments, const Io& io, Asking asking);

// CaPassphrase opens the keys of a CA that exists, as PassphraseOf; without --passphrase-file, the file `passphrase` in
// the CA's folder is taken if there is one, as `setup` makes it, and only its owner, the caller or root, may read it.
absl::StatusOr<SecretBytes> CaPassphrase(const Arguments& arguments, const Io& io);

// EndOf is when something ends, by --days (1 to `most`, `usual` if not given) or, if the command has it, --not-after (a
// date, or a time as in RFC 3339).
absl::StatusOr<absl::Time> EndOf(const Arguments& arguments, const Io& io, int usual, int most);

// Deliver writes `document` to --out, or prints it.
absl::Status Deliver(const Arguments& arguments, const Io& io, std::string_view document);

// RefuseJson is a usage error for --json: these commands answer with documents.
absl::Status RefuseJson(const Io& io);

}  // namespace ddskey::cli

#endif  // CLIENT_CLI_CA_OPTIONS_H_
