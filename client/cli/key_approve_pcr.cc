#include "client/cli/commands.h"
#include "client/cli/output.h"
#include "client/cli/pcr_options.h"
#include "client/cli/text.h"
#include "proto/contract/status_macros.h"

namespace ddskey::cli {
namespace {

constexpr std::string_view kOperands[] = {"NAME"};
constexpr Option kOptions[] = {
    {.name = "approval", .value = "FILE", .help = "what ddskeyctl pcr approve has made", .required = true},
};

absl::Status Run(const Arguments& arguments, AdminClient& admin, const Io& io) {
  v1::ApprovePcrsRequest request;
  ASSIGN_OR_RETURN(*request.mutable_name(), CheckedName(arguments));
  ASSIGN_OR_RETURN(*request.mutable_approval(), ReadApproval(*arguments.Value("approval")));
  ASSIGN_OR_RETURN(const v1::IdentityResponse response, admin.ApprovePcrs(request));
  if (io.json) return PrintJson(response, io);
  io.out << "The key " << Escape(response.key().name())
         << " may be used with the approved values of the registers, too.\n";
  return absl::OkStatus();
}

}  // namespace

constinit const Command kKeyApprovePcr = {
    .name = "key approve-pcr",
    .summary = "Let a key be used with other values of the TPM's registers, as its authority has approved.",
    .details =
        "Before an update of the firmware, or after it. The TPM itself checks the approval; earlier values stay good, "
        "so\n"
        "that going back to the firmware before is possible. See: ddskeyctl pcr approve --help",
    .operands = kOperands,
    .options = kOptions,
    .run = &Run,
};

}  // namespace ddskey::cli
