#include <string>

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
  io.out << '\n';
  PrintGenerations(response.key(), io);
  if (response.key().state() == "deleted") return absl::OkStatus();
  v1::GetTrustRequest trust;
  trust.set_key_name(request.name());
  ASSIGN_OR_RETURN(const v1::TrustResponse trusted, admin.GetTrust(trust));
  io.out << '\n';
  PrintTrust(trusted, io);
  return absl::OkStatus();
}

}  // namespace

constinit const Command kIdentityShow = {
    .name = "identity show",
    .summary = "Show an identity: its keys and certificates, who uses them, and what it trusts.",
    .details =
        "PARTICIPANTS counts those of running processes that began while a key was the current one, as far as they "
        "were\n"
        "seen since the daemon started. With --json the keys alone; see trust list for the rest.",
    .operands = kOperands,
    .options = {},
    .run = &Run,
};

}  // namespace ddskey::cli
