#include "client/cli/commands.h"
#include "client/cli/output.h"
#include "proto/contract/status_macros.h"

namespace ddskey::cli {
namespace {

constexpr std::string_view kOperands[] = {"NAME"};
constexpr Option kOptions[] = {
    {.name = "sha256",
     .value = "DIGEST",
     .help = "SHA-256 of the CA's certificate, or its first 8 or more digits",
     .required = true},
};

absl::Status Run(const Arguments& arguments, AdminClient& admin, const Io& io) {
  v1::RemoveTrustAnchorRequest request;
  ASSIGN_OR_RETURN(*request.mutable_key_name(), CheckedName(arguments));
  request.set_sha256(*arguments.Value("sha256"));
  return ShowTrust(admin.RemoveTrustAnchor(request), io);
}

}  // namespace

constinit const Command kTrustRemove = {
    .name = "trust remove",
    .summary = "Accept no more peers with certificates of a CA.",
    .details =
        "Refused for the only CA, and if the key's own certificate would not be good any more. The CA's revocation "
        "list "
        "stays,\nand counts again when the CA is added again.",
    .operands = kOperands,
    .options = kOptions,
    .run = &Run,
};

}  // namespace ddskey::cli
