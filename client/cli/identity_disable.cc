#include <string>

#include "client/cli/commands.h"
#include "client/cli/output.h"
#include "proto/contract/status_macros.h"

namespace ddskey::cli {
namespace {

constexpr std::string_view kOperands[] = {"NAME"};

absl::Status Set(v1::IdentityState state, const char* said, const Arguments& arguments, AdminClient& admin,
                 const Io& io) {
  v1::SetIdentityStateRequest request;
  ASSIGN_OR_RETURN(*request.mutable_name(), CheckedName(arguments));
  request.set_state(state);
  ASSIGN_OR_RETURN(const v1::IdentityResponse response, admin.SetIdentityState(request));
  if (io.json) return PrintJson(response, io);
  io.out << request.name() << said;
  return absl::OkStatus();
}

absl::Status Disable(const Arguments& arguments, AdminClient& admin, const Io& io) {
  return Set(v1::IDENTITY_STATE_DISABLED,
             " is out of use: no handshake step is served from now on, and participants that run with it are ended. "
             "Revoke its certificate, too, if the key may be in wrong hands.\n",
             arguments, admin, io);
}

absl::Status Enable(const Arguments& arguments, AdminClient& admin, const Io& io) {
  return Set(v1::IDENTITY_STATE_ENABLED, " is in use.\n", arguments, admin, io);
}

}  // namespace

constinit const Command kIdentityDisable = {
    .name = "identity disable",
    .summary = "Take an identity out of use at once.",
    .details = "Does not ask. No step of a handshake is served from then on, not even one under way.",
    .operands = kOperands,
    .options = {},
    .run = &Disable,
};

constinit const Command kIdentityEnable = {
    .name = "identity enable",
    .summary = "Take a disabled or deleted identity back into use.",
    .details = "",
    .operands = kOperands,
    .options = {},
    .run = &Enable,
};

}  // namespace ddskey::cli
