#include "client/cli/commands.h"
#include "client/cli/output.h"
#include "client/cli/text.h"
#include "proto/contract/status_macros.h"

namespace ddskey::cli {
namespace {

constexpr std::string_view kOperands[] = {"NAME"};
constexpr Option kOptions[] = {
    {.name = "pem", .value = "", .help = "print the certificate itself, PEM, the leaf first"},
};

absl::Status Run(const Arguments& arguments, AdminClient& admin, const Io& io) {
  v1::GetCertificateRequest request;
  ASSIGN_OR_RETURN(*request.mutable_key_name(), CheckedName(arguments));
  if (io.json && arguments.Has("pem")) return UsageError("choose --json or --pem");
  ASSIGN_OR_RETURN(const v1::GetCertificateResponse response, admin.GetCertificate(request));
  if (io.json) return PrintJson(response, io);
  if (arguments.Has("pem")) {
    io.out << response.chain_pem();
  } else {
    PrintCertificate(response.certificate(), io);
  }
  return absl::OkStatus();
}

}  // namespace

constinit const Command kCertShow = {
    .name = "cert show",
    .summary = "Show the installed certificate of a key.",
    .details = "",
    .operands = kOperands,
    .options = kOptions,
    .run = &Run,
};

}  // namespace ddskey::cli
