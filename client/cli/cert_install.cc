#include <string>

#include "client/cli/commands.h"
#include "client/cli/file.h"
#include "client/cli/output.h"
#include "client/cli/text.h"
#include "proto/contract/status_macros.h"

namespace ddskey::cli {
namespace {

constexpr std::string_view kOperands[] = {"NAME"};
constexpr Option kOptions[] = {
    {.name = "certificate",
     .value = "FILE",
     .help = "PEM certificate of the key, with the intermediates after it if there are any",
     .required = true},
    {.name = "ca",
     .value = "FILE",
     .help = "PEM identity CA that this certificate and every peer's must chain to; the ones before stay if not given",
     .repeatable = true},
};

constexpr size_t kMaxAnchors = size_t{64} * 1024;

absl::Status Run(const Arguments& arguments, AdminClient& admin, const Io& io) {
  v1::InstallCertificateRequest request;
  ASSIGN_OR_RETURN(*request.mutable_key_name(), CheckedName(arguments));
  ASSIGN_OR_RETURN(*request.mutable_certificate_chain(), ReadCertificates(*arguments.Value("certificate")));
  for (const std::string& file : arguments.Values("ca")) {
    ASSIGN_OR_RETURN(const std::string anchors, ReadCertificates(file));
    request.mutable_anchors()->append(anchors);
    if (!anchors.ends_with('\n')) request.mutable_anchors()->push_back('\n');
  }
  if (request.anchors().size() > kMaxAnchors) {
    return absl::InvalidArgumentError("the files given with --ca are larger than 64 KiB together");
  }
  ASSIGN_OR_RETURN(const v1::InstallCertificateResponse response, admin.InstallCertificate(request));
  if (io.json) return PrintJson(response, io);
  io.out << "Installed the certificate of " << Escape(response.key().name()) << ".\n";
  PrintCertificate(response.key().certificate(), io);
  return absl::OkStatus();
}

}  // namespace

constinit const Command kCertInstall = {
    .name = "cert install",
    .summary = "Install the certificate of a key and the CAs its peers must chain to.",
    .details = "Refused if the certificate is not the key's, is not signed by one of the CAs, or is not valid now.",
    .operands = kOperands,
    .options = kOptions,
    .run = &Run,
};

}  // namespace ddskey::cli
