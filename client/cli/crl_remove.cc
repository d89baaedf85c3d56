#include "client/cli/commands.h"
#include "client/cli/output.h"
#include "proto/contract/status_macros.h"

namespace ddskey::cli {
namespace {

constexpr std::string_view kOperands[] = {"NAME"};
constexpr Option kOptions[] = {
    {.name = "sha256",
     .value = "DIGEST",
     .help = "SHA-256 of the list, or its first 8 or more digits; see: ddskeyctl crl list",
     .required = true},
};

absl::Status Run(const Arguments& arguments, AdminClient& admin, const Io& io) {
  v1::RemoveRevocationListRequest request;
  ASSIGN_OR_RETURN(*request.mutable_key_name(), CheckedName(arguments));
  request.set_sha256(*arguments.Value("sha256"));
  return ShowTrust(admin.RemoveRevocationList(request), io);
}

}  // namespace

constinit const Command kCrlRemove = {
    .name = "crl remove",
    .summary = "Check a key's peers against a certificate revocation list no more.",
    .details =
        "For the list of a CA that is used no more, or one that was installed by mistake. Peers that it revokes are "
        "let "
        "in\nagain. Refused if the key's own certificate would not be good any more.",
    .operands = kOperands,
    .options = kOptions,
    .run = &Run,
};

}  // namespace ddskey::cli
