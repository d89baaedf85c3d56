#include <string>

#include "client/cli/commands.h"
#include "client/cli/file.h"
#include "client/cli/output.h"
#include "proto/contract/status_macros.h"

namespace ddskey::cli {
namespace {

constexpr std::string_view kOperands[] = {"NAME"};
constexpr Option kOptions[] = {
    {.name = "ca", .value = "FILE", .help = "PEM identity CA, or several", .repeatable = true, .required = true},
};

absl::Status Run(const Arguments& arguments, AdminClient& admin, const Io& io) {
  v1::AddTrustAnchorsRequest request;
  ASSIGN_OR_RETURN(*request.mutable_key_name(), CheckedName(arguments));
  for (const std::string& file : arguments.Values("ca")) {
    ASSIGN_OR_RETURN(const std::string anchors, ReadCertificates(file));
    request.mutable_anchors()->append(anchors + "\n");
  }
  return ShowTrust(admin.AddTrustAnchors(request), io);
}

}  // namespace

constinit const Command kTrustAdd = {
    .name = "trust add",
    .summary = "Let a key's peers also have certificates of another CA.",
    .details = "The CAs that are there stay.",
    .operands = kOperands,
    .options = kOptions,
    .run = &Run,
};

}  // namespace ddskey::cli
