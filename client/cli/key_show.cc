#include "client/cli/commands.h"
#include "client/cli/output.h"
#include "client/cli/text.h"
#include "proto/contract/status_macros.h"

namespace ddskey::cli {
namespace {

constexpr std::string_view kOperands[] = {"NAME"};

absl::Status Run(const Arguments& arguments, AdminClient& admin, const Io& io) {
  v1::GetKeyRequest request;
  ASSIGN_OR_RETURN(*request.mutable_name(), CheckedName(arguments));
  ASSIGN_OR_RETURN(const v1::GetKeyResponse response, admin.GetKey(request));
  if (io.json) return PrintJson(response, io);
  PrintKey(response.key(), io);
  return absl::OkStatus();
}

}  // namespace

constinit const Command kKeyShow = {
    .name = "key show",
    .summary = "Show one key and its certificate.",
    .details = "With --json also the public key, PEM.",
    .operands = kOperands,
    .options = {},
    .run = &Run,
};

}  // namespace ddskey::cli
