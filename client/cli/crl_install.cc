#include <string>

#include "client/cli/commands.h"
#include "client/cli/file.h"
#include "client/cli/output.h"
#include "proto/contract/status_macros.h"

namespace ddskey::cli {
namespace {

constexpr std::string_view kOperands[] = {"NAME"};
constexpr Option kOptions[] = {
    {.name = "crl",
     .value = "FILE",
     .help = "PEM certificate revocation list of an identity CA or an intermediate CA, or several",
     .repeatable = true,
     .required = true},
};

absl::Status Run(const Arguments& arguments, AdminClient& admin, const Io& io) {
  v1::InstallRevocationListsRequest request;
  ASSIGN_OR_RETURN(*request.mutable_key_name(), CheckedName(arguments));
  for (const std::string& file : arguments.Values("crl")) {
    ASSIGN_OR_RETURN(const std::string lists, ReadRevocationLists(file));
    request.mutable_revocation_lists()->append(lists + "\n");
  }
  return ShowTrust(admin.InstallRevocationLists(request), io);
}

}  // namespace

constinit const Command kCrlInstall = {
    .name = "crl install",
    .summary = "Install certificate revocation lists that a key's peers are checked against.",
    .details =
        "Each takes the place of the one of the same issuer and key; refused if its number is lower or it is older. In "
        "force "
        "for "
        "every\nhandshake that begins afterwards. A list past its next update lets nobody of its issuer in.",
    .operands = kOperands,
    .options = kOptions,
    .run = &Run,
};

}  // namespace ddskey::cli
