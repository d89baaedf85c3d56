#include <string>

#include "client/cli/commands.h"
#include "client/cli/output.h"
#include "proto/contract/status_macros.h"

namespace ddskey::cli {
namespace {

constexpr std::string_view kOperands[] = {"NAME"};

absl::Status Run(const Arguments& arguments, AdminClient& admin, const Io& io) {
  v1::GetTrustRequest request;
  ASSIGN_OR_RETURN(*request.mutable_key_name(), CheckedName(arguments));
  return ShowTrust(admin.GetTrust(request), io);
}

}  // namespace

constinit const Command kTrustList = {
    .name = "trust list",
    .summary = "List the CAs and revocation lists that a key's peers are held to.",
    .details = "",
    .operands = kOperands,
    .options = {},
    .run = &Run,
};

constinit const Command kCrlList = {
    .name = "crl list",
    .summary = "List the revocation lists, with the CAs; the same as `trust list`.",
    .details = "",
    .operands = kOperands,
    .options = {},
    .run = &Run,
};

}  // namespace ddskey::cli
