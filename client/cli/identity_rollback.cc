#include <string>

#include "client/cli/commands.h"
#include "client/cli/output.h"
#include "proto/contract/status_macros.h"

namespace ddskey::cli {
namespace {

constexpr std::string_view kOperands[] = {"NAME"};

absl::Status Run(const Arguments& arguments, AdminClient& admin, const Io& io) {
  v1::RollBackIdentityRequest request;
  ASSIGN_OR_RETURN(*request.mutable_name(), CheckedName(arguments));
  ASSIGN_OR_RETURN(const v1::IdentityResponse response, admin.RollBackIdentity(request));
  if (io.json) return PrintJson(response, io);
  io.out << "Handshakes of " << request.name() << " from now on use generation " << response.key().generation()
         << " again. Sessions go on.\n\n";
  PrintGenerations(response.key(), io);
  return absl::OkStatus();
}

}  // namespace

constinit const Command kIdentityRollback = {
    .name = "identity rollback",
    .summary = "Go back to the key that was replaced last.",
    .details =
        "Refused if that is not there any more or its certificate is not good. Said again, it goes forward again.",
    .operands = kOperands,
    .options = {},
    .run = &Run,
};

}  // namespace ddskey::cli
