#include <string>

#include "client/cli/commands.h"
#include "client/cli/file.h"
#include "client/cli/output.h"
#include "proto/contract/status_macros.h"

namespace ddskey::cli {
namespace {

constexpr std::string_view kOperands[] = {"NAME"};
constexpr Option kOptions[] = {
    {.name = "response",
     .value = "FILE|none",
     .help = "DER, as \"openssl ocsp -respout FILE\" writes it; none removes the one that is there",
     .required = true},
};

absl::Status Run(const Arguments& arguments, AdminClient& admin, const Io& io) {
  v1::InstallOcspResponseRequest request;
  ASSIGN_OR_RETURN(*request.mutable_key_name(), CheckedName(arguments));
  if (const std::string file = *arguments.Value("response"); file != "none") {
    ASSIGN_OR_RETURN(*request.mutable_ocsp_response(), ReadOcspResponse(file));
  }
  return ShowTrust(admin.InstallOcspResponse(request), io);
}

}  // namespace

constinit const Command kOcspInstall = {
    .name = "ocsp install",
    .summary = "Install what an OCSP responder says of a key's own certificate, to be shown to peers.",
    .details =
        "Refused unless the certificate's CA, or a responder that it authorised, signed that the certificate is good. "
        "Peers\nare shown it as long as it is current: install the next one in time, and one after each new "
        "certificate.",
    .operands = kOperands,
    .options = kOptions,
    .run = &Run,
};

}  // namespace ddskey::cli
