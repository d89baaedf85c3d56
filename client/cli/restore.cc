#include <string>
#include <vector>

#include "client/cli/backup_file.h"
#include "client/cli/commands.h"
#include "client/cli/file.h"
#include "client/cli/text.h"
#include "proto/contract/status_macros.h"

namespace ddskey::cli {
namespace {

constexpr std::string_view kOperands[] = {"FILE"};
constexpr Option kOptions[] = {
    {.name = "sha256", .value = "HEX", .help = "what the backup must have, as it was said when it was made"},
};

// Result is a row of the table: the name, what came of it, and what to do.
using Result = std::vector<std::string>;

// CheckKeys says whether the keys of a restored identity work here.
Result CheckKeys(const std::string& name, AdminClient& admin) {
  v1::CheckIdentityRequest request;
  request.set_name(name);
  const auto response = admin.CheckIdentity(request);
  if (!response.ok()) return {name, "restored; not checked", "ddskeyctl store check"};
  for (const v1::KeyCheck& check : response->checks()) {
    if (check.state() == "current" && !check.good()) return {name, "restored; needs a new key", check.fix()};
  }
  return {name, "restored; works", "-"};
}

// Restore puts one identity back. `failed` counts those that could not be.
Result Restore(const v1::BackupIdentity& identity, AdminClient& admin, int& failed) {
  v1::RestoreIdentityRequest request;
  *request.mutable_identity() = identity;
  const auto response = admin.RestoreIdentity(request);
  if (response.ok()) return CheckKeys(identity.name(), admin);
  if (absl::IsAlreadyExists(response.status())) return {identity.name(), "left as it is: the name is taken", "-"};
  ++failed;
  return {identity.name(), "failed", std::string(response.status().message())};
}

absl::Status Run(const Arguments& arguments, AdminClient& admin, const Io& io) {
  ASSIGN_OR_RETURN(const std::string content, ReadBackup(arguments.operands().front()));
  ASSIGN_OR_RETURN(const v1::Backup backup, DecodeBackup(content));
  if (const auto expected = arguments.Value("sha256"); expected.has_value() && *expected != DigestOf(content)) {
    return absl::FailedPreconditionError("this is another backup: its SHA-256 is " + DigestOf(content));
  }
  std::vector<Result> results = {{"NAME", "RESULT", "WHAT TO DO"}};
  int failed = 0;
  for (const v1::BackupIdentity& identity : backup.identities()) results.push_back(Restore(identity, admin, failed));
  io.out << FormatTable(results);
  if (failed == 0) return absl::OkStatus();
  return absl::FailedPreconditionError(std::to_string(failed) + " of " + std::to_string(backup.identities_size()) +
                                       " identities could not be restored");
}

}  // namespace

constinit const Command kRestore = {
    .name = "restore",
    .summary = "Put the identities of a backup into the keystore.",
    .details =
        "Identities whose names are taken are left as they are. Says of each restored one whether its key works here:\n"
        "keys of another machine's TPM do not, and are renewed with identity renew, as is everything without the "
        "secret\n"
        "of the software backend, which must be in place before the daemon starts.",
    .operands = kOperands,
    .options = kOptions,
    .run = &Run,
};

}  // namespace ddskey::cli
