#include "client/cli/commands.h"
#include "client/cli/output.h"
#include "client/cli/text.h"
#include "proto/contract/status_macros.h"

namespace ddskey::cli {
namespace {

absl::Status Run(const Arguments&, AdminClient& admin, const Io& io) {
  ASSIGN_OR_RETURN(const v1::ResetClockResponse response, admin.ResetClock(v1::ResetClockRequest()));
  if (io.json) return PrintJson(response, io);
  io.out << "The last good time is now " << FormatTime(response.clock().last_good()) << ".\n";
  return absl::OkStatus();
}

}  // namespace

constinit const Command kClockReset = {
    .name = "clock reset",
    .summary = "Make the time that the clock shows the last good time, though that goes back.",
    .details =
        "For after a clock was far in the future by mistake, and `status` says that it is not set now that it is "
        "right.\nCheck that it is: certificates that have expired since look good again to a clock that is behind.",
    .operands = {},
    .options = {},
    .run = &Run,
};

}  // namespace ddskey::cli
